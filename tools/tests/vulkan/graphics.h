/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Pipelines that draw, and where they draw to: one target of R8G8B8A8_UNORM, perhaps with several
 * samples that are averaged, and perhaps with a depth buffer.
 */
#ifndef TESTS_VULKAN_GRAPHICS_H
#define TESTS_VULKAN_GRAPHICS_H

#include <stdbool.h>

#include "compute.h"

#define TARGET_FORMAT VK_FORMAT_R8G8B8A8_UNORM

struct shader {
	VkShaderStageFlagBits stage;
	const uint32_t *code;
	size_t size;
};

/* What a pipeline is made of; what is zero is off. */
struct pipeline_info {
	const struct shader *const *shaders;
	uint32_t shader_count;
	/* NULL: vertices have no attributes. */
	const VkPipelineVertexInputStateCreateInfo *input;
	VkPrimitiveTopology topology;
	VkSampleCountFlagBits samples;
	uint32_t view_mask;
	/* Patches have one control point. */
	bool restart;
	/* NULL: without a depth buffer, which is of D32_SFLOAT. */
	const VkPipelineDepthStencilStateCreateInfo *depth;
	/* NULL: of the default kind. */
	const VkPipelineRasterizationStateCreateInfo *raster;
	/* NULL: what is drawn replaces what is there. */
	const VkPipelineColorBlendAttachmentState *blend;
	VkExtent2D extent;
};

VkPipeline graphics_create(struct gpu *gpu, const struct pipeline_info *info,
			   VkPipelineLayout layout);

/* The views of a render pass. */
struct render_target {
	VkImageView colour;
	/* VK_NULL_HANDLE unless samples are averaged, and unless there is a depth buffer. */
	VkImageView average, depth;
	VkExtent2D extent;
	uint32_t view_mask;
	/* Keeps what is there; otherwise the colour is cleared to @clear, and depths to 1. */
	bool load;
	float clear[4];
};

/* Records the begin of a render pass, all of whose images are in VK_IMAGE_LAYOUT_GENERAL. */
void rendering_begin(struct gpu *gpu, const struct render_target *target);

#endif
