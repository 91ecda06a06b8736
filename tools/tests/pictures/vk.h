/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What vk-pictures draws its scenes with, on top of ../vulkan. */
#ifndef TESTS_PICTURES_VK_H
#define TESTS_PICTURES_VK_H

#include "../vulkan/graphics.h"
#include "picture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Not a multiple of a tile's size in either direction. */
#define WIDTH 200
#define HEIGHT 136

struct vertex {
	float position[4], value[4];
};

struct scene {
	const char *name;
	float clear[4];
	const struct vertex *vertices;
	uint32_t count;
	VkPrimitiveTopology topology;
	bool depth, blend, texture, flat;
	VkSampleCountFlagBits samples;
	/* The vertices are those of so many render passes; all but the first load what is there. */
	uint32_t passes;
	const struct probe *probes;
	uint32_t probe_count;
};

struct attachment {
	struct image image;
	VkFormat format;
};

/* What a scene is drawn with; those that it does not need have no image. */
struct target {
	struct attachment colour, depth, samples;
	struct buffer vertices, pixels;
};

/* @usage is beside what an attachment needs. */
void attachment_create(struct gpu *gpu, struct attachment *attachment, VkFormat format,
		       VkSampleCountFlagBits samples, VkImageUsageFlags usage);
void attachment_destroy(struct gpu *gpu, struct attachment *attachment);

/* The 2 x 2 texels that the fragment shader reads. */
void texture_create(struct gpu *gpu, struct image *texture, const uint8_t texels[16]);

VkPipeline pipeline_create(struct gpu *gpu, const struct scene *scene, VkPipelineLayout layout);

#endif
