// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Private arrays that are indexed by values.
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

void main()
{
    uint i = gl_GlobalInvocationID.x;
    next = i * 4;
    uint a = take(), b = take(), c = take();
    uint array[64];
    for (uint j = 0; j < 64; j++)
        array[j] = a * j + b;
    for (uint j = 0; j < 32; j++) {
        uint from = (c >> (j & 15)) & 63, to = (a >> (j & 7)) + j & 63;
        uint value = array[from];
        array[from] = array[to];
        array[to] = value + j;
    }
    uint sum = 0;
    for (uint j = 0; j < 64; j++)
        sum = sum * 31 + array[j];
    result.words[i * 2] = sum;
    result.words[i * 2 + 1] = array[c & 63];
}
