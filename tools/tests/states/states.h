/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Random states of OpenGL, what is drawn with them, and the file of what came of it.
 */
#ifndef TESTS_STATES_H
#define TESTS_STATES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of every target. No multiple of a tile's size in either direction. */
#define WIDTH 84
#define HEIGHT 52
#define MAX_TARGETS 4
#define MAX_DRAWS 5

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The file: for each case a struct record and its text; then a struct plane for each of what was
 * read, with its values, WIDTH * HEIGHT * channels floats, rows from the bottom. */
#define MAGIC 0x73746174u

struct record {
	uint32_t magic, number, text_length, planes;
	/* Samples that passed, as the query says. */
	uint32_t passed;
	/* 1 of lines, or of several samples, whose rules are the implementation's; 2 of both. */
	uint32_t loose;
};

struct plane {
	char name[16];
	uint32_t channels;
	/* So far may a value be from the reference's: this, and this part of the largest value. */
	float step[4], relative;
	/* By more than this do neighbours differ where there is an edge. */
	float edge;
};

/* A series of numbers that a seed and a case's number give. */
struct random {
	uint64_t state;
};

static inline uint32_t random_next(struct random *random)
{
	uint64_t x = random->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) >> 32;
}

static inline uint32_t below(struct random *random, uint32_t n)
{
	return (uint64_t)random_next(random) * n >> 32;
}

#define PICK(random, array) ((array)[below(random, COUNT(array))])

#endif
