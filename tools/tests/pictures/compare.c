// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Compares a picture with a reference.
 *
 * usage: compare-pictures REFERENCE PICTURE [--within N] [--edge N] [--difference FILE.png]
 *
 * A pixel of the reference is at an edge if one of its eight neighbours differs from it by more
 * than --edge (default 24 of 255) in a channel: rules of coverage and filters may differ there by
 * a pixel. A pixel of the picture is right if each channel differs by at most --within (default
 * 1), or if it is at an edge and each channel is within what the 3 x 3 pixels of the reference
 * around it have. At most one pixel in a thousand may be wrong.
 *
 * Prints one line with the figures. The exit status is 0 if the picture is right, 1 if it is not,
 * 2 for wrong usage, or for a file that cannot be read. The difference is drawn in grey, eight
 * times as large as it is; what is wrong is red.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"

struct result {
	uint32_t edges, wrong, largest, first_x, first_y;
};

static uint32_t difference_of(const uint8_t *a, const uint8_t *b)
{
	uint32_t largest = 0;

	for (int c = 0; c < 4; c++) {
		uint32_t difference = abs(a[c] - b[c]);

		if (difference > largest)
			largest = difference;
	}
	return largest;
}

/* The least and the largest of each channel in the 3 x 3 pixels around a pixel. */
static void range_around(const struct picture *picture, uint32_t x, uint32_t y, uint8_t least[4],
			 uint8_t most[4])
{
	uint32_t right = x + 1 < picture->width ? x + 1 : x;
	uint32_t bottom = y + 1 < picture->height ? y + 1 : y;

	memset(least, 255, 4);
	memset(most, 0, 4);
	for (uint32_t v = y ? y - 1 : 0; v <= bottom; v++) {
		for (uint32_t u = x ? x - 1 : 0; u <= right; u++) {
			const uint8_t *pixel = picture_at(picture, u, v);

			for (int c = 0; c < 4; c++) {
				if (pixel[c] < least[c])
					least[c] = pixel[c];
				if (pixel[c] > most[c])
					most[c] = pixel[c];
			}
		}
	}
}

static bool is_edge(const uint8_t *pixel, const uint8_t least[4], const uint8_t most[4],
		    uint32_t edge)
{
	return difference_of(pixel, least) > edge || difference_of(pixel, most) > edge;
}

static bool is_between(const uint8_t *pixel, const uint8_t least[4], const uint8_t most[4],
		       uint32_t within)
{
	for (int c = 0; c < 4; c++)
		if (pixel[c] + within < least[c] || pixel[c] > most[c] + within)
			return false;
	return true;
}

static void compare(const struct picture *reference, const struct picture *picture,
		    uint32_t within, uint32_t edge, struct result *result, struct picture *shown)
{
	for (uint32_t y = 0; y < reference->height; y++) {
		for (uint32_t x = 0; x < reference->width; x++) {
			const uint8_t *wanted = picture_at(reference, x, y);
			const uint8_t *pixel = picture_at(picture, x, y);
			uint32_t difference = difference_of(wanted, pixel);
			uint8_t *draw = picture_at(shown, x, y), least[4], most[4];
			bool at_edge;

			range_around(reference, x, y, least, most);
			at_edge = is_edge(wanted, least, most, edge);
			result->edges += at_edge;
			memset(draw, difference < 32 ? difference * 8 : 255, 3);
			draw[3] = 255;
			if (difference <= within ||
			    (at_edge && is_between(pixel, least, most, within)))
				continue;
			if (difference > result->largest)
				result->largest = difference;
			if (!result->wrong++) {
				result->first_x = x;
				result->first_y = y;
			}
			memcpy(draw, (uint8_t[]) { 255, 0, 0 }, 3);
		}
	}
}

static _Noreturn void usage(void)
{
	fputs("usage: compare-pictures REFERENCE PICTURE [--within N] [--edge N] "
	      "[--difference FILE.png]\n",
	      stderr);
	exit(2);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > 255)
		usage();
	return n;
}

int main(int argc, char **argv)
{
	struct picture reference, picture, shown;
	uint32_t within = 1, edge = 24, pixels;
	struct result result = { 0 };
	const char *file = NULL;

	if (argc < 3 || argc % 2 == 0)
		usage();
	for (int i = 3; i < argc; i += 2) {
		if (!strcmp(argv[i], "--within"))
			within = number(argv[i + 1]);
		else if (!strcmp(argv[i], "--edge"))
			edge = number(argv[i + 1]);
		else if (!strcmp(argv[i], "--difference"))
			file = argv[i + 1];
		else
			usage();
	}
	picture_read(&reference, argv[1]);
	picture_read(&picture, argv[2]);
	if (reference.width != picture.width || reference.height != picture.height)
		fail("%s: %u x %u pixels, not %u x %u", argv[2], picture.width, picture.height,
		     reference.width, reference.height);
	picture_create(&shown, reference.width, reference.height);
	compare(&reference, &picture, within, edge, &result, &shown);
	if (file)
		picture_write_png(&shown, file);
	pixels = reference.width * reference.height;
	printf("%u of %u pixels are wrong, by at most %u; %.1f %% are at edges", result.wrong,
	       pixels, result.largest, 100.0 * result.edges / pixels);
	if (result.wrong)
		printf("; the first is %u, %u", result.first_x, result.first_y);
	putchar('\n');
	return (uint64_t)result.wrong * 1000 > pixels;
}
