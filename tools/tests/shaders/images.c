// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Images: stores and loads of shaders, copies from and to buffers, samplers. Each function does the
 * same on any device and leaves what came of it in @out.
 */
#include <string.h>

#include "shaders.h"

#include "image.h"
#include "sampling.h"

#define WIDTH 96
#define HEIGHT 72
#define INPUT 4096

static const VkImageCreateInfo plain = {
	.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
	.imageType = VK_IMAGE_TYPE_2D,
	.extent = { WIDTH, HEIGHT, 1 },
	.mipLevels = 1,
	.arrayLayers = 1,
	.samples = VK_SAMPLE_COUNT_1_BIT,
	.tiling = VK_IMAGE_TILING_OPTIMAL,
	.usage = VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
		 VK_IMAGE_USAGE_TRANSFER_DST_BIT,
};

void run_storage_images(struct gpu *gpu, const uint32_t *in, uint32_t *out, uint32_t words)
{
	static const struct {
		VkFormat format;
		uint32_t layers, depth;
		VkImageViewType type;
	} kinds[] = {
		{ VK_FORMAT_R8G8B8A8_UNORM, 1, 1, VK_IMAGE_VIEW_TYPE_2D },
		{ VK_FORMAT_R32_UINT, 1, 1, VK_IMAGE_VIEW_TYPE_2D },
		{ VK_FORMAT_R16G16B16A16_SFLOAT, 3, 1, VK_IMAGE_VIEW_TYPE_2D_ARRAY },
		{ VK_FORMAT_R32_SFLOAT, 1, 5, VK_IMAGE_VIEW_TYPE_3D },
	};
	struct buffer source, result;
	struct image images[4];
	struct binding bindings[6] = {
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &source },
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &result },
	};
	struct program program;

	buffer_create(gpu, &source, INPUT * 4);
	buffer_create(gpu, &result, words * 4);
	memcpy(source.map, in, INPUT * 4);
	for (uint32_t i = 0; i < 4; i++) {
		VkImageCreateInfo info = plain;

		info.format = kinds[i].format;
		info.arrayLayers = kinds[i].layers;
		info.extent.depth = kinds[i].depth;
		info.imageType = kinds[i].depth > 1 ? VK_IMAGE_TYPE_3D : VK_IMAGE_TYPE_2D;
		image_create(gpu, &images[i], &info, kinds[i].type);
		bindings[2 + i] = (struct binding) {
			.type = VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, .image = &images[i],
		};
	}
	program_create(gpu, &program, image_code, sizeof(image_code), bindings, 6, 4);
	begin(gpu);
	for (uint32_t i = 0; i < 4; i++)
		image_layout(gpu, &images[i], VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	for (uint32_t step = 0; step < 3; step++)
		dispatch(gpu, &program, &step, sizeof(step), WIDTH / 8, HEIGHT / 8, 1);
	finish(gpu);
	memcpy(out, result.map, words * 4);
	program_destroy(gpu, &program);
	for (uint32_t i = 0; i < 4; i++)
		image_destroy(gpu, &images[i]);
	buffer_destroy(gpu, &source);
	buffer_destroy(gpu, &result);
}

/* Copies to an image of 3 layers and 3 levels and back, one level and layer after the other. */
static void copy_all(struct gpu *gpu, const struct image *image, const struct block *block,
		     const struct buffer *buffer, bool to_image)
{
	VkDeviceSize at = 0;

	for (uint32_t level = 0; level < image->levels; level++) {
		uint32_t width = image->extent.width >> level,
			 height = image->extent.height >> level;
		VkBufferImageCopy region = {
			.bufferOffset = at,
			.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, level, 0, image->layers },
			.imageExtent = { width, height, 1 },
		};

		if (to_image)
			vkCmdCopyBufferToImage(gpu->commands, buffer->buffer, image->image,
					       VK_IMAGE_LAYOUT_GENERAL, 1, &region);
		else
			vkCmdCopyImageToBuffer(gpu->commands, image->image, VK_IMAGE_LAYOUT_GENERAL,
					       buffer->buffer, 1, &region);
		at += (VkDeviceSize)((width + block->width - 1) / block->width) *
		      ((height + block->height - 1) / block->height) * image->layers * block->bytes;
	}
	barrier(gpu);
}

void run_copies(struct gpu *gpu, const struct block *block, const uint32_t *in, uint32_t *out,
		uint32_t words)
{
	VkImageCreateInfo info = plain;
	struct buffer source, result;
	struct image image;

	info.format = block->format;
	info.arrayLayers = 3;
	info.mipLevels = 3;
	info.usage |= VK_IMAGE_USAGE_SAMPLED_BIT;
	info.usage &= ~VK_IMAGE_USAGE_STORAGE_BIT;
	buffer_create(gpu, &source, words * 4);
	buffer_create(gpu, &result, words * 4);
	memcpy(source.map, in, words * 4);
	image_create(gpu, &image, &info, VK_IMAGE_VIEW_TYPE_2D_ARRAY);
	begin(gpu);
	image_layout(gpu, &image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	copy_all(gpu, &image, block, &source, true);
	copy_all(gpu, &image, block, &result, false);
	finish(gpu);
	memcpy(out, result.map, words * 4);
	image_destroy(gpu, &image);
	buffer_destroy(gpu, &source);
	buffer_destroy(gpu, &result);
}

void run_sampling(struct gpu *gpu, const VkSamplerCreateInfo *info, const struct block *block,
		  const uint32_t *in, uint32_t *out, uint32_t words)
{
	struct buffer source, texels, result;
	struct image image;
	VkSampler samplers[2];
	VkSamplerCreateInfo nearest = {
		.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
		.addressModeU = VK_SAMPLER_ADDRESS_MODE_REPEAT,
		.addressModeV = VK_SAMPLER_ADDRESS_MODE_MIRRORED_REPEAT,
		.maxLod = VK_LOD_CLAMP_NONE,
	};
	struct binding bindings[] = {
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &source },
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &result },
		{ .type = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, .image = &image },
		{ .type = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, .image = &image },
	};
	struct program program;
	VkImageCreateInfo image_info = plain;

	image_info.format = block->format;
	image_info.arrayLayers = 3;
	image_info.mipLevels = 3;
	image_info.usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;
	check(vkCreateSampler(gpu->device, info, NULL, &samplers[0]), "sampler");
	check(vkCreateSampler(gpu->device, &nearest, NULL, &samplers[1]), "sampler");
	bindings[2].sampler = samplers[0];
	bindings[3].sampler = samplers[1];
	buffer_create(gpu, &source, words * 4);
	buffer_create(gpu, &texels, words * 4);
	buffer_create(gpu, &result, words * 4);
	memcpy(source.map, in, words * 4);
	for (uint32_t i = 0; i < words; i++)
		((uint32_t *)texels.map)[i] = in[i] * 2654435761u;
	image_create(gpu, &image, &image_info, VK_IMAGE_VIEW_TYPE_2D_ARRAY);
	program_create(gpu, &program, sampling_code, sizeof(sampling_code), bindings, 4, 0);
	begin(gpu);
	image_layout(gpu, &image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	copy_all(gpu, &image, block, &texels, true);
	dispatch(gpu, &program, NULL, 0, 16, 1, 1);
	finish(gpu);
	memcpy(out, result.map, words * 4);
	program_destroy(gpu, &program);
	vkDestroySampler(gpu->device, samplers[0], NULL);
	vkDestroySampler(gpu->device, samplers[1], NULL);
	image_destroy(gpu, &image);
	buffer_destroy(gpu, &source);
	buffer_destroy(gpu, &texels);
	buffer_destroy(gpu, &result);
}
