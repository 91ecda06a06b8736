// SPDX-License-Identifier: MIT OR Apache-2.0
#include "draw.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* What the shaders paint: red, half green, no blue. */
#define PAINTED 0xff0080ffu
/* Bits of words that name a program: it is there. */
#define ENABLED 4

/* r4 to r7: a colour; then it is stored to all samples that live, in bytes. */
#define PAINT(red, green, blue, alpha) \
	0x62, 0x91, red, 0x62, 0x95, green, 0x62, 0x99, blue, 0x62, 0x9d, alpha, \
	0x09, 0x91, 0x00, 0x04, 0xf0, 0xfc, 0x00, 0x03, 0x00, 0x00, 0x88, 0x00, 0x08, 0x00
/* Floats: 0, 1, and 128 of 255. */
#define NONE 0x00, 0x00, 0x00, 0x00, 0x00, 0x00
#define FULL 0x00, 0x00, 0x80, 0x3f, 0x00, 0x00
#define HALF 0x81, 0x80, 0x00, 0x3f, 0x00, 0x00
/* The word with number @n of the vertex is loaded from the address in u0, and is its output @n. */
#define COPY(n) \
	0x1e, 0x1d, 0x4a, 0x82, 0x00, n, 0x00, 0x00, 0x05, 0x41, 0xe0, 0x0e, 0x00, 0xc0, 0x12, \
	0x00, 0x11, 0x20, 0x80 + n, 0x80

static const uint8_t vertex_code[] = {
	COPY(0), COPY(1), COPY(2), COPY(3), COPY(4), COPY(5), COPY(6), COPY(7), 0x88, 0x00,
};
static const uint8_t paint_code[] = { PAINT(FULL, HALF, NONE, FULL) };
/* Tests depth and stencil of all samples first. */
static const uint8_t late_code[] = { 0xc1, 0x7f, 0xbf, 0x0f, PAINT(FULL, HALF, NONE, FULL) };
static const uint8_t black_code[] = { PAINT(NONE, NONE, NONE, FULL) };
/* Stores the tile to the image in the first texture register, from the layer on. */
static const uint8_t store_code[] = {
	0x62, 0x91, NONE, 0x72, 0x19, 0x02, 0x00, 0xb1, 0x90, 0x0c, 0x80, 0x00, 0x4a, 0x00, 0x00,
	0x02, 0x00, 0x88, 0x00, 0x08, 0x00,
};

static void float_word(uint32_t *at, float value)
{
	memcpy(at, &value, sizeof(value));
}

static void put_bytes(uint8_t **at, const void *bytes, size_t size)
{
	memcpy(*at, bytes, size);
	*at += size;
}

static void put_u64(uint8_t **at, uint64_t value)
{
	put_bytes(at, &value, sizeof(value));
}

static void put_u32(uint8_t **at, uint32_t value)
{
	put_bytes(at, &value, sizeof(value));
}

/* Layout and bytes of a tile whose pixels have @samples of 8 bytes. */
static uint32_t tile_word(uint32_t samples)
{
	static const uint32_t layouts[] = { 0, 0x2f, 0x3f, 0, 0x36 };
	uint32_t shape = samples / 2, pixels = 1024 >> shape;

	return 0x4d | 1 << 8 | layouts[samples] << 10 | shape << 16 | 1 << 20 |
	       pixels * samples * 8 / 256 << 24;
}

/* Where the code of a list is, from the base of shaders. */
static uint32_t code_of(enum list list)
{
	return CODE_AT + list * 0x400;
}

/* A list of a program that paints or stores. @fragment: its properties, for shaders of draws. */
static void put_program(struct canvas *canvas, enum list list, uint32_t fragment)
{
	uint8_t *at = canvas->shaders + list * LIST_SIZE;

	put_u64(&at, 0x1dull | 4 << 20 | (DATA_BASE + POINTER_AT) >> 2 << 26);
	put_u64(&at, 0xddull | 1 << 20 | (DATA_BASE + DESCRIPTOR_AT) >> 3 << 27);
	put_u64(&at, 0x9dull | 1 << 20 | (DATA_BASE + SAMPLER_AT) >> 3 << 27);
	put_u32(&at, tile_word(canvas->samples));
	put_bytes(&at, (const uint8_t[]){ 0x0d, 0 }, 2);
	put_u32(&at, code_of(list));
	put_u32(&at, 0x8d | 4 << 8 | 1 << 24);
	if (fragment)
		put_u32(&at, fragment);
	put_bytes(&at, (const uint8_t[]){ 0x88, 0 }, 2);
}

void put_lists(struct canvas *canvas, uint32_t samples)
{
	uint8_t *at = canvas->shaders + LIST_VERTEX * LIST_SIZE;

	canvas->samples = samples;
	put_u64(&at, 0x1dull | 4 << 20 | (DATA_BASE + POINTER_AT) >> 2 << 26);
	put_bytes(&at, (const uint8_t[]){ 0x0d, 0x0c }, 2);
	put_u32(&at, code_of(LIST_VERTEX));
	put_bytes(&at, (const uint8_t[]){ 0x88, 0 }, 2);
	put_program(canvas, LIST_EARLY, 0x0002f258 | 1 << 8);
	put_program(canvas, LIST_LATE, 0x0002f258);
	put_program(canvas, LIST_BACKGROUND, 0);
	put_program(canvas, LIST_END, 0);
	memcpy(canvas->shaders + code_of(LIST_VERTEX), vertex_code, sizeof(vertex_code));
	memcpy(canvas->shaders + code_of(LIST_EARLY), paint_code, sizeof(paint_code));
	memcpy(canvas->shaders + code_of(LIST_LATE), late_code, sizeof(late_code));
	memcpy(canvas->shaders + code_of(LIST_BACKGROUND), black_code, sizeof(black_code));
	memcpy(canvas->shaders + code_of(LIST_END), store_code, sizeof(store_code));
}

/* Control of fragments, both faces, what of the window is drawn, and the fragment shader. */
uint32_t put_record(uint32_t *at)
{
	const float half = TARGET_SIZE / 2.0f;
	const uint32_t face = 7 << 24 | 1 << 21, stencil = 7 << 25 | 0xffff;
	uint32_t n = 0;

	/* Structures 0 to 8, the view, and 16 to 18, 21 to 24, 27. */
	at[n++] = 0x1ff | 1 << 11 | 7 << 16 | 0xf << 21 | 1 << 27;
	at[n++] = 1 << 16;
	at[n++] = 1 << 9;
	for (int back = 0; back < 2; back++) {
		at[n++] = face & 0x072cffff;
		at[n++] = face;
		at[n++] = stencil;
	}
	at[n++] = 0;
	at[n++] = 0;
	float_word(at + n++, half);
	float_word(at + n++, half);
	float_word(at + n++, half);
	float_word(at + n++, -half);
	float_word(at + n++, 0);
	float_word(at + n++, 1);
	float_word(at + n++, 1e-6f);
	at[n++] = 0;
	at[n++] = VERTEX_WORDS - 4;
	at[n++] = 1 << 10;
	at[n++] = 0;
	at[n++] = 0;
	at[n++] = LIST_EARLY * LIST_SIZE;
	at[n++] = 0;
	at[n++] = 0;
	at[n++] = 0;
	at[n++] = VERTEX_WORDS;
	return n;
}

uint32_t *put_state(uint32_t *at, uint32_t record, uint32_t words)
{
	const uint64_t place = DATA_BASE + RECORD_AT + record * RECORD_SIZE;

	*at++ = words << 8 | (uint32_t)(place >> 32);
	*at++ = (uint32_t)place;
	*at++ = 2u << 29 | 0x2e;
	*at++ = 0;
	*at++ = LIST_VERTEX * LIST_SIZE;
	*at++ = VERTEX_WORDS << 8 | VERTEX_WORDS;
	*at++ = 0;
	*at++ = 0;
	return at;
}

uint32_t *put_list(uint32_t *at, uint32_t primitive, uint32_t count, uint32_t instances,
		   uint32_t start)
{
	*at++ = 3u << 29 | 7 << 22 | primitive << 8;
	*at++ = count;
	*at++ = instances;
	*at++ = start;
	return at;
}

/* Scissors, biases, a pointer to the vertices, and the image that is stored to. */
static void put_tables(struct canvas *canvas)
{
	uint32_t *data = canvas->data;
	const uint64_t target = DATA_BASE + TARGET_AT, vertices = DATA_BASE + VERTICES_AT;
	/* Two dimensions, four normalised bytes in their order, rows that follow each other. */
	const uint64_t descriptor[] = {
		2 | 0x28 << 6 | 0xe4 << 16 | (uint64_t)(TARGET_SIZE - 1) << 24 |
			(uint64_t)(TARGET_SIZE - 1) << 38,
		target >> 4 | (uint64_t)(TARGET_SIZE * 4 - 4) << 40,
		0,
	};

	memcpy(data + DESCRIPTOR_AT / 4, descriptor, sizeof(descriptor));
	memset(data + SAMPLER_AT / 4, 0, 32);
	memcpy(data + POINTER_AT / 4, &vertices, sizeof(vertices));
	for (int i = 0; i < 64; i++) {
		uint32_t *scissor = data + SCISSORS_AT / 4 + i * 4;

		scissor[0] = 0xffff;
		scissor[1] = 0xffff;
		float_word(scissor + 2, 0);
		float_word(scissor + 3, 1);
		memset(data + BIASES_AT / 4 + i * 3, 0, 12);
	}
}

void put_draw(struct canvas *canvas)
{
	static const float corners[][2] = { { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };
	uint32_t *at = canvas->data + STREAM_AT / 4;

	put_lists(canvas, 1);
	put_tables(canvas);
	for (int i = 0; i < 4; i++) {
		uint32_t *vertex = canvas->data + VERTICES_AT / 4 + i * VERTEX_WORDS;

		memset(vertex, 0, VERTEX_WORDS * 4);
		float_word(vertex, corners[i][0]);
		float_word(vertex + 1, corners[i][1]);
		float_word(vertex + 2, 0.5f);
		float_word(vertex + 3, 1);
	}
	*at++ = 1u << 29 | 8;
	at = put_state(at, 0, put_record(canvas->data + RECORD_AT / 4));
	at = put_list(at, STRIP, 4, 1, 0);
	*at++ = VDM_TERMINATE;
	*at++ = 0;
}

struct render_command draw_command(const struct canvas *canvas)
{
	struct render_command command = render_command();
	struct drm_asahi_cmd_render *render = &command.render;

	render->vdm_ctrl_stream_base = DATA_BASE + STREAM_AT;
	render->isp_scissor_base = DATA_BASE + SCISSORS_AT;
	render->isp_dbias_base = DATA_BASE + BIASES_AT;
	render->isp_oclqry_base = DATA_BASE + QUERIES_AT;
	render->bg.usc = LIST_BACKGROUND * LIST_SIZE | ENABLED;
	render->eot.usc = LIST_END * LIST_SIZE | ENABLED;
	render->partial_bg = render->bg;
	render->partial_eot = render->eot;
	render->samples = canvas->samples;
	render->utile_width_px = canvas->samples == 4 ? 16 : 32;
	render->utile_height_px = canvas->samples == 1 ? 32 : 16;
	return command;
}

int wrong_pixels(struct canvas *canvas)
{
	uint32_t *target = canvas->data + TARGET_AT / 4;
	int wrong = 0, ret;

	put_draw(canvas);
	memset(target, 0x55, TARGET_SIZE * TARGET_SIZE * 4);
	ret = run_render(&canvas->ctx, draw_command(canvas));
	/* It shared the GPU with one that was stopped: its own result is told by the next. */
	if (ret == -ECANCELED)
		ret = run_render(&canvas->ctx, draw_command(canvas));
	if (ret)
		return ret;
	for (int i = 0; i < TARGET_SIZE * TARGET_SIZE; i++)
		wrong += target[i] != PAINTED;
	return wrong;
}

void canvas_init(struct canvas *canvas)
{
	uint32_t data, shaders;
	struct context *ctx = &canvas->ctx;

	context_init(ctx);
	ctx->map[(VDM_EMPTY - USER_VA) / 4] = VDM_TERMINATE;
	need("create a buffer of data",
	     gem_create(ctx->fd, DATA_SIZE, DRM_ASAHI_GEM_WRITEBACK, 0, &data));
	need("create a buffer of shaders",
	     gem_create(ctx->fd, SHADERS_SIZE, DRM_ASAHI_GEM_WRITEBACK, 0, &shaders));
	need("bind it", vm_bind(ctx->fd, ctx->vm, data, DATA_BASE, DATA_SIZE));
	need("bind the other one", vm_bind(ctx->fd, ctx->vm, shaders, USC_BASE, SHADERS_SIZE));
	canvas->data = gem_map(ctx->fd, data, DATA_SIZE);
	canvas->shaders = gem_map(ctx->fd, shaders, SHADERS_SIZE);
	need("map them", canvas->data && canvas->shaders ? 0 : -ENOMEM);
}

void canvas_fini(struct canvas *canvas)
{
	munmap(canvas->data, DATA_SIZE);
	munmap(canvas->shaders, SHADERS_SIZE);
	context_fini(&canvas->ctx);
}
