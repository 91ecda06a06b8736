// SPDX-License-Identifier: MIT OR Apache-2.0
#include "images.h"

#define TEXEL(name, kind, bytes, ...)                                                              \
	{ #name, VK_FORMAT_##name, kind, bytes, 1, 1, { __VA_ARGS__ } }
#define BLOCK(name, bytes, width, height)                                                          \
	{ #name, VK_FORMAT_##name, BLOCKS, bytes, width, height, { { 0, 0 } } }

const struct format formats[] = {
	TEXEL(R8_UNORM, UNORM, 1, { 0, 8 }),
	TEXEL(R8_UINT, UINT, 1, { 0, 8 }),
	TEXEL(S8_UINT, STENCIL, 1, { 0, 8 }),
	TEXEL(R8G8_UNORM, UNORM, 2, { 0, 8 }, { 8, 8 }),
	TEXEL(R16_UINT, UINT, 2, { 0, 16 }),
	TEXEL(R16_SFLOAT, FLOAT, 2, { 0, 16 }),
	TEXEL(R5G6B5_UNORM_PACK16, UNORM, 2, { 11, 5 }, { 5, 6 }, { 0, 5 }),
	TEXEL(B5G6R5_UNORM_PACK16, UNORM, 2, { 0, 5 }, { 5, 6 }, { 11, 5 }),
	TEXEL(R4G4B4A4_UNORM_PACK16, UNORM, 2, { 12, 4 }, { 8, 4 }, { 4, 4 }, { 0, 4 }),
	TEXEL(B4G4R4A4_UNORM_PACK16, UNORM, 2, { 4, 4 }, { 8, 4 }, { 12, 4 }, { 0, 4 }),
	TEXEL(A1R5G5B5_UNORM_PACK16, UNORM, 2, { 10, 5 }, { 5, 5 }, { 0, 5 }, { 15, 1 }),
	TEXEL(R5G5B5A1_UNORM_PACK16, UNORM, 2, { 11, 5 }, { 6, 5 }, { 1, 5 }, { 0, 1 }),
	TEXEL(D16_UNORM, DEPTH, 2, { 0, 16 }),
	TEXEL(R8G8B8A8_UNORM, UNORM, 4, { 0, 8 }, { 8, 8 }, { 16, 8 }, { 24, 8 }),
	TEXEL(R8G8B8A8_SRGB, UNORM, 4, { 0, 8 }, { 8, 8 }, { 16, 8 }, { 24, 8 }),
	TEXEL(B8G8R8A8_UNORM, UNORM, 4, { 16, 8 }, { 8, 8 }, { 0, 8 }, { 24, 8 }),
	TEXEL(R8G8B8A8_SINT, SINT, 4, { 0, 8 }, { 8, 8 }, { 16, 8 }, { 24, 8 }),
	TEXEL(A2B10G10R10_UNORM_PACK32, UNORM, 4, { 0, 10 }, { 10, 10 }, { 20, 10 }, { 30, 2 }),
	TEXEL(A2R10G10B10_UNORM_PACK32, UNORM, 4, { 20, 10 }, { 10, 10 }, { 0, 10 }, { 30, 2 }),
	TEXEL(A2B10G10R10_UINT_PACK32, UINT, 4, { 0, 10 }, { 10, 10 }, { 20, 10 }, { 30, 2 }),
	TEXEL(R16G16_UNORM, UNORM, 4, { 0, 16 }, { 16, 16 }),
	TEXEL(R16G16_SFLOAT, FLOAT, 4, { 0, 16 }, { 16, 16 }),
	TEXEL(R32_UINT, UINT, 4, { 0, 32 }),
	TEXEL(R32_SFLOAT, FLOAT, 4, { 0, 32 }),
	TEXEL(D32_SFLOAT, DEPTH, 4, { 0, 32 }),
	TEXEL(R16G16B16A16_UNORM, UNORM, 8, { 0, 16 }, { 16, 16 }, { 32, 16 }, { 48, 16 }),
	TEXEL(R16G16B16A16_SFLOAT, FLOAT, 8, { 0, 16 }, { 16, 16 }, { 32, 16 }, { 48, 16 }),
	TEXEL(R16G16B16A16_SINT, SINT, 8, { 0, 16 }, { 16, 16 }, { 32, 16 }, { 48, 16 }),
	TEXEL(R32G32_UINT, UINT, 8, { 0, 32 }, { 32, 32 }),
	BLOCK(BC1_RGBA_UNORM_BLOCK, 8, 4, 4),
	BLOCK(BC4_UNORM_BLOCK, 8, 4, 4),
	BLOCK(ETC2_R8G8B8_UNORM_BLOCK, 8, 4, 4),
	TEXEL(R32G32B32A32_UINT, UINT, 16, { 0, 32 }, { 32, 32 }, { 64, 32 }, { 96, 32 }),
	TEXEL(R32G32B32A32_SFLOAT, FLOAT, 16, { 0, 32 }, { 32, 32 }, { 64, 32 }, { 96, 32 }),
	BLOCK(BC3_UNORM_BLOCK, 16, 4, 4),
	BLOCK(BC7_UNORM_BLOCK, 16, 4, 4),
	BLOCK(ETC2_R8G8B8A8_UNORM_BLOCK, 16, 4, 4),
	BLOCK(ASTC_4x4_UNORM_BLOCK, 16, 4, 4),
	BLOCK(ASTC_8x5_UNORM_BLOCK, 16, 8, 5),
};
const uint32_t format_count = COUNT(formats);

VkImageAspectFlags aspect(const struct format *format)
{
	switch (format->kind) {
	case DEPTH:
		return VK_IMAGE_ASPECT_DEPTH_BIT;
	case STENCIL:
		return VK_IMAGE_ASPECT_STENCIL_BIT;
	default:
		return VK_IMAGE_ASPECT_COLOR_BIT;
	}
}
