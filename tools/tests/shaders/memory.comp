// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Loads and stores of all sizes, at addresses that are calculated.
#version 460
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
layout(local_size_x = 64) in;
struct Mixed {
    vec3 position;
    float weight;
    mat3 turn;
    uint16_t narrow[4];
    uint8_t bytes[8];
};
layout(std430, binding = 0) readonly buffer In {
    uvec4 words[];
} source;
layout(std430, binding = 1) buffer Out {
    Mixed items[];
} result;

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uvec4 a = source.words[i], b = source.words[(i * 7 + a.x) & 1023];
    vec3 v = vec3(a.xyz & 1023), w = vec3(b.xyz & 1023);
    result.items[i].position = v + w;
    result.items[i].weight = v.x;
    result.items[i].turn = mat3(v, w, v - w);
    for (uint j = 0; j < 4; j++)
        result.items[i].narrow[(j + a.y) & 3] = uint16_t(a[(b.x + j) & 3]);
    for (uint j = 0; j < 8; j++)
        result.items[i].bytes[j] = uint8_t(b[j & 3] >> j);
}
