// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Samples and fetches of a texture with levels and layers.
#version 460
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer In {
    uint words[];
} source;
layout(std430, binding = 1) buffer Out {
    uint words[];
} result;
layout(binding = 2) uniform sampler2DArray picture;
layout(binding = 3) uniform sampler2DArray other;

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uint to = i * 16;
    vec2 at = vec2(uintBitsToFloat(source.words[i * 4]), uintBitsToFloat(source.words[i * 4 + 1])) * 0.5;
    uint pick = floatBitsToUint(uintBitsToFloat(source.words[i * 4 + 2])) >> 7;
    float layer = float(pick % 3), level = float(pick % 41) * 0.1;
    ivec3 size = textureSize(picture, 1);
    ivec3 texel = ivec3(int(pick % 23), int(pick / 23 % 17), int(pick % 3));
    vec4 values[4] = vec4[](textureLod(picture, vec3(at, layer), 0.0), textureLod(other, vec3(at, layer), floor(level)),
                            texelFetch(picture, texel, 1), textureGather(other, vec3(at, layer), 1));
    for (uint j = 0; j < 4; j++)
        for (uint k = 0; k < 4; k++)
            result.words[to++] = floatBitsToUint(values[j][k]);
    if (i == 0)
        result.words[1] = floatBitsToUint(float(size.x + size.y * 100 + size.z * 10000));
}
