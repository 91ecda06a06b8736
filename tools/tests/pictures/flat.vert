// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
layout(location = 0) in vec4 position;
layout(location = 1) in vec4 value;
layout(location = 0) flat out vec4 v;

void main()
{
	gl_Position = position;
	v = value;
}
