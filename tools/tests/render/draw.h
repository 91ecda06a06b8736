/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A draw with all that it needs, in memory of a client: a stream, a record of all the state that a
 * first record of Mesa's has, vertices, shaders, and programs that store what was drawn.
 */
#ifndef RENDER_DRAW_H
#define RENDER_DRAW_H

#include "render.h"

/* The client's buffer of data, and what is in it. */
#define DATA_BASE (USER_VA + 0x1000000)
#define STREAM_AT 0x0000
#define RECORD_AT 0x4000
#define RECORD_SIZE 0x100
#define VERTICES_AT 0x8000
#define DESCRIPTOR_AT 0xc000
#define SAMPLER_AT 0xc100
#define POINTER_AT 0xc200
#define ARGUMENTS_AT 0xc400
#define SCISSORS_AT 0xd000
#define BIASES_AT 0xd800
#define QUERIES_AT 0xe000
#define INDICES_AT 0xf000
#define TARGET_AT 0x10000
#define DATA_SIZE (16 * PAGE)
/* The buffer of shaders, at USC_BASE: lists of 64 bytes, then code. */
#define LIST_SIZE 64
#define CODE_AT 0x8000
#define SHADERS_SIZE (4 * PAGE)
/* Words of a vertex: its position and four varyings. */
#define VERTEX_WORDS 8
/* Frames of this size have a target. */
#define TARGET_SIZE 64

enum { RECORDS = 16, LISTS = 64 };

/* Lists of the shaders that there are always. */
enum list { LIST_VERTEX = 1, LIST_EARLY, LIST_LATE, LIST_BACKGROUND, LIST_END, LISTS_GOOD };

/* Primitives of the vertex data master. */
enum { POINTS = 0, LINES = 1, TRIANGLES = 6, STRIP = 9, FAN = 11 };

struct canvas {
	struct context ctx;
	uint32_t *data;
	uint8_t *shaders;
	/* The shape of tiles that the shaders were written for, and its number of samples. */
	uint32_t samples;
};

void canvas_init(struct canvas *canvas);
void canvas_fini(struct canvas *canvas);
/* Writes the shaders' lists for tiles of frames of @samples. */
void put_lists(struct canvas *canvas, uint32_t samples);
/* Writes everything for a draw of two triangles that cover the target. */
void put_draw(struct canvas *canvas);
/* Writes a record, and returns the number of its words. */
uint32_t put_record(uint32_t *at);
/* Adds blocks to a stream: the record number @record of @words, the vertex shader, a draw. */
uint32_t *put_state(uint32_t *at, uint32_t record, uint32_t words);
uint32_t *put_list(uint32_t *at, uint32_t primitive, uint32_t count, uint32_t instances,
		   uint32_t start);
/* A command that renders what was put. */
struct render_command draw_command(const struct canvas *canvas);
/* Clears the target, renders put_draw()'s scene, and returns how many pixels are not as painted. */
int wrong_pixels(struct canvas *canvas);

#endif
