/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Images and samplers at random, and what a sample of them has to be. */
#ifndef TESTS_SAMPLERS_SAMPLERS_H
#define TESTS_SAMPLERS_SAMPLERS_H

#include <stdbool.h>

#include "../vulkan/compute.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LEVELS 6
#define SAMPLES 64

/* As in sample.comp. */
enum mode {
	ONE,
	TWO,
	THREE,
	LINES,
	PLANES,
	SHADOW,
	GATHER_FIRST,
	GATHER_LAST = GATHER_FIRST + 3,
	OFFSET,
	GATHER_SHADOW,
	MODES,
};

#define OFFSET_X -3
#define OFFSET_Y 2

struct texel {
	double channels[4];
};

struct format {
	const char *name;
	VkFormat format;
	uint32_t bytes;
	void (*decode)(const uint8_t *bytes, struct texel *texel);
	/* Others are 0, 0, 1, also where the border is. */
	uint32_t channels;
	bool depth;
};

extern const struct format formats[];
extern const uint32_t format_count;

struct picture {
	const struct format *format;
	VkImageType type;
	/* Of the image: size of level 0, levels, layers. */
	uint32_t width, height, depth, levels, layers;
	uint8_t *bytes[MAX_LEVELS];
	/* What the view has of it. */
	uint32_t first_level, view_levels, first_layer, view_layers;
	VkComponentMapping swizzle;
};

/* A level's size; the depth is that of slices or layers. */
void level_size(const struct picture *picture, uint32_t level, uint32_t size[3]);

/*
 * The sample that @mode takes at @at, with levels and layers of the view. False if it depends on
 * how the device rounds: an address too near to where another texel or level is taken.
 */
bool sample(const struct picture *picture, const VkSamplerCreateInfo *sampler, enum mode mode,
	    const float at[4], float lod, float compare, struct texel *result);

#endif
