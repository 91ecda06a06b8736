/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pipelines of all stages, drawn into a small target that counts. */
#ifndef TESTS_STAGES_STAGES_H
#define TESTS_STAGES_STAGES_H

#include "../vulkan/graphics.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Of the target; no multiple of the cells of the grid. */
#define SIDE 64
#define LAYERS 2
#define CELLS_X 9
#define CELLS_Y 7
#define CELLS (CELLS_X * CELLS_Y)

struct push {
	uint32_t width, height, level, spare;
};

struct setup {
	const struct shader *const *shaders;
	uint32_t shader_count;
	VkPrimitiveTopology topology;
	VkSampleCountFlagBits samples;
	uint32_t view_mask;
	bool restart, blend;
};

struct bench {
	struct gpu gpu;
	VkPipelineLayout layout;
	struct image target, samples[2];
	struct buffer pixels, indirect, indices;
};

/* Draws with @draw between the beginning and the end of a render pass that clears to zero. */
void render(struct bench *bench, const struct setup *setup, uint32_t level,
	    void (*draw)(struct bench *bench, const void *data), const void *data,
	    VkQueryPool query);

/* Whether all pixels of a layer are @wanted: red, green, blue. */
bool all_are(const struct bench *bench, uint32_t layer, const uint8_t wanted[3]);
const uint8_t *pixel(const struct bench *bench, uint32_t layer, uint32_t x, uint32_t y);

void bench_create(struct bench *bench, const char *device);
void bench_destroy(struct bench *bench);

#endif
