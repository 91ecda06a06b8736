// SPDX-License-Identifier: MIT OR Apache-2.0
#include <stdio.h>
#include <string.h>

#include "stages.h"

#define FORMAT VK_FORMAT_R8G8B8A8_UNORM

static VkPipeline make_pipeline(struct bench *bench, const struct setup *setup)
{
	static const VkFormat format = FORMAT;
	static const VkViewport viewport = { 0, 0, SIDE, SIDE, 0, 1 };
	static const VkRect2D scissor = { .extent = { SIDE, SIDE } };
	VkPipelineShaderStageCreateInfo stages[5] = { 0 };
	const VkPipelineVertexInputStateCreateInfo input = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
	};
	const VkPipelineInputAssemblyStateCreateInfo assembly = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
		.topology = setup->topology,
		.primitiveRestartEnable = setup->restart,
	};
	const VkPipelineTessellationStateCreateInfo patches = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_TESSELLATION_STATE_CREATE_INFO,
		.patchControlPoints = 1,
	};
	const VkPipelineViewportStateCreateInfo viewports = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
		.viewportCount = 1,
		.pViewports = &viewport,
		.scissorCount = 1,
		.pScissors = &scissor,
	};
	const VkPipelineRasterizationStateCreateInfo raster = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
		.lineWidth = 1,
	};
	const VkPipelineMultisampleStateCreateInfo samples = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
		.rasterizationSamples = setup->samples,
	};
	const VkPipelineColorBlendAttachmentState add = {
		.blendEnable = setup->blend,
		.srcColorBlendFactor = VK_BLEND_FACTOR_ONE,
		.dstColorBlendFactor = VK_BLEND_FACTOR_ONE,
		.srcAlphaBlendFactor = VK_BLEND_FACTOR_ONE,
		.dstAlphaBlendFactor = VK_BLEND_FACTOR_ONE,
		.colorWriteMask = 15,
	};
	const VkPipelineColorBlendStateCreateInfo blend = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
		.attachmentCount = 1,
		.pAttachments = &add,
	};
	const VkPipelineRenderingCreateInfo rendering = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
		.viewMask = setup->view_mask,
		.colorAttachmentCount = 1,
		.pColorAttachmentFormats = &format,
	};
	VkGraphicsPipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
		.pNext = &rendering,
		.stageCount = setup->shader_count,
		.pStages = stages,
		.pVertexInputState = &input,
		.pInputAssemblyState = &assembly,
		.pTessellationState = &patches,
		.pViewportState = &viewports,
		.pRasterizationState = &raster,
		.pMultisampleState = &samples,
		.pColorBlendState = &blend,
		.layout = bench->layout,
	};
	VkPipeline pipeline;

	for (uint32_t i = 0; i < setup->shader_count; i++) {
		VkShaderModuleCreateInfo module = {
			.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
			.codeSize = setup->shaders[i]->size,
			.pCode = setup->shaders[i]->code,
		};

		stages[i] = (VkPipelineShaderStageCreateInfo) {
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = setup->shaders[i]->stage,
			.pName = "main",
		};
		check(vkCreateShaderModule(bench->gpu.device, &module, NULL, &stages[i].module),
		      "shader");
	}
	check(vkCreateGraphicsPipelines(bench->gpu.device, VK_NULL_HANDLE, 1, &info, NULL,
					&pipeline),
	      "graphics pipeline");
	for (uint32_t i = 0; i < setup->shader_count; i++)
		vkDestroyShaderModule(bench->gpu.device, stages[i].module, NULL);
	return pipeline;
}

static const struct image *image_of(const struct bench *bench, VkSampleCountFlagBits samples)
{
	return samples == 1 ? &bench->target : &bench->samples[samples == 4];
}

static void begin_rendering(struct bench *bench, const struct setup *setup)
{
	bool resolves = setup->samples != 1;
	VkRenderingAttachmentInfo colour = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageView = image_of(bench, setup->samples)->view,
		.imageLayout = VK_IMAGE_LAYOUT_GENERAL,
		.resolveMode = resolves ? VK_RESOLVE_MODE_AVERAGE_BIT : VK_RESOLVE_MODE_NONE,
		.resolveImageView = resolves ? bench->target.view : VK_NULL_HANDLE,
		.resolveImageLayout = VK_IMAGE_LAYOUT_GENERAL,
		.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
	};
	VkRenderingInfo info = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
		.renderArea.extent = { SIDE, SIDE },
		.layerCount = 1,
		.viewMask = setup->view_mask,
		.colorAttachmentCount = 1,
		.pColorAttachments = &colour,
	};

	vkCmdBeginRendering(bench->gpu.commands, &info);
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
		.format = FORMAT,
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
