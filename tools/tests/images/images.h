/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Images of random shapes with copies of their contents in memory, and random operations on both.
 * Everything is counted in blocks: a block is a texel, or that of a compressed format.
 */
#ifndef TESTS_IMAGES_IMAGES_H
#define TESTS_IMAGES_IMAGES_H

#include <stdbool.h>

#include "../vulkan/compute.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LEVELS 6
#define MAX_BLOCK 16

enum kind { UNORM, UINT, SINT, FLOAT, BLOCKS, DEPTH, STENCIL };

struct format {
	const char *name;
	VkFormat format;
	enum kind kind;
	/* Of a block: bytes, width, height. */
	uint8_t bytes, width, height;
	/* Of red, green, blue, alpha: the lowest bit, and how many there are. */
	struct {
		uint8_t low, bits;
	} channels[4];
};

extern const struct format formats[];
extern const uint32_t format_count;

struct random {
	uint64_t state;
};

/* A number below @below. */
uint32_t below(struct random *random, uint32_t below);
bool one_in(struct random *random, uint32_t n);

/* An image, and what is in it. */
struct picture {
	struct image image;
	const struct format *format;
	VkImageType type;
	VkImageUsageFlags usage;
	VkFormatFeatureFlags features;
	/* Of each level: all layers or slices, rows of blocks, without gaps. */
	uint8_t *levels[MAX_LEVELS];
};

/* A place: slices of a three-dimensional image, layers of another. */
struct box {
	uint32_t level, x, y, z, width, height, depth;
};

VkImageAspectFlags aspect(const struct format *format);
/* A level's size in texels. */
VkExtent3D level_texels(const struct picture *picture, uint32_t level);
/* A level's size in blocks; the depth is that of slices or layers. */
VkExtent3D level_blocks(const struct picture *picture, uint32_t level);
uint8_t *block_at(const struct picture *picture, uint32_t level, uint32_t x, uint32_t y,
		  uint32_t z);

/* False if the device has no such image. */
bool picture_create(struct gpu *gpu, struct picture *picture, const struct format *format,
		    struct random *random);
void picture_destroy(struct gpu *gpu, struct picture *picture);

/* Memory for uploads and downloads of a round: what is taken is given back with all of it. */
struct stage {
	struct buffer buffer;
	VkDeviceSize used;
};

#define PICTURES 3
#define OPERATIONS_A_ROUND 10

struct round {
	struct gpu *gpu;
	struct random random;
	struct stage stage;
	struct picture pictures[PICTURES];
	uint32_t count;
	/* Of render passes; they live as long as the images. */
	VkImageView views[OPERATIONS_A_ROUND];
	uint32_t view_count;
	/* What was done, for the message if it is wrong. */
	char log[8192];
};

enum operation { UPLOAD, COPY, CLEAR, BLIT, RENDER, OPERATIONS };

extern const char *const operation_names[OPERATIONS];

/* Records an operation, and does the same in memory. False if there is none for the pictures. */
bool operate(struct round *round, enum operation operation);
/* Records uploads of random contents to all of @picture. */
void picture_upload(struct round *round, struct picture *picture);
/* Records copies of all that is in @picture to the stage, from the place that is returned on. */
VkDeviceSize download(struct round *round, const struct picture *picture);

#endif
