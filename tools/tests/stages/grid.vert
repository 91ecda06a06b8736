// SPDX-License-Identifier: MIT OR Apache-2.0
#version 460
// Two triangles for each cell of a grid of "width" cells a row, by the vertex's number.
layout(push_constant) uniform Push { uint width; uint height; uint level; uint spare; };
layout(location = 0) flat out vec4 colour;

void main()
{
	uint cell = gl_VertexIndex / 6, corner = gl_VertexIndex % 6;
	uvec2 at = uvec2(cell % width, cell / width) + uvec2(0x2a >> corner & 1, 0x34 >> corner & 1);

	gl_Position = vec4(vec2(at) * 2.0 / vec2(width, height) - 1.0, 0.5, 1.0);
	colour = vec4(1.0, gl_InstanceIndex, gl_DrawID, 0.0) / 255.0;
}
