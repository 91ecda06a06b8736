// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Conversions, packing.
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
    uint at = i * 16;
    next = i * 4;
    uint a = take(), b = take();
    float f = clamp(uintBitsToFloat(take()), -100000.0, 100000.0);
    vec4 unit = vec4(f, f * 0.25, -f, f - 0.5);

    result.words[at++] = floatBitsToUint(float(a));
    result.words[at++] = floatBitsToUint(float(int(a)));
    result.words[at++] = uint(int(f));
    result.words[at++] = uint(abs(f));
    result.words[at++] = floatBitsToUint(float(a & 255) + float(b & 65535));
    result.words[at++] = floatBitsToUint(float(int(a << 16) >> 16));
    result.words[at++] = packUnorm4x8(unit);
    result.words[at++] = packSnorm4x8(unit);
    result.words[at++] = packUnorm2x16(unit.xy);
    result.words[at++] = packSnorm2x16(unit.zw);
    vec4 bytes = unpackUnorm4x8(a);
    vec2 halves = unpackSnorm2x16(b);
    result.words[at++] = floatBitsToUint(bytes.x);
    result.words[at++] = floatBitsToUint(bytes.w);
    result.words[at++] = floatBitsToUint(halves.x);
    result.words[at++] = floatBitsToUint(halves.y);
    result.words[at++] = floatBitsToUint(unpackSnorm4x8(a).y);
    result.words[at++] = uint(f > 0.0) + uint(bool(b & 1)) * 2;
}
