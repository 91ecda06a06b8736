// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 64-bit integers.
#version 460
#extension GL_ARB_gpu_shader_int64 : require
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

void put(inout uint at, uint64_t value)
{
    result.words[at++] = uint(value);
    result.words[at++] = uint(value >> 32);
}

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uint at = i * 32;
    next = i * 4;
    uint64_t a = take(), b = take();
    a = a << 32 | take();
    b = b << 32 | take();
    int64_t sa = int64_t(a), sb = int64_t(b);

    put(at, a + b);
    put(at, a - b);
    put(at, a * b);
    put(at, a << int(b & 63));
    put(at, a >> int(b & 63));
    put(at, uint64_t(sa >> int(b & 63)));
    put(at, a & ~b);
    put(at, min(a, b));
    put(at, uint64_t(max(sa, sb)));
    put(at, uint64_t(a < b) | uint64_t(sa < sb) << 1 | uint64_t(a == b) << 2);
    put(at, a / (b >> 20 | 1));
    put(at, a % (b >> 40 | 1));
    put(at, uint64_t(sa / (sb >> 30 | 1)));
    put(at, uint64_t(uint(a)) * uint(b));
    put(at, uint64_t(int64_t(int(a)) * int(b)));
    put(at, uint64_t(abs(sa)));
}
