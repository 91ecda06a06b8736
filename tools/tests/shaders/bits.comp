// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bit operations.
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
    uint at = i * 24;
    next = i * 4;
    uint a = take(), b = take(), c = take(), d = take();
    int offset = int(d & 31), bits = min(int(d >> 5 & 31) + 1, 32 - offset);

    result.words[at++] = a & b;
    result.words[at++] = a | b;
    result.words[at++] = a ^ b;
    result.words[at++] = ~a;
    result.words[at++] = (a & ~b) | (c & b);
    result.words[at++] = a << (b & 31);
    result.words[at++] = a >> (b & 31);
    result.words[at++] = uint(int(a) >> int(b & 31));
    result.words[at++] = bitfieldExtract(a, offset, bits);
    result.words[at++] = uint(bitfieldExtract(int(a), offset, bits));
    result.words[at++] = bitfieldInsert(a, b, offset, bits);
    result.words[at++] = bitfieldExtract(a, 5, 9);
    result.words[at++] = uint(bitfieldExtract(int(a), 11, 7));
    result.words[at++] = bitfieldInsert(a, b, 13, 6);
    result.words[at++] = bitfieldReverse(a);
    result.words[at++] = bitCount(a);
    result.words[at++] = uint(findLSB(a));
    result.words[at++] = uint(findMSB(a));
    result.words[at++] = uint(findMSB(int(a)));
    result.words[at++] = uint(findLSB(a & b & c & d));
    result.words[at++] = (a << offset) | (a >> (32 - max(offset, 1)));
    result.words[at++] = uint(int(a << 24) >> 24);
    result.words[at++] = (a >> 8 & 255) + (b >> 16);
    result.words[at++] = uint(findMSB(a & b & c & d));
}
