// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threadgroup memory and barriers.
#version 460

layout(local_size_x = 128) in;
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

shared uint values[128];
shared float tile[2][8][8];

void main()
{
    uint i = gl_GlobalInvocationID.x, l = gl_LocalInvocationID.x;
    uint at = i * 4;
    values[l] = source.words[i];
    barrier();
    result.words[at++] = values[127 - l];
    barrier();
    for (uint step = 1; step < 128; step *= 2) {
        uint other = l >= step ? values[l - step] : 0;
        barrier();
        values[l] += other;
        barrier();
    }
    result.words[at++] = values[l];
    uint row = l / 8 & 7, column = l & 7;
    if (l < 64) {
        tile[0][row][column] = float(source.words[i] & 15);
        tile[1][row][column] = float(source.words[i] >> 4 & 15);
    }
    barrier();
    float sum = 0.0;
    for (uint k = 0; k < 8; k++)
        sum += tile[0][row][k] * tile[1][k][column];
    result.words[at++] = floatBitsToUint(sum);
    result.words[at++] = gl_LocalInvocationIndex;
}
