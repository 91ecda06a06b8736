// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stores to every texel of a sparse image; reads of every texel, which say whether it is there.
#version 460
#extension GL_ARB_sparse_texture2 : require
layout(local_size_x = 8, local_size_y = 8) in;
layout(std430, binding = 0) buffer Out {
    uvec2 seen[];
} result;
layout(binding = 1, r32ui) uniform uimage2DArray image;
layout(binding = 2) uniform usampler2DArray texels;
layout(push_constant) uniform Parameters {
    uint step;
};

void main()
{
    ivec3 at = ivec3(gl_GlobalInvocationID);
    ivec3 size = imageSize(image);
    uint i = (at.z * size.y + at.y) * size.x + at.x;
    uvec4 texel;
    if (step == 0) {
        imageStore(image, at, uvec4(i + 1));
        return;
    }
    int code = step == 1 ? sparseTexelFetchARB(texels, at, 0, texel) : sparseImageLoadARB(image, at, texel);
    result.seen[i] = uvec2(texel.x, sparseTexelsResidentARB(code) ? 1 : 0);
}
