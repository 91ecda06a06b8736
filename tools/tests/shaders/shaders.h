/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef TESTS_SHADERS_H
#define TESTS_SHADERS_H

#include <stdbool.h>

#include "../vulkan/compute.h"

/* The next number of a sequence that is the same in each run. */
uint32_t random_word(void);

/* Prints a line of TAP. */
void report(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A format: what is kept together in it, one texel or a block of them. */
struct block {
	VkFormat format;
	uint32_t bytes, width, height;
};

/* Images: what a device makes of @in. */
void run_storage_images(struct gpu *gpu, const uint32_t *in, uint32_t *out, uint32_t words);
void run_copies(struct gpu *gpu, const struct block *block, const uint32_t *in, uint32_t *out,
		uint32_t words);
void run_sampling(struct gpu *gpu, const VkSamplerCreateInfo *info, const struct block *block,
		  const uint32_t *in, uint32_t *out, uint32_t words);

/* What a subgroup of 32 lanes makes of @in. */
void model_subgroup(const uint32_t *in, uint32_t *out, uint32_t threads);
void model_shuffle(const uint32_t *in, uint32_t *out, uint32_t threads);

void test_transfers(struct gpu *gpu);
void test_sparse(struct gpu *gpu);
/* @code: the shader "grid". */
void test_indirect(struct gpu *gpu, const uint32_t *code, size_t size);

#endif
