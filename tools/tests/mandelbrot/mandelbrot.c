// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Computes a picture of the Mandelbrot set and writes its iteration counts to a file: 32-bit
 * numbers, little endian, row by row.
 *
 * usage: mandelbrot NAME SIZE LIMIT FILE      NAME: part of the device's name
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../vulkan/compute.h"
#include "mandelbrot.h"

int main(int argc, char **argv)
{
	struct binding binding = { .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
	uint32_t push[2], groups;
	struct program program;
	struct buffer picture;
	struct gpu gpu;
	double start;
	void *copy;
	FILE *file;

	if (argc != 5)
		fail("usage: mandelbrot NAME SIZE LIMIT FILE");
	push[0] = strtoul(argv[2], NULL, 0);
	push[1] = strtoul(argv[3], NULL, 0);
	groups = (push[0] + 15) / 16;

	gpu_open(&gpu, argv[1]);
	buffer_create(&gpu, &picture, (VkDeviceSize)push[0] * push[0] * sizeof(uint32_t));
	binding.buffer = &picture;
	program_create(&gpu, &program, mandelbrot, sizeof(mandelbrot), &binding, 1, sizeof(push));
	begin(&gpu);
	dispatch(&gpu, &program, push, sizeof(push), groups, groups, 1);
	start = seconds();
	finish(&gpu);
	printf("mandelbrot: %ux%u pixels, at most %u iterations: %.3f s in the guest\n", push[0],
	       push[0], push[1], seconds() - start);

	/* The file system wants pages that it can pin, which a mapping of the device's is not. */
	copy = malloc(picture.size);
	if (!copy)
		fail("no memory");
	memcpy(copy, picture.map, picture.size);
	file = fopen(argv[4], "wb");
	if (!file || fwrite(copy, picture.size, 1, file) != 1 || fclose(file))
		fail("%s: cannot be written", argv[4]);
	free(copy);
	program_destroy(&gpu, &program);
	buffer_destroy(&gpu, &picture);
	gpu_close(&gpu);
	return 0;
}
