// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450

layout(local_size_x = 32) in;
layout(std430, binding = 0) buffer Counters {
    uint counters[];
};

void main()
{
    atomicAdd(counters[gl_GlobalInvocationID.x], 1);
}
