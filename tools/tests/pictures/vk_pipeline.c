// SPDX-License-Identifier: MIT OR Apache-2.0
#include "vk.h"

#include "colour.frag.h"
#include "flat.frag.h"
#include "flat.vert.h"
#include "image.frag.h"
#include "plain.vert.h"

#define SHADER(name, kind) static const struct shader name##_shader = { kind, name, sizeof(name) }
SHADER(plain_vert, VK_SHADER_STAGE_VERTEX_BIT);
SHADER(colour_frag, VK_SHADER_STAGE_FRAGMENT_BIT);
SHADER(image_frag, VK_SHADER_STAGE_FRAGMENT_BIT);
SHADER(flat_vert, VK_SHADER_STAGE_VERTEX_BIT);
SHADER(flat_frag, VK_SHADER_STAGE_FRAGMENT_BIT);

VkPipeline pipeline_create(struct gpu *gpu, const struct scene *scene, VkPipelineLayout layout)
{
	static const VkVertexInputBindingDescription binding = { 0, sizeof(struct vertex),
								 VK_VERTEX_INPUT_RATE_VERTEX };
	static const VkVertexInputAttributeDescription attributes[] = {
		{ 0, 0, VK_FORMAT_R32G32B32A32_SFLOAT, 0 },
		{ 1, 0, VK_FORMAT_R32G32B32A32_SFLOAT, 16 },
	};
	static const VkPipelineVertexInputStateCreateInfo input = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
		.vertexBindingDescriptionCount = 1,
		.pVertexBindingDescriptions = &binding,
		.vertexAttributeDescriptionCount = COUNT(attributes),
		.pVertexAttributeDescriptions = attributes,
	};
	static const VkPipelineDepthStencilStateCreateInfo less = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
		.depthTestEnable = VK_TRUE,
		.depthWriteEnable = VK_TRUE,
		.depthCompareOp = VK_COMPARE_OP_LESS,
	};
	static const VkPipelineColorBlendAttachmentState over = {
		.blendEnable = VK_TRUE,
		.srcColorBlendFactor = VK_BLEND_FACTOR_SRC_ALPHA,
		.dstColorBlendFactor = VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA,
		.colorBlendOp = VK_BLEND_OP_ADD,
		.srcAlphaBlendFactor = VK_BLEND_FACTOR_ONE,
		.dstAlphaBlendFactor = VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA,
		.alphaBlendOp = VK_BLEND_OP_ADD,
		.colorWriteMask = 15,
	};
	const struct shader *const shaders[] = {
		scene->flat ? &flat_vert_shader : &plain_vert_shader,
		scene->flat    ? &flat_frag_shader :
		scene->texture ? &image_frag_shader :
				 &colour_frag_shader,
	};
	const struct pipeline_info info = {
		.shaders = shaders,
		.shader_count = COUNT(shaders),
		.input = &input,
		.topology = scene->topology,
		.samples = scene->samples,
		.depth = scene->depth ? &less : NULL,
		.blend = scene->blend ? &over : NULL,
		.extent = { WIDTH, HEIGHT },
	};

	return graphics_create(gpu, &info, layout);
}
