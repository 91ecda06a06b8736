// SPDX-License-Identifier: MIT OR Apache-2.0
#include <string.h>

#include "vk.h"

static VkImageCreateInfo image_info(VkFormat format, uint32_t width, uint32_t height,
				    VkSampleCountFlagBits samples, VkImageUsageFlags usage)
{
	return (VkImageCreateInfo) {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = format,
		.extent = { width, height, 1 },
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = samples,
		.usage = usage,
	};
}

void attachment_create(struct gpu *gpu, struct attachment *attachment, VkFormat format,
		       VkSampleCountFlagBits samples, VkImageUsageFlags usage)
{
	bool depth = format == VK_FORMAT_D32_SFLOAT;
	VkImageCreateInfo info = image_info(format, WIDTH, HEIGHT, samples,
					    usage | (depth ?
						     VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT :
						     VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT));
	VkImageViewCreateInfo view = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.viewType = VK_IMAGE_VIEW_TYPE_2D,
		.format = format,
		.subresourceRange = {
			.aspectMask = depth ? VK_IMAGE_ASPECT_DEPTH_BIT : VK_IMAGE_ASPECT_COLOR_BIT,
			.levelCount = 1,
			.layerCount = 1,
		},
	};

	attachment->format = format;
	if (!depth) {
		image_create(gpu, &attachment->image, &info, VK_IMAGE_VIEW_TYPE_2D);
		return;
	}
	image_allocate(gpu, &attachment->image, &info);
	view.image = attachment->image.image;
	check(vkCreateImageView(gpu->device, &view, NULL, &attachment->image.view), "view");
}

void attachment_destroy(struct gpu *gpu, struct attachment *attachment)
{
	if (attachment->image.image)
		image_destroy(gpu, &attachment->image);
}

void texture_create(struct gpu *gpu, struct image *texture, const uint8_t texels[16])
{
	VkImageCreateInfo info = image_info(VK_FORMAT_R8G8B8A8_UNORM, 2, 2, VK_SAMPLE_COUNT_1_BIT,
					    VK_IMAGE_USAGE_SAMPLED_BIT |
						    VK_IMAGE_USAGE_TRANSFER_DST_BIT);
	VkBufferImageCopy copy = {
		.imageSubresource = { .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .layerCount = 1 },
		.imageExtent = { 2, 2, 1 },
	};
	struct buffer buffer;

	image_create(gpu, texture, &info, VK_IMAGE_VIEW_TYPE_2D);
	buffer_create(gpu, &buffer, 16);
	memcpy(buffer.map, texels, 16);
	begin(gpu);
	image_layout(gpu, texture, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	vkCmdCopyBufferToImage(gpu->commands, buffer.buffer, texture->image,
			       VK_IMAGE_LAYOUT_GENERAL, 1, &copy);
	barrier(gpu);
	finish(gpu);
	buffer_destroy(gpu, &buffer);
}
