// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Random operations on images: uploads, copies, clears, blits, and render passes that clear. The
 * same is done to copies in memory, and what is in the images in the end has to be what is in
 * these.
 *
 * usage: vk-images DEVICE SEED FIRST COUNT [ROUNDS-A-GROUP]
 *
 * DEVICE is a part of the device's name. SEED and a round's number give all that is in it, but
 * for what the device does not have. Prints TAP: a line for each group of rounds, and one for
 * each kind of operation, of which there have to be some.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

#define STAGE_SIZE (32u << 20)

static void first_layouts(struct round *round)
{
	for (uint32_t i = 0; i < round->count; i++) {
		VkImageMemoryBarrier change = {
			.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
			.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
			.newLayout = VK_IMAGE_LAYOUT_GENERAL,
			.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
			.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
			.image = round->pictures[i].image.image,
			.subresourceRange = { aspect(round->pictures[i].format), 0,
					      VK_REMAINING_MIP_LEVELS, 0,
					      VK_REMAINING_ARRAY_LAYERS },
		};

		vkCmdPipelineBarrier(round->gpu->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
				     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1,
				     &change);
	}
}

/* Images between which there can be copies. */
static void choose_pictures(struct round *round)
{
	const struct format *first = &formats[below(&round->random, format_count)];

	round->count = 0;
	while (round->count < PICTURES) {
		const struct format *format = &formats[below(&round->random, format_count)];

		if (format->bytes != first->bytes)
			continue;
		if (!round->count || one_in(&round->random, 2))
			format = first;
		round->count += picture_create(round->gpu, &round->pictures[round->count], format,
					       &round->random);
		/* A device may have none of the kind. */
		if (one_in(&round->random, 20))
			return;
	}
}

static bool is_right(const struct round *round, const struct picture *picture, VkDeviceSize at,
		     const char *name)
{
	for (uint32_t level = 0; level < picture->image.levels; level++) {
		VkExtent3D size = level_blocks(picture, level);
		uint32_t bytes = picture->format->bytes;
		size_t length = (size_t)size.width * size.height * size.depth * bytes;
		const uint8_t *got = (const uint8_t *)round->stage.buffer.map + at;

		for (size_t i = 0; i < length; i += bytes) {
			size_t block = i / bytes;

			if (!memcmp(got + i, picture->levels[level] + i, bytes))
				continue;
			printf("# %s: image %u, %s, type %u, %u x %u x %u, %u layers, %u levels, usage "
			       "0x%x: level %u, block %zu,%zu,%zu is",
			       name, (uint32_t)(picture - round->pictures), picture->format->name,
			       picture->type, picture->image.extent.width,
			       picture->image.extent.height, picture->image.extent.depth,
			       picture->image.layers, picture->image.levels, picture->usage, level,
			       block % size.width, block / size.width % size.height,
			       block / size.width / size.height);
			for (uint32_t j = 0; j < bytes; j++)
				printf(" %02x", got[i + j]);
			printf(", not");
			for (uint32_t j = 0; j < bytes; j++)
				printf(" %02x", picture->levels[level][i + j]);
			printf("\n");
			return false;
		}
		at = (at + length + MAX_BLOCK - 1) / MAX_BLOCK * MAX_BLOCK;
	}
	return true;
}

static bool run(struct gpu *gpu, struct buffer *memory, uint64_t seed, uint32_t number,
		uint32_t done[OPERATIONS])
{
	static struct round round;
	VkDeviceSize at[PICTURES];
	bool good = true;
	char name[32];

	round = (struct round) { .gpu = gpu, .stage.buffer = *memory };
	round.random.state = seed << 32 | number;
	snprintf(name, sizeof(name), "round %u", number);
	choose_pictures(&round);
	begin(gpu);
	first_layouts(&round);
	for (uint32_t i = 0; i < round.count; i++)
		picture_upload(&round, &round.pictures[i]);
	barrier(gpu);
	for (uint32_t i = 0; i < OPERATIONS_A_ROUND && round.count; i++) {
		enum operation operation = below(&round.random, OPERATIONS);

		done[operation] += operate(&round, operation);
	}
	for (uint32_t i = 0; i < round.count; i++)
		at[i] = download(&round, &round.pictures[i]);
	barrier(gpu);
	finish(gpu);
	for (uint32_t i = 0; i < round.count; i++)
		good &= is_right(&round, &round.pictures[i], at[i], name);
	if (!good)
		for (char *line = strtok(round.log, "\n"); line; line = strtok(NULL, "\n"))
			printf("#   %s\n", line);
	for (uint32_t i = 0; i < round.view_count; i++)
		vkDestroyImageView(gpu->device, round.views[i], NULL);
	for (uint32_t i = 0; i < round.count; i++)
		picture_destroy(gpu, &round.pictures[i]);
	return good;
}

int main(int argc, char **argv)
{
	uint32_t done[OPERATIONS] = { 0 }, bad = 0, first, count, group = 50;
	struct buffer memory;
	struct gpu gpu;

	if (argc < 5) {
		fputs("usage: vk-images DEVICE SEED FIRST COUNT [ROUNDS-A-GROUP]\n", stderr);
		return 2;
	}
	gpu_open(&gpu, argv[1]);
	printf("# %s\n", gpu.properties.deviceName);
	buffer_create(&gpu, &memory, STAGE_SIZE);
	first = strtoul(argv[3], NULL, 0);
	count = strtoul(argv[4], NULL, 0);
	if (argc > 5)
		group = strtoul(argv[5], NULL, 0);
	for (uint32_t i = 0; i < count; i += group) {
		uint32_t wrong = 0, last = i + group < count ? i + group : count;

		for (uint32_t j = i; j < last; j++)
			wrong += !run(&gpu, &memory, strtoul(argv[2], NULL, 0), first + j, done);
		printf("%s images: rounds %u to %u: %u of %u are wrong\n", wrong ? "not ok" : "ok",
		       first + i, first + last - 1, wrong, last - i);
		fflush(stdout);
		bad += wrong;
	}
	for (uint32_t i = 0; i < OPERATIONS && count >= 20; i++) {
		printf("%s images: %u of \"%s\"\n", done[i] ? "ok" : "not ok", done[i],
		       operation_names[i]);
		bad += !done[i];
	}
	buffer_destroy(&gpu, &memory);
	gpu_close(&gpu);
	return bad != 0;
}
