// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
#extension GL_EXT_multiview : require
// The upper left part of the view, which is larger in each view.
layout(location = 0) flat out vec4 colour;

void main()
{
	float size = 0.5 * (gl_ViewIndex + 1);

	gl_Position = vec4(vec2(gl_VertexIndex & 1, gl_VertexIndex >> 1) * size - 1.0, 0.5, 1.0);
	colour = vec4(1.0, gl_ViewIndex, 0.0, 0.0) / 255.0;
}
