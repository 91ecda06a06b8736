// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Operations of a subgroup. The results depend on its size, so that they are compared with a model
// in C.
#version 460
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_vote : require
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
    uint i = gl_GlobalInvocationID.x, at = i * 32;
    uint a = source.words[i];
    // A few lanes stay away.
    if (a % 5 == 0)
        return;
    result.words[at++] = gl_SubgroupSize | gl_SubgroupInvocationID << 8 | gl_SubgroupID << 16 | gl_NumSubgroups << 24;
    result.words[at++] = uint(subgroupElect());
    result.words[at++] = uint(subgroupAny(a % 7 == 0)) | uint(subgroupAll(a % 7 != 0)) << 1;
    result.words[at++] = uint(subgroupAllEqual(a >> 31));
    result.words[at++] = subgroupAdd(a);
    result.words[at++] = subgroupMin(a);
    result.words[at++] = subgroupMax(a);
    result.words[at++] = uint(subgroupMin(int(a)));
    result.words[at++] = uint(subgroupMax(int(a)));
    result.words[at++] = subgroupAnd(a | 0xff);
    result.words[at++] = subgroupOr(a & 0xff00ff);
    result.words[at++] = subgroupXor(a);
    result.words[at++] = subgroupExclusiveAdd(a);
    result.words[at++] = subgroupInclusiveAdd(a);
    result.words[at++] = subgroupExclusiveMax(a);
    result.words[at++] = subgroupInclusiveXor(a);
    result.words[at++] = subgroupBallot((a & 1) == 1).x;
    result.words[at++] = subgroupBallotBitCount(subgroupBallot((a & 2) == 2));
    result.words[at++] = subgroupBallotExclusiveBitCount(subgroupBallot((a & 2) == 2));
    result.words[at++] = subgroupBroadcastFirst(a);
    result.words[at++] = subgroupAdd(a % 5 == 1 ? 1u : 0u);
    result.words[at++] = floatBitsToUint(subgroupAdd(float(a & 63)));
    result.words[at++] = floatBitsToUint(subgroupMax(float(int(a))));
    result.words[at++] = subgroupMul(a | 1);
}
