// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
layout(location = 0) flat in vec4 v;
layout(location = 0) out vec4 colour;

void main()
{
	colour = v;
}
