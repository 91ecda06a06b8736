// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Loads and stores of images that shaders write: each texel of the first two, an array and a
// volume.
#version 460
layout(local_size_x = 8, local_size_y = 8) in;
layout(std430, binding = 0) readonly buffer In {
    uint words[];
} source;
layout(std430, binding = 1) buffer Out {
    uint words[];
} result;
layout(binding = 2, rgba8) uniform image2D colours;
layout(binding = 3, r32ui) uniform uimage2D numbers;
layout(binding = 4, rgba16f) uniform image2DArray halves;
layout(binding = 5, r32f) uniform image3D volume;
layout(push_constant) uniform Parameters {
    uint step;
};

void main()
{
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    uint i = at.y * 96 + at.x;
    uint a = source.words[i & 4095];
    ivec2 size = imageSize(colours);
    if (step == 0) {
        imageStore(colours, at, unpackUnorm4x8(a));
        imageStore(numbers, at, uvec4(a ^ i));
        imageStore(halves, ivec3(at, i % 3), vec4(unpackHalf2x16(a & 0x3fff3fff), float(at.x), float(at.y)));
        imageStore(volume, ivec3(at, i % 5), vec4(float(a & 0xffff)));
        // Outside: nothing happens.
        imageStore(numbers, at + size, uvec4(7));
        return;
    }
    uint to = i * 8;
    if (step == 2) {
        result.words[to + 6] = imageAtomicAdd(numbers, at, 3u);
        return;
    }
    ivec2 other = ivec2((at.x * 7 + int(a & 3)) % size.x, (at.y * 5) % size.y);
    result.words[to] = packUnorm4x8(imageLoad(colours, other));
    result.words[to + 1] = imageLoad(numbers, other).x;
    vec4 half4 = imageLoad(halves, ivec3(at, i % 3));
    result.words[to + 2] = packHalf2x16(half4.xy);
    result.words[to + 3] = packHalf2x16(half4.zw);
    result.words[to + 4] = floatBitsToUint(imageLoad(volume, ivec3(at, i % 5)).x);
    result.words[to + 5] = uint(size.x | size.y << 16);
    result.words[to + 7] = imageLoad(numbers, at - size).x;
}
