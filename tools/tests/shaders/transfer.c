// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Commands that fill, copy and update buffers, and indirect dispatches: their results are known.
 */
#include <string.h>

#include "shaders.h"

#define SIZE 65536

static void fill_random(void *to, size_t bytes)
{
	for (size_t i = 0; i < bytes / 4; i++)
		((uint32_t *)to)[i] = random_word();
}

static bool is_same(const struct buffer *buffer, const uint8_t *wanted)
{
	return !memcmp(buffer->map, wanted, SIZE);
}

void test_transfers(struct gpu *gpu)
{
	static const VkDeviceSize places[][3] = {
		/* From, to, size. */
		{ 0, 0, SIZE }, { 0, 0, 4 },	 { 4, 8, 32764 },  { 16, 32, 4096 },
		{ 1, 2, 3 },	{ 3, 16, 1001 }, { 1024, 7, 129 }, { 32, 96, 65404 },
	};
	static uint8_t wanted[SIZE], update[65536];
	struct buffer from, to;

	buffer_create(gpu, &from, SIZE);
	buffer_create(gpu, &to, SIZE);
	fill_random(from.map, SIZE);

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		VkBufferCopy region = { places[i][0], places[i][1], places[i][2] };

		fill_random(to.map, SIZE);
		memcpy(wanted, to.map, SIZE);
		memcpy(wanted + region.dstOffset, (uint8_t *)from.map + region.srcOffset,
		       region.size);
		begin(gpu);
		vkCmdCopyBuffer(gpu->commands, from.buffer, to.buffer, 1, &region);
		finish(gpu);
		report(is_same(&to, wanted), "copy %ju bytes from %ju to %ju",
		       (uintmax_t)region.size, (uintmax_t)region.srcOffset,
		       (uintmax_t)region.dstOffset);

		if (region.dstOffset % 4 || region.size % 4)
			continue;
		for (size_t j = region.dstOffset; j < region.dstOffset + region.size; j += 4)
			memcpy(wanted + j, "\x78\x56\x34\x12", 4);
		begin(gpu);
		vkCmdFillBuffer(gpu->commands, to.buffer, region.dstOffset, region.size,
				0x12345678);
		finish(gpu);
		report(is_same(&to, wanted), "fill %ju bytes at %ju", (uintmax_t)region.size,
		       (uintmax_t)region.dstOffset);

		fill_random(update, sizeof(update));
		memcpy(wanted + region.dstOffset, update, region.size);
		begin(gpu);
		vkCmdUpdateBuffer(gpu->commands, to.buffer, region.dstOffset, region.size, update);
		finish(gpu);
		report(is_same(&to, wanted), "update %ju bytes at %ju", (uintmax_t)region.size,
		       (uintmax_t)region.dstOffset);
	}
	buffer_destroy(gpu, &from);
	buffer_destroy(gpu, &to);
}

/* The shader "grid", by a size in memory; one of them has no threadgroups. */
void test_indirect(struct gpu *gpu, const uint32_t *code, size_t size)
{
	static const VkDispatchIndirectCommand sizes[] = { { 3, 4, 2 }, { 7, 0, 1 }, { 1, 1, 1 } };
	struct buffer in, out, arguments;
	struct binding bindings[] = {
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &in },
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &out },
	};
	struct program program;

	buffer_create(gpu, &in, 4096);
	buffer_create(gpu, &out, SIZE);
	buffer_create(gpu, &arguments, 4096);
	memcpy(arguments.map, sizes, sizeof(sizes));
	program_create(gpu, &program, code, size, bindings, 2, 0);
	for (size_t i = 0; i < 3; i++) {
		uint32_t threads = sizes[i].x * 5 * sizes[i].y * 3 * sizes[i].z * 2, wrong = 0;
		const uint32_t *words = out.map;

		memset(out.map, 0xff, SIZE);
		begin(gpu);
		vkCmdBindPipeline(gpu->commands, VK_PIPELINE_BIND_POINT_COMPUTE, program.pipeline);
		vkCmdBindDescriptorSets(gpu->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
					program.layout, 0, 1, &program.set, 0, NULL);
		vkCmdDispatchIndirect(gpu->commands, arguments.buffer, i * sizeof(*sizes));
		finish(gpu);
		for (uint32_t t = 0; t < threads; t++) {
			uint32_t x = t % (sizes[i].x * 5),
				 y = t / (sizes[i].x * 5) % (sizes[i].y * 3);
			uint32_t z = t / (sizes[i].x * 5) / (sizes[i].y * 3);

			wrong += words[t * 4] != (x | y << 8 | z << 16);
		}
		wrong += words[threads * 4] != ~0u;
		report(!wrong, "indirect dispatch of %ux%ux%u threadgroups", sizes[i].x, sizes[i].y,
		       sizes[i].z);
	}
	program_destroy(gpu, &program);
	buffer_destroy(gpu, &in);
	buffer_destroy(gpu, &out);
	buffer_destroy(gpu, &arguments);
}
