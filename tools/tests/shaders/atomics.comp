// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Atomic operations on threadgroup and device memory; what they return in sum.
#version 460

layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer In {
    uint words[];
} source;
layout(std430, binding = 1) buffer Out {
    uint words[];
} result;

uint next;

uint take()
{
    return source.words[next++];
}

shared uint counters[16];

void main()
{
    uint i = gl_GlobalInvocationID.x, l = gl_LocalInvocationID.x;
    uint a = source.words[i];
    uint base = gl_WorkGroupID.x * 32;
    if (l < 16)
        counters[l] = l == 3 || l == 4 ? 0xffffffff : 0;
    barrier();
    uint old = atomicAdd(counters[0], a & 0xff);
    atomicMax(counters[1], a);
    atomicMax(counters[2], a >> 1);
    atomicMin(counters[3], a);
    atomicAnd(counters[4], a | 0xfff);
    atomicOr(counters[5], a & 0xf0f0);
    atomicXor(counters[6], a);
    if (atomicCompSwap(counters[7], 0, 1) == 0)
        atomicAdd(counters[8], 1);
    atomicAdd(counters[9], atomicExchange(counters[10], 1));
    barrier();
    if (l < 16)
        result.words[base + l] = counters[l];
    // Device memory, all threadgroups; the results lie behind those of the threadgroups.
    uint all = gl_NumWorkGroups.x * 32;
    atomicAdd(result.words[all], a & 0xff);
    atomicMax(result.words[all + 1], a);
    atomicOr(result.words[all + 2], a & 0x00ff00ff);
    atomicXor(result.words[all + 3], a);
    if (atomicCompSwap(result.words[all + 4], 0, 7) == 0)
        atomicAdd(result.words[all + 5], 1);
    atomicAdd(result.words[all + 6], atomicExchange(result.words[all + 7], 1));
    atomicAdd(result.words[all + 8 + (a & 7)], 1);
}
