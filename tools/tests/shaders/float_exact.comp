// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Floating point that has one right answer. Vulkan lets fma() round its product or not, "precise" or
// not, so it is asked for products that need no rounding.
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
    uint at = i * 24;
    next = i * 4;
    float a = uintBitsToFloat(take()), b = uintBitsToFloat(take()), c = uintBitsToFloat(take());
    precise float sum = a + b, difference = a - b, product = a * b;
    precise float fused = fma(float(floatBitsToInt(a) >> 20), float(floatBitsToInt(b) >> 20), c);

    put(at, sum);
    put(at, difference);
    put(at, product);
    put(at, fused);
    put(at, floor(a));
    put(at, ceil(a));
    put(at, trunc(a));
    put(at, roundEven(a));
    put(at, abs(a));
    put(at, -a);
    put(at, sign(a));
    put(at, min(a, b));
    put(at, max(a, b));
    put(at, clamp(a, -1.5, 2.5));
    put(at, clamp(a, 0.0, 1.0));
    put(at, step(a, b));
    put(at, a < b ? c : a);
    put(at, a >= b ? -c : b);
    result.words[at++] = uint(a < b) | uint(a <= b) << 1 | uint(a == b) << 2 | uint(a != b) << 3 |
                         uint(a > b) << 4 | uint(a >= b) << 5 | uint(isnan(a)) << 6 | uint(isinf(a)) << 7;
    put(at, abs(b) * 0.5);
    put(at, a + 3.0);
    put(at, -a * 2.0);
    put(at, max(abs(a), -b));
    put(at, c);
}
