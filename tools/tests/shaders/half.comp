// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 16-bit floating point.
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
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

void put(inout uint at, float16_t value)
{
    result.words[at++] = packHalf2x16(vec2(float(value), 0.0));
}

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uint at = i * 16;
    next = i * 4;
    float fa = clamp(uintBitsToFloat(take()), -200.0, 200.0), fb = clamp(uintBitsToFloat(take()), -200.0, 200.0);
    float16_t a = float16_t(fa), b = float16_t(fb);
    precise float16_t sum = a + b, product = a * b;

    put(at, a);
    put(at, sum);
    put(at, product);
    put(at, a - b);
    put(at, min(a, b));
    put(at, max(a, b));
    put(at, abs(a));
    put(at, floor(a));
    put(at, clamp(a, float16_t(0.0), float16_t(1.0)));
    put(at, a < b ? a : -b);
    result.words[at++] = packHalf2x16(vec2(fa, fb));
    vec2 unpacked = unpackHalf2x16(source.words[i * 4] & 0x7bff7bff);
    result.words[at++] = floatBitsToUint(unpacked.x);
    result.words[at++] = floatBitsToUint(unpacked.y);
    result.words[at++] = uint(a < b) | uint(a == b) << 1;
    result.words[at++] = uint(int(a));
    result.words[at++] = floatBitsToUint(float(a) * 2.0);
}
