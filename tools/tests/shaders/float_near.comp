// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Floating point with some freedom.
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
    uint at = i * 16;
    next = i * 4;
    float a = uintBitsToFloat(take()), b = uintBitsToFloat(take()), c = uintBitsToFloat(take());
    float p = abs(a) + 0.01;

    put(at, a / b);
    put(at, sqrt(p));
    put(at, inversesqrt(p));
    put(at, exp2(clamp(a, -20.0, 20.0)));
    put(at, log2(p));
    put(at, exp(clamp(b, -20.0, 20.0)));
    put(at, log(p));
    put(at, pow(p, clamp(b, -4.0, 4.0)));
    put(at, a * b + c);
    put(at, mix(a, b, 0.25));
    put(at, dot(vec3(a, b, c), vec3(a, b, c)));
    put(at, length(vec4(a, b, c, 1.0)));
    put(at, 1.0 / p);
    put(at, fract(a));
    put(at, ldexp(a, int(i % 9) - 4));
    put(at, smoothstep(-2.0, 2.0, a));
}
