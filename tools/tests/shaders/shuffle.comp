// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Values of other lanes, all of them active.
#version 460
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_KHR_shader_subgroup_shuffle_relative : require
#extension GL_KHR_shader_subgroup_clustered : require
#extension GL_KHR_shader_subgroup_quad : require
layout(local_size_x = 128) in;
layout(std430, binding = 0) readonly buffer In {
    uint words[];
} source;
layout(std430, binding = 1) buffer Out {
    uint words[];
} result;

void main()
{
    uint i = gl_GlobalInvocationID.x, at = i * 16;
    uint a = source.words[i];
    result.words[at++] = subgroupBroadcast(a, 11);
    result.words[at++] = subgroupShuffle(a, a >> 3 & 31);
    result.words[at++] = subgroupShuffleXor(a, 13);
    result.words[at++] = subgroupShuffleXor(a, 2);
    // With all lanes active: in the arms of a condition those that are read would not be. What comes
    // from no lane is not looked at.
    uint up = subgroupShuffleUp(a, 3), down = subgroupShuffleDown(a, 7);
    result.words[at++] = gl_SubgroupInvocationID >= 3 ? up : 0;
    result.words[at++] = gl_SubgroupInvocationID < 25 ? down : 0;
    result.words[at++] = subgroupQuadBroadcast(a, 2);
    result.words[at++] = subgroupQuadSwapHorizontal(a);
    result.words[at++] = subgroupQuadSwapVertical(a);
    result.words[at++] = subgroupQuadSwapDiagonal(a);
    result.words[at++] = subgroupClusteredAdd(a, 4);
    result.words[at++] = subgroupClusteredXor(a, 8);
    result.words[at++] = subgroupClusteredMax(a, 16);
}
