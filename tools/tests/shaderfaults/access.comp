// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads or writes at an address that it is given, or never ends.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 32) in;
layout(buffer_reference, std430) buffer Words {
    uint words[];
};
layout(std430, binding = 0) buffer Out {
    uint words[];
} result;
layout(push_constant) uniform Parameters {
    uint64_t address;
    uint what;
};

void main()
{
    uint i = gl_GlobalInvocationID.x;
    Words at = Words(address);
    if (what == 1)
        at.words[i] = i + 1;
    if (what == 2)
        while (result.words[0] != 0x12345678)
            atomicAdd(result.words[1], 1);
    result.words[2 + i] = what == 0 ? at.words[i] : i + 100;
}
