// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Trigonometry.
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

void put(inout uint at, float value)
{
    result.words[at++] = floatBitsToUint(value);
}

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uint at = i * 8;
    next = i * 4;
    float a = clamp(uintBitsToFloat(take()), -3.1, 3.1), b = clamp(uintBitsToFloat(take()), -3.1, 3.1);

    put(at, sin(a));
    put(at, cos(a));
    put(at, sin(b) * cos(b));
    put(at, atan(a));
    put(at, atan(a, b + (b < 0.0 ? -0.1 : 0.1)));
    put(at, asin(clamp(a, -1.0, 1.0)));
    put(at, acos(clamp(b, -1.0, 1.0)));
    put(at, tanh(a));
}
