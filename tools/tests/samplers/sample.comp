// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
// One access for each invocation; "mode" says which one. Those of samplers.h are the same.
layout(local_size_x = 64) in;
layout(binding = 0) uniform sampler1D one;
layout(binding = 1) uniform sampler2D two;
layout(binding = 2) uniform sampler3D three;
layout(binding = 3) uniform sampler1DArray lines;
layout(binding = 4) uniform sampler2DArray planes;
layout(binding = 5) uniform sampler2DShadow shadow;
layout(binding = 6) readonly buffer In { vec4 from[]; };
layout(binding = 7) writeonly buffer Out { vec4 to[]; };
layout(push_constant) uniform Push { uint mode; float lod; float compare; };

void main()
{
	uint i = gl_GlobalInvocationID.x;
	vec4 at = from[i];
	vec4 texel = vec4(0);

	switch (mode) {
	case 0: texel = textureLod(one, at.x, lod); break;
	case 1: texel = textureLod(two, at.xy, lod); break;
	case 2: texel = textureLod(three, at.xyz, lod); break;
	case 3: texel = textureLod(lines, at.xy, lod); break;
	case 4: texel = textureLod(planes, at.xyz, lod); break;
	case 5: texel = vec4(textureLod(shadow, vec3(at.xy, compare), lod)); break;
	case 6: texel = textureGather(two, at.xy, 0); break;
	case 7: texel = textureGather(two, at.xy, 1); break;
	case 8: texel = textureGather(two, at.xy, 2); break;
	case 9: texel = textureGather(two, at.xy, 3); break;
	case 10: texel = textureLodOffset(two, at.xy, lod, ivec2(-3, 2)); break;
	case 11: texel = textureGather(shadow, at.xy, compare); break;
	}
	to[i] = texel;
}
