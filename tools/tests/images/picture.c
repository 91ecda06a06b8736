// SPDX-License-Identifier: MIT OR Apache-2.0
#include <stdlib.h>

#include "images.h"

uint32_t below(struct random *random, uint32_t below)
{
	uint64_t x = random->state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return (x ^ x >> 31) % below;
}

bool one_in(struct random *random, uint32_t n)
{
	return !below(random, n);
}

static uint32_t smaller(uint32_t size, uint32_t level)
{
	return size >> level ? size >> level : 1;
}

VkExtent3D level_texels(const struct picture *picture, uint32_t level)
{
	const VkExtent3D *extent = &picture->image.extent;

	return (VkExtent3D) { smaller(extent->width, level), smaller(extent->height, level),
			      picture->type == VK_IMAGE_TYPE_3D ? smaller(extent->depth, level) :
								  picture->image.layers };
}

VkExtent3D level_blocks(const struct picture *picture, uint32_t level)
{
	VkExtent3D size = level_texels(picture, level);
	const struct format *format = picture->format;

	size.width = (size.width + format->width - 1) / format->width;
	size.height = (size.height + format->height - 1) / format->height;
	return size;
}

uint8_t *block_at(const struct picture *picture, uint32_t level, uint32_t x, uint32_t y, uint32_t z)
{
	VkExtent3D size = level_blocks(picture, level);
	size_t block = ((size_t)z * size.height + y) * size.width + x;

	return picture->levels[level] + block * picture->format->bytes;
}

static VkImageUsageFlags usage(const struct picture *picture, struct random *random)
{
	VkImageUsageFlags usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;
	VkFormatFeatureFlags has = picture->features;

	/* What an image may be used for decides how it is laid out. */
	if (has & VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT && !one_in(random, 3))
		usage |= VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
	if (has & VK_FORMAT_FEATURE_DEPTH_STENCIL_ATTACHMENT_BIT && !one_in(random, 3))
		usage |= VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT;
	if (has & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT && !one_in(random, 3))
		usage |= VK_IMAGE_USAGE_SAMPLED_BIT;
	if (has & VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT && one_in(random, 3))
		usage |= VK_IMAGE_USAGE_STORAGE_BIT;
	return usage;
}

static VkImageCreateInfo choose(struct picture *picture, struct random *random)
{
	const struct format *format = picture->format;
	bool flat = format->kind == BLOCKS || format->kind == DEPTH || format->kind == STENCIL;
	uint32_t kind = below(random, flat ? 3 : 6), largest = 1;
	VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.imageType = kind == 5 ? VK_IMAGE_TYPE_1D :
			     kind >= 3 ? VK_IMAGE_TYPE_3D :
					 VK_IMAGE_TYPE_2D,
		.format = format->format,
		.extent = { 1 + below(random, 70), 1 + below(random, 70), 1 },
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = VK_SAMPLE_COUNT_1_BIT,
	};

	if (info.imageType == VK_IMAGE_TYPE_1D)
		info.extent.height = 1;
	if (info.imageType == VK_IMAGE_TYPE_3D)
		info.extent = (VkExtent3D) { 1 + info.extent.width / 2, 1 + info.extent.height / 2,
					     1 + below(random, 9) };
	else if (one_in(random, 2))
		info.arrayLayers = 1 + below(random, 5);
	/* Much longer than high, or higher than long: levels have one column of squares, or row. */
	if (info.imageType == VK_IMAGE_TYPE_2D && one_in(random, 4))
		*(one_in(random, 2) ? &info.extent.width : &info.extent.height) +=
			below(random, 230);
	if (one_in(random, 8))
		info.extent.width = 8 * format->width;
	while (largest < MAX_LEVELS && ((info.extent.width | info.extent.height) >> largest ||
					info.extent.depth >> largest))
		largest++;
	if (one_in(random, 2))
		info.mipLevels = 1 + below(random, largest);
	picture->usage = info.usage = usage(picture, random);
	return info;
}

bool picture_create(struct gpu *gpu, struct picture *picture, const struct format *format,
		    struct random *random)
{
	VkFormatFeatureFlags needed = VK_FORMAT_FEATURE_TRANSFER_SRC_BIT |
				      VK_FORMAT_FEATURE_TRANSFER_DST_BIT;
	VkImageFormatProperties limits;
	VkFormatProperties properties;
	VkImageCreateInfo info;

	*picture = (struct picture) { .format = format };
	vkGetPhysicalDeviceFormatProperties(gpu->physical, format->format, &properties);
	picture->features = properties.optimalTilingFeatures;
	info = choose(picture, random);
	picture->type = info.imageType;
	if ((picture->features & needed) != needed ||
	    vkGetPhysicalDeviceImageFormatProperties(gpu->physical, info.format, info.imageType,
						     info.tiling, info.usage, info.flags, &limits))
		return false;
	image_allocate(gpu, &picture->image, &info);
	for (uint32_t level = 0; level < info.mipLevels; level++) {
		VkExtent3D size = level_blocks(picture, level);

		picture->levels[level] = calloc((size_t)size.width * size.height * size.depth,
						format->bytes);
		if (!picture->levels[level])
			fail("no memory");
	}
	return true;
}

void picture_destroy(struct gpu *gpu, struct picture *picture)
{
	for (uint32_t level = 0; level < picture->image.levels; level++)
		free(picture->levels[level]);
	image_destroy(gpu, &picture->image);
}
