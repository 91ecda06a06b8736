// SPDX-License-Identifier: MIT OR Apache-2.0
#include "graphics.h"

#include <string.h>

#define MAX_STAGES 5

static VkPipelineShaderStageCreateInfo stage_create(struct gpu *gpu, const struct shader *shader)
{
	VkPipelineShaderStageCreateInfo stage = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
		.stage = shader->stage,
		.pName = "main",
	};
	VkShaderModuleCreateInfo module = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = shader->size,
		.pCode = shader->code,
	};

	check(vkCreateShaderModule(gpu->device, &module, NULL, &stage.module), "shader");
	return stage;
}

static VkPipeline create(struct gpu *gpu, const struct pipeline_info *info,
			 const VkPipelineShaderStageCreateInfo *stages, VkPipelineLayout layout)
{
	static const VkFormat format = TARGET_FORMAT;
	static const VkPipelineVertexInputStateCreateInfo no_input = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
	};
	static const VkPipelineRasterizationStateCreateInfo plain = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
		.lineWidth = 1,
	};
	static const VkPipelineColorBlendAttachmentState replace = { .colorWriteMask = 15 };
	const VkViewport viewport = { 0, 0, info->extent.width, info->extent.height, 0, 1 };
	const VkRect2D scissor = { .extent = info->extent };
	const VkPipelineInputAssemblyStateCreateInfo assembly = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
		.topology = info->topology,
		.primitiveRestartEnable = info->restart,
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
	const VkPipelineMultisampleStateCreateInfo samples = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
		.rasterizationSamples = info->samples,
	};
	const VkPipelineColorBlendStateCreateInfo blend = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
		.attachmentCount = 1,
		.pAttachments = info->blend ? info->blend : &replace,
	};
	const VkPipelineRenderingCreateInfo rendering = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
		.viewMask = info->view_mask,
		.colorAttachmentCount = 1,
		.pColorAttachmentFormats = &format,
		.depthAttachmentFormat = info->depth ? VK_FORMAT_D32_SFLOAT : VK_FORMAT_UNDEFINED,
	};
	const VkGraphicsPipelineCreateInfo pipeline_info = {
		.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
		.pNext = &rendering,
		.stageCount = info->shader_count,
		.pStages = stages,
		.pVertexInputState = info->input ? info->input : &no_input,
		.pInputAssemblyState = &assembly,
		.pTessellationState = &patches,
		.pViewportState = &viewports,
		.pRasterizationState = info->raster ? info->raster : &plain,
		.pMultisampleState = &samples,
		.pDepthStencilState = info->depth,
		.pColorBlendState = &blend,
		.layout = layout,
	};
	VkPipeline pipeline;

	check(vkCreateGraphicsPipelines(gpu->device, VK_NULL_HANDLE, 1, &pipeline_info, NULL,
					&pipeline),
	      "graphics pipeline");
	return pipeline;
}

VkPipeline graphics_create(struct gpu *gpu, const struct pipeline_info *info,
			   VkPipelineLayout layout)
{
	VkPipelineShaderStageCreateInfo stages[MAX_STAGES];
	VkPipeline pipeline;

	if (info->shader_count > MAX_STAGES)
		fail("a pipeline has too many stages");
	for (uint32_t i = 0; i < info->shader_count; i++)
		stages[i] = stage_create(gpu, info->shaders[i]);
	pipeline = create(gpu, info, stages, layout);
	for (uint32_t i = 0; i < info->shader_count; i++)
		vkDestroyShaderModule(gpu->device, stages[i].module, NULL);
	return pipeline;
}

void rendering_begin(struct gpu *gpu, const struct render_target *target)
{
	VkAttachmentLoadOp load = target->load ? VK_ATTACHMENT_LOAD_OP_LOAD :
						 VK_ATTACHMENT_LOAD_OP_CLEAR;
	VkRenderingAttachmentInfo colour = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageView = target->colour,
		.imageLayout = VK_IMAGE_LAYOUT_GENERAL,
		.resolveMode = target->average ? VK_RESOLVE_MODE_AVERAGE_BIT :
						 VK_RESOLVE_MODE_NONE,
		.resolveImageView = target->average,
		.resolveImageLayout = VK_IMAGE_LAYOUT_GENERAL,
		.loadOp = load,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
	};
	VkRenderingAttachmentInfo depth = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageView = target->depth,
		.imageLayout = VK_IMAGE_LAYOUT_GENERAL,
		.loadOp = load,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
		.clearValue.depthStencil.depth = 1,
	};
	VkRenderingInfo info = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
		.renderArea.extent = target->extent,
		.layerCount = 1,
		.viewMask = target->view_mask,
		.colorAttachmentCount = 1,
		.pColorAttachments = &colour,
		.pDepthAttachment = target->depth ? &depth : NULL,
	};

	memcpy(colour.clearValue.color.float32, target->clear, sizeof(target->clear));
	vkCmdBeginRendering(gpu->commands, &info);
}
