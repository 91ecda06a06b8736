// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
// Each sample has its number's bit.
layout(location = 0) flat in vec4 colour;
layout(location = 0) out vec4 result;

void main()
{
	result = vec4(4 << gl_SampleID, gl_SampleMaskIn[0] == 1 << gl_SampleID ? 8 : 0, 16, 0) / 255.0;
}
