// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Compares what gl-states wrote with what another renderer did, the reference.
 *
 * usage: compare-states REFERENCE FILE
 *
 * A value is at an edge if one of the eight around it in the reference differs by more than the
 * plane says. A value is right if it is within the plane's step and part of the largest value, or
 * if it is at an edge and within what is around it. Of a plane, at most one in five hundred may be
 * wrong, and samples that passed may differ by one in twenty-five, and twenty; where there are
 * lines or several samples, one in fifty and one in four; where there are both, one in twenty-five
 * and one in four. A line of several samples is a rectangle in llvmpipe, as OpenGL has it, and a
 * parallelogram on this GPU, of which Vulkan's drivers say that its lines are not strict: along a
 * line that is neither level nor upright each pixel may have another number of samples, and what
 * is blended over it later makes more of the difference. Prints TAP: a line for each case of the
 * reference.
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "states.h"

#define PIXELS (WIDTH * HEIGHT)

static float reference_values[PIXELS * 4], values[PIXELS * 4];

void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file)
		fail("%s cannot be read", path);
	return file;
}

static void get(FILE *file, void *data, size_t size)
{
	if (fread(data, size, 1, file) != 1)
		fail("a file ends too early");
}

/* False at the end of the file, or where it was cut off. */
static bool get_record(FILE *file, struct record *record, char **text)
{
	if (fread(record, sizeof(*record), 1, file) != 1)
		return false;
	if (record->magic != MAGIC || record->text_length > 1 << 16 || record->loose > 2)
		fail("not a file of gl-states");
	*text = calloc(1, record->text_length + 1);
	if (!*text)
		fail("no memory");
	return fread(*text, record->text_length, 1, file) == 1;
}

/* The least and the largest of a channel around a pixel. */
static void range_around(const float *plane, uint32_t channels, uint32_t x, uint32_t y, uint32_t c,
			 float range[2])
{
	range[0] = INFINITY;
	range[1] = -INFINITY;
	for (uint32_t v = y ? y - 1 : 0; v <= y + 1 && v < HEIGHT; v++) {
		for (uint32_t u = x ? x - 1 : 0; u <= x + 1 && u < WIDTH; u++) {
			float value = plane[(v * WIDTH + u) * channels + c];

			range[0] = fminf(range[0], value);
			range[1] = fmaxf(range[1], value);
		}
	}
}

/* What is no number is the same as any other that is none. */
static bool is_right(const struct plane *plane, float step, uint32_t x, uint32_t y, uint32_t c)
{
	uint32_t at = (y * WIDTH + x) * plane->channels + c;
	float wanted = reference_values[at], value = values[at], range[2];

	if (wanted == value || (isnan(wanted) && isnan(value)) || fabsf(wanted - value) <= step)
		return true;
	range_around(reference_values, plane->channels, x, y, c, range);
	return (range[1] - wanted > plane->edge || wanted - range[0] > plane->edge) &&
	       value >= range[0] - step && value <= range[1] + step;
}

static float largest_of(const struct plane *plane)
{
	float largest = 1;

	for (uint32_t i = 0; i < PIXELS * plane->channels; i++)
		if (isfinite(reference_values[i]))
			largest = fmaxf(largest, fabsf(reference_values[i]));
	return largest;
}

static bool compare_plane(FILE *reference, FILE *file, uint32_t loose)
{
	struct plane plane, other;
	static const uint32_t parts[] = { 500, 50, 25 };
	uint32_t wrong = 0, first = 0;
	float largest;

	get(reference, &plane, sizeof(plane));
	get(file, &other, sizeof(other));
	if (memcmp(&plane, &other, sizeof(plane)) || plane.channels > 4)
		fail("the files are of different cases");
	get(reference, reference_values, PIXELS * plane.channels * sizeof(float));
	get(file, values, PIXELS * plane.channels * sizeof(float));
	largest = largest_of(&plane);
	for (uint32_t i = 0; i < PIXELS; i++) {
		bool right = true;

		for (uint32_t c = 0; c < plane.channels; c++)
			right &= is_right(&plane, plane.step[c] + plane.relative * largest,
					  i % WIDTH, i / WIDTH, c);
		if (!right && !wrong++)
			first = i;
	}
	if (wrong <= PIXELS / parts[loose])
		return true;
	printf("# %s: %u of %u are wrong, the first at %u, %u:", plane.name, wrong, PIXELS,
	       first % WIDTH, first / WIDTH);
	for (uint32_t c = 0; c < plane.channels; c++)
		printf(" %g", values[first * plane.channels + c]);
	printf(", not");
	for (uint32_t c = 0; c < plane.channels; c++)
		printf(" %g", reference_values[first * plane.channels + c]);
	putchar('\n');
	return false;
}

static bool compare_passed(uint32_t wanted, uint32_t passed, bool loose)
{
	uint32_t difference = wanted > passed ? wanted - passed : passed - wanted;

	if (difference <= wanted / (loose ? 4 : 25) + 20)
		return true;
	printf("# %u samples passed, not %u\n", passed, wanted);
	return false;
}

int main(int argc, char **argv)
{
	struct record wanted, record;
	FILE *reference, *file;
	char *text, *other;
	bool good = true;
	uint32_t cases;

	if (argc != 3)
		fail("usage: compare-states REFERENCE FILE");
	reference = open_file(argv[1]);
	file = open_file(argv[2]);
	for (cases = 0; get_record(reference, &wanted, &text); cases++) {
		bool right;

		if (!get_record(file, &record, &other)) {
			printf("not ok case %u: it was not drawn\n", wanted.number);
			return 1;
		}
		if (wanted.number != record.number || strcmp(text, other))
			fail("the files are of different cases");
		right = compare_passed(wanted.passed, record.passed, wanted.loose);
		for (uint32_t i = 0; i < wanted.planes; i++)
			right &= compare_plane(reference, file, wanted.loose);
		if (!right)
			for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
				printf("# %s\n", line);
		printf("%sok case %u\n", right ? "" : "not ", wanted.number);
		good &= right;
		free(text);
		free(other);
	}
	if (!cases)
		fail("there is no case");
	return !good;
}
