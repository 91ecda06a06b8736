// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
layout(vertices = 1) out;
layout(push_constant) uniform Push { uint width; uint height; uint level; uint spare; };
layout(location = 0) flat in uint cell[];
layout(location = 0) out uint patch_cell[];

void main()
{
	patch_cell[gl_InvocationID] = cell[0];
	gl_TessLevelOuter[0] = level / 4.0;
	gl_TessLevelOuter[1] = level / 4.0;
	gl_TessLevelOuter[2] = level / 4.0;
	gl_TessLevelOuter[3] = level / 4.0;
	gl_TessLevelInner[0] = level / 4.0 + 1.5;
	gl_TessLevelInner[1] = level / 4.0;
}
