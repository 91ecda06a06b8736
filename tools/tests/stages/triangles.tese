// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
// A triangle that has the whole view in it.
layout(triangles, equal_spacing, cw) in;
layout(location = 0) flat out vec4 colour;

void main()
{
	vec2 at = gl_TessCoord.x * vec2(-1.0, -1.0) + gl_TessCoord.y * vec2(3.0, -1.0) +
		  gl_TessCoord.z * vec2(-1.0, 3.0);

	gl_Position = vec4(at, 0.5, 1.0);
	colour = vec4(1.0, 1.0, 0.0, 0.0) / 255.0;
}
