// SPDX-License-Identifier: MIT OR Apache-2.0
#include <stdio.h>
#include <string.h>

#include "stages.h"

static VkPipeline make_pipeline(struct bench *bench, const struct setup *setup)
{
	static const VkPipelineColorBlendAttachmentState add = {
		.blendEnable = VK_TRUE,
		.srcColorBlendFactor = VK_BLEND_FACTOR_ONE,
		.dstColorBlendFactor = VK_BLEND_FACTOR_ONE,
		.srcAlphaBlendFactor = VK_BLEND_FACTOR_ONE,
		.dstAlphaBlendFactor = VK_BLEND_FACTOR_ONE,
		.colorWriteMask = 15,
	};
	const struct pipeline_info info = {
		.shaders = setup->shaders,
		.shader_count = setup->shader_count,
		.topology = setup->topology,
		.samples = setup->samples,
		.view_mask = setup->view_mask,
		.restart = setup->restart,
		.blend = setup->blend ? &add : NULL,
		.extent = { SIDE, SIDE },
	};

	return graphics_create(&bench->gpu, &info, bench->layout);
}

static const struct image *image_of(const struct bench *bench, VkSampleCountFlagBits samples)
{
	return samples == 1 ? &bench->target : &bench->samples[samples == 4];
}

static void begin_rendering(struct bench *bench, const struct setup *setup)
{
	const struct render_target target = {
		.colour = image_of(bench, setup->samples)->view,
		.average = setup->samples != 1 ? bench->target.view : VK_NULL_HANDLE,
		.extent = { SIDE, SIDE },
		.view_mask = setup->view_mask,
	};

	rendering_begin(&bench->gpu, &target);
}

void render(struct bench *bench, const struct setup *setup, uint32_t level,
	    void (*draw)(struct bench *bench, const void *data), const void *data,
	    VkQueryPool query)
{
	VkPipeline pipeline = make_pipeline(bench, setup);
	struct push push = { CELLS_X, CELLS_Y, level, 0 };
	VkBufferImageCopy copy = {
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, LAYERS },
		.imageExtent = { SIDE, SIDE, 1 },
	};
	VkCommandBuffer commands = bench->gpu.commands;

	begin(&bench->gpu);
	image_layout(&bench->gpu, &bench->target, VK_IMAGE_LAYOUT_UNDEFINED,
		     VK_IMAGE_LAYOUT_GENERAL);
	if (setup->samples != 1)
		image_layout(&bench->gpu, image_of(bench, setup->samples),
			     VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	if (query)
		vkCmdResetQueryPool(commands, query, 0, 1);
	vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
	vkCmdPushConstants(commands, bench->layout, VK_SHADER_STAGE_ALL_GRAPHICS, 0, sizeof(push),
			   &push);
	begin_rendering(bench, setup);
	if (query)
		vkCmdBeginQuery(commands, query, 0, VK_QUERY_CONTROL_PRECISE_BIT);
	draw(bench, data);
	if (query)
		vkCmdEndQuery(commands, query, 0);
	vkCmdEndRendering(commands);
	barrier(&bench->gpu);
	vkCmdCopyImageToBuffer(commands, bench->target.image, VK_IMAGE_LAYOUT_GENERAL,
			       bench->pixels.buffer, 1, &copy);
	barrier(&bench->gpu);
	finish(&bench->gpu);
	vkDestroyPipeline(bench->gpu.device, pipeline, NULL);
}

const uint8_t *pixel(const struct bench *bench, uint32_t layer, uint32_t x, uint32_t y)
{
	return (const uint8_t *)bench->pixels.map + ((layer * SIDE + y) * SIDE + x) * 4;
}

bool all_are(const struct bench *bench, uint32_t layer, const uint8_t wanted[3])
{
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		const uint8_t *got = pixel(bench, layer, i % SIDE, i / SIDE);

		if (!memcmp(got, wanted, 3))
			continue;
		printf("# pixel %u, %u is %u %u %u, not %u %u %u\n", i % SIDE, i / SIDE, got[0],
		       got[1], got[2], wanted[0], wanted[1], wanted[2]);
		return false;
	}
	return true;
}

void bench_create(struct bench *bench, const char *device)
{
	VkPushConstantRange range = { VK_SHADER_STAGE_ALL_GRAPHICS, 0, sizeof(struct push) };
	VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.pushConstantRangeCount = 1,
		.pPushConstantRanges = &range,
	};
	VkImageCreateInfo image = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = TARGET_FORMAT,
		.extent = { SIDE, SIDE, 1 },
		.mipLevels = 1,
		.arrayLayers = LAYERS,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};

	gpu_open(&bench->gpu, device);
	printf("# %s\n", bench->gpu.properties.deviceName);
	check(vkCreatePipelineLayout(bench->gpu.device, &layout, NULL, &bench->layout), "layout");
	image_create(&bench->gpu, &bench->target, &image, VK_IMAGE_VIEW_TYPE_2D_ARRAY);
	image.arrayLayers = 1;
	image.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
	for (uint32_t i = 0; i < 2; i++) {
		image.samples = 2 << i;
		if (!(bench->gpu.properties.limits.framebufferColorSampleCounts & image.samples))
			continue;
		image_create(&bench->gpu, &bench->samples[i], &image, VK_IMAGE_VIEW_TYPE_2D_ARRAY);
	}
	buffer_create(&bench->gpu, &bench->pixels, SIDE * SIDE * 4 * LAYERS);
	buffer_create(&bench->gpu, &bench->indirect, 4096);
	buffer_create(&bench->gpu, &bench->indices, CELLS * 6 * 4);
}

void bench_destroy(struct bench *bench)
{
	buffer_destroy(&bench->gpu, &bench->indices);
	buffer_destroy(&bench->gpu, &bench->indirect);
	buffer_destroy(&bench->gpu, &bench->pixels);
	for (uint32_t i = 0; i < 2; i++)
		if (bench->samples[i].image)
			image_destroy(&bench->gpu, &bench->samples[i]);
	image_destroy(&bench->gpu, &bench->target);
	vkDestroyPipelineLayout(bench->gpu.device, bench->layout, NULL);
	gpu_close(&bench->gpu);
}
