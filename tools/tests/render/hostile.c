// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What no driver of userspace would send. Each job begins as a whole and right draw (draw.c) and
 * has some of its words changed then: in the stream of the vertex data master, in the record of
 * state, lists, code, tables, and the command. So most of them draw something, which the counters
 * "primitives" and "shaded" of the emulator tell. Each job has an end, and the picture of another
 * client is right after each batch. The bits are the same each time, unless ASAHI_SEED says
 * otherwise.
 */
#include "draw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 200, BATCH = 10 };
/* Vertices and instances of a draw, together: with more, one would take long. */
#define MOST 0x10000

static uint64_t state;

static uint32_t word(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return (x ^ x >> 31) >> 32;
}

static uint32_t below(uint32_t limit)
{
	return (uint64_t)word() * limit >> 32;
}

static bool one_in(uint32_t count)
{
	return below(count) == 0;
}

static uint32_t some_word(void)
{
	switch (below(4)) {
	case 0:
		return 1u << below(32);
	case 1:
		return below(2) ? 0 : ~0u;
	case 2:
		return below(200);
	default:
		return word();
	}
}

static uint64_t some_address(void)
{
	switch (below(8)) {
	case 0:
		return NOWHERE;
	case 1:
		return (uint64_t)some_word() << 8 | some_word();
	case 2:
		return KERNEL_START;
	default:
		return DATA_BASE + below(DATA_SIZE);
	}
}

/* Floats of vertices and views: mostly usual ones. */
static uint32_t some_float(void)
{
	float value = (int)below(4000) / 1000.0f - 2;
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return one_in(40) ? some_word() : bits;
}

/* Bits of a record's words that programs set, in the order of put_record(); 0: a float. */
static const uint32_t known[] = {
	0xe62fc200, 0xe62fc200, 0x0724ffff, 0x07e00000, 0x0fffffff, 0x0724ffff, 0x07e00000,
	0x0fffffff, 0x003f003f, 0, 0, 0, 0, 0, 0, 0, 0, 0x00000008, 0x00000004, 0x00038d83,
	0x00001020, 0x007fffff, 0x00000fc0, 0x00000fc0, 15, 0x01fe0000,
};

/* Changes bits of some words of a record. Of the first, which says what follows, seldom. */
static void change_record(uint32_t *at, uint32_t words)
{
	uint32_t changes = below(4);

	for (uint32_t i = 0; i < changes; i++) {
		/* The size of a vertex's record, the last word, is the vertex state's as well. */
		uint32_t n = below(words - 2);

		if (one_in(30))
			at[below(words)] = some_word();
		else if (!known[n])
			at[1 + n] = n == 9 ? 0 : some_float() & (n == 16 ? 0x7fffffff : ~0u);
		else
			at[1 + n] ^= known[n] & word() & word();
	}
	/* Most shaders are one of those that there are. */
	if (one_in(2))
		at[23] = (one_in(8) ? below(LISTS) : LIST_EARLY + below(2)) * LIST_SIZE;
}

/* As many vertices and instances as a draw may have here. */
static void some_counts(uint32_t *count, uint32_t *instances)
{
	*count = one_in(16) ? below(MOST) : below(64);
	*instances = one_in(16) ? 1 + below(MOST / (*count + 1)) : 1 + below(3);
	/* What ends by what it costs, if the emulator limits that. */
	if (one_in(200))
		*count = some_word();
}

static uint32_t *put_some_list(struct canvas *canvas, uint32_t *at)
{
	static const uint8_t primitives[] = { POINTS, LINES, 3, 5, TRIANGLES, STRIP, FAN, 14, 15 };
	uint32_t primitive = primitives[below(sizeof(primitives))];
	uint64_t indices = one_in(6) ? some_address() : DATA_BASE + INDICES_AT + below(0x100) * 4;
	uint64_t arguments = one_in(6) ? some_address() : DATA_BASE + ARGUMENTS_AT;
	bool indexed = one_in(3), indirect = one_in(6);
	uint32_t first = 3u << 29 | primitive << 8, count, instances;

	some_counts(&count, &instances);
	if (indexed)
		first |= 3 << 20 | below(3) << 17 | below(2) << 16 | (indices >> 32 & 0xff);
	first |= indirect ? 1 << 26 : 7 << 22;
	if (one_in(40))
		first ^= 1u << below(29);
	*at++ = first;
	if (indexed)
		*at++ = indices;
	if (indirect) {
		uint32_t *to = canvas->data + ARGUMENTS_AT / 4;

		to[0] = count;
		to[1] = instances;
		to[2] = below(16);
		to[3] = one_in(8) ? some_word() : 0;
		to[4] = 0;
		*at++ = arguments >> 32 & 0xff;
		*at++ = arguments;
	} else {
		*at++ = count;
		*at++ = instances;
		*at++ = one_in(16) ? some_word() : below(16);
	}
	if (indexed)
		*at++ = one_in(8) ? below(0x400) : 0x400;
	return at;
}

/* A whole draw first, and then blocks that mean something, with fields at random. */
static void change_stream(struct canvas *canvas, const uint32_t *words)
{
	uint32_t *at = canvas->data + STREAM_AT / 4, *end = at + 400, blocks = below(24);

	*at++ = 1u << 29 | 8;
	at = put_state(at, 0, words[0]);
	at = put_some_list(canvas, at);
	for (uint32_t i = 0; i < blocks && at < end; i++) {
		uint32_t record = below(RECORDS);
		uint64_t to;

		switch (below(20)) {
		case 0:
			if (one_in(4))
				*at++ = some_word();
			break;
		case 1:
			*at++ = 1u << 29 | (word() & 0x0d100978 & word());
			break;
		case 2:
			/* Links, calls among them, often to the stream itself. */
			if (!one_in(4))
				break;
			to = one_in(2) ? DATA_BASE + below(0x400) * 4 : some_address();
			*at++ = VDM_LINK | below(2) << 28 | (to >> 32 & 0xff);
			*at++ = to;
			break;
		case 3 ... 7:
			at = put_state(at, record, words[record]);
			/* Counts, shader, outputs, provoking vertex. */
			if (one_in(10))
				at[-1 - (int)below(5)] = some_word();
			else
				at[-2] = below(3);
			break;
		default:
			at = put_some_list(canvas, at);
		}
	}
	at[0] = one_in(16) ? some_word() : VDM_TERMINATE;
	at[1] = 0;
}

static void change_shaders(struct canvas *canvas)
{
	uint8_t *lists = canvas->shaders;

	/* Copies of the good lists, some of them changed. */
	for (uint32_t i = LISTS_GOOD; i < LISTS; i++) {
		uint8_t *list = lists + i * LIST_SIZE;

		memcpy(list, lists + (1 + below(LIST_END)) * LIST_SIZE, LIST_SIZE);
		for (uint32_t n = below(3); n; n--)
			list[below(LIST_SIZE)] ^= 1u << below(8);
	}
	/* Their code, and what the GPU uses always, seldom. */
	if (one_in(8))
		lists[CODE_AT + below(LISTS_GOOD * 0x400)] ^= 1u << below(8);
	if (one_in(16))
		lists[LIST_SIZE + below(LIST_END * LIST_SIZE)] ^= 1u << below(8);
}

static void change_tables(struct canvas *canvas)
{
	uint32_t *data = canvas->data;
	uint32_t last = one_in(4) ? TARGET_AT : DESCRIPTOR_AT;

	for (uint32_t at = VERTICES_AT / 4; at < last / 4; at++)
		data[at] = some_float();
	if (last == DESCRIPTOR_AT)
		for (uint32_t at = BIASES_AT / 4; at < TARGET_AT / 4; at++)
			data[at] = one_in(2) ? below(40) : some_float();
	/* Vertices in front of the viewer. */
	for (uint32_t at = VERTICES_AT / 4; at < DESCRIPTOR_AT / 4; at += VERTEX_WORDS)
		if (!one_in(10))
			data[at + 3] = 0x3f800000;
}

static void change_command(struct canvas *canvas, struct drm_asahi_cmd_render *render)
{
	struct drm_asahi_bg_eot *programs[] = { &render->bg, &render->eot, &render->partial_bg,
						&render->partial_eot };

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (one_in(10))
			programs[i]->usc = below(LISTS) * LIST_SIZE | 4;
	render->width_px = 1 + below(200);
	render->height_px = 1 + below(200);
	render->layers = 1 + one_in(4) * below(3);
	if (one_in(4))
		render->flags |= DRM_ASAHI_RENDER_PROCESS_EMPTY_TILES;
	if (one_in(8))
		render->isp_scissor_base = some_address();
	if (one_in(8))
		render->isp_dbias_base = some_address();
	if (one_in(8))
		render->isp_oclqry_base = some_address();
	if (one_in(4)) {
		/* Seldom compressed ones, whose metadata nobody has made. */
		render->zls_ctrl = word();
		render->zls_ctrl &= (one_in(4) ? 0x1fe : 0x0aa) | 3 << 14 | 3 << 18 | 1 << 26;
		render->isp_zls_pixels = below(200) | below(200) << 15;
		render->depth.base = one_in(4) ? some_address() : DATA_BASE + TARGET_AT;
		render->depth.stride = below(4) << 14;
		render->depth.comp_base = some_address();
		render->stencil.base = one_in(4) ? some_address() : DATA_BASE + TARGET_AT;
		render->stencil.comp_stride = some_word();
	}
	if (one_in(12))
		((uint32_t *)render)[below(sizeof(*render) / 4)] = some_word();
	(void)canvas;
}

/* A job that begins as a right one. */
static struct render_command some_draw(struct canvas *canvas)
{
	struct render_command command;
	uint32_t words[RECORDS];

	put_draw(canvas);
	put_lists(canvas, 1 << below(3));
	change_tables(canvas);
	for (int i = 0; i < RECORDS; i++) {
		uint32_t *at = canvas->data + (RECORD_AT + i * RECORD_SIZE) / 4;

		words[i] = put_record(at);
		change_record(at, words[i]);
	}
	change_stream(canvas, words);
	change_shaders(canvas);
	command = draw_command(canvas);
	change_command(canvas, &command.render);
	return command;
}

void test_hostile(void)
{
	struct canvas canvas, other;
	uint32_t done = 0, failed = 0, refused = 0;
	const char *seed = getenv("ASAHI_SEED");
	int wrong;

	state = seed ? strtoull(seed, NULL, 10) : 1;
	canvas_init(&canvas);
	canvas_init(&other);
	check("hostile: the draw that all begin with", wrong_pixels(&canvas), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct render_command command = some_draw(&canvas);
		int ret = run_render(&canvas.ctx, command);

		if (ret == -ETIME || ret == -ECANCELED) {
			printf("# round %d: %d\n", i, ret);
			check("hostile: a job has an end of its own", ret, 0);
		} else if (!ret) {
			done++;
		} else if (ret == -EIO || ret == -ETIMEDOUT || ret == -ENODATA) {
			/* A fault, a hang, or a stop for a reason that the driver does not know. */
			failed++;
		} else {
			/* What the ioctl refuses does not come to the GPU. */
			if (!refused++)
				printf("# round %d is refused: %s\n", i, strerror(-ret));
		}
		if (i % BATCH == BATCH - 1) {
			wrong = wrong_pixels(&other);
			if (wrong) {
				printf("# round %d: %d\n", i, wrong);
				check("hostile: another client's picture", wrong, 0);
			}
		}
	}
	printf("# %u went through, %u failed, %u were refused\n", done, failed, refused);
	check_true("hostile: most jobs are taken", done + failed > ROUNDS / 2);
	check_true("hostile: a fifth of all goes through", done > ROUNDS / 5);
	check("hostile: another client's picture at the end", wrong_pixels(&other), 0);
	check("hostile: and one's own", wrong_pixels(&canvas), 0);
	canvas_fini(&other);
	canvas_fini(&canvas);
}
