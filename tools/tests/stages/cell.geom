// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
// A strip for each cell, twice; the second one is of another colour.
layout(points, invocations = 2) in;
layout(triangle_strip, max_vertices = 8) out;
layout(push_constant) uniform Push { uint width; uint height; uint level; uint spare; };
layout(location = 0) flat in uint cell[];
layout(location = 0) flat out vec4 colour;

void main()
{
	vec2 at = vec2(cell[0] % width, cell[0] / width);

	for (int part = 0; part < 2; part++) {
		for (int corner = 0; corner < 4; corner++) {
			vec2 place = at + vec2((part + (corner & 1)) * 0.5, corner >> 1);

			gl_Position = vec4(place * 2.0 / vec2(width, height) - 1.0, 0.5, 1.0);
			colour = vec4(gl_InvocationID == 0 ? 1.0 : 0.0, gl_InvocationID == 1 ? 1.0 : 0.0,
				      gl_PrimitiveIDIn == cell[0] ? 1.0 : 0.0, 0.0) / 255.0;
			EmitVertex();
		}
		EndPrimitive();
	}
}
