// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where a thread is, in three dimensions.
#version 460
layout(local_size_x = 5, local_size_y = 3, local_size_z = 2) in;
layout(std430, binding = 0) readonly buffer In {
    uint words[];
} source;
layout(std430, binding = 1) buffer Out {
    uint words[];
} result;

void main()
{
    uvec3 size = gl_NumWorkGroups * gl_WorkGroupSize;
    uvec3 id = gl_GlobalInvocationID;
    uint at = ((id.z * size.y + id.y) * size.x + id.x) * 4;
    result.words[at] = id.x | id.y << 8 | id.z << 16;
    result.words[at + 1] = gl_WorkGroupID.x | gl_WorkGroupID.y << 8 | gl_WorkGroupID.z << 16;
    result.words[at + 2] = gl_LocalInvocationID.x | gl_LocalInvocationID.y << 8 | gl_LocalInvocationID.z << 16;
    result.words[at + 3] = gl_LocalInvocationIndex | gl_NumWorkGroups.x << 8 | gl_NumWorkGroups.z << 16;
}
