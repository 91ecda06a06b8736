// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
// One vertex for each cell: what makes a primitive of it knows its number.
layout(location = 0) flat out uint cell;

void main()
{
	gl_Position = vec4(0.0, 0.0, 0.5, 1.0);
	cell = gl_VertexIndex;
}
