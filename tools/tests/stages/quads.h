// SPDX-License-Identifier: MIT OR Apache-2.0
// A cell of the grid is a patch.
layout(push_constant) uniform Push { uint width; uint height; uint level; uint spare; };
layout(location = 0) in uint patch_cell[];
layout(location = 0) flat out vec4 colour;

void main()
{
	vec2 at = vec2(patch_cell[0] % width, patch_cell[0] / width) + gl_TessCoord.xy;

	gl_Position = vec4(at * 2.0 / vec2(width, height) - 1.0, 0.5, 1.0);
	colour = vec4(1.0, gl_PrimitiveID == patch_cell[0] ? 1.0 : 0.0, 0.0, 0.0) / 255.0;
}
