// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What no driver of userspace would send: streams of the vertex data master, records of state,
 * lists of the shader cores, code, descriptors, and addresses of random bits, almost right. Each
 * job has an end, and a good one goes through after it. The bits are the same each time, unless
 * ASAHI_SEED says otherwise.
 */
#include "render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A buffer for each, with what follows in it. */
#define DATA_BASE (USER_VA + 0x1000000)
#define STREAM_AT 0x0000
#define RECORD_AT 0x4000
#define VALUES_AT 0x8000
#define BUFFER_SIZE (4 * PAGE)
/* In the buffer of shaders: lists of 64 bytes, what the vertex shader is given, and code. */
#define UNIFORM_AT 0x1000
#define CODE_AT 0x8000
#define LISTS 64
/* Lists that are as they should be: of a shader that does nothing, then of the vertex shader. */
#define LIST_NOTHING 0
#define LIST_VERTEX 1
#define LIST_RANDOM 2
/* Words of a vertex. */
#define WORDS 8

enum { ROUNDS = 150, RECORDS = 16 };

static uint64_t state;
static uint32_t *data, *shaders;
/* Of every other job most is as it should be, so that it gets further. */
static bool wild;
static uint32_t record_words[RECORDS];

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

/* True once in @of times, or seldom. */
static bool odd(uint32_t of)
{
	return below(wild ? of : of * 50) == 0;
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
		return DATA_BASE + below(BUFFER_SIZE);
	}
}

/* Floats of vertices and views: mostly usual ones. */
static uint32_t some_float(void)
{
	float value = (int)below(4000) / 1000.0f - 2;
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return below(20) ? bits : some_word();
}

/* Structures of a record in their order, the bits that have a meaning, and what the first has. */
static const struct {
	uint32_t bit, words, known, first;
} structures[] = {
	{ 0, 1, 0xe62fc200, 0x200 },
	{ 1, 1, 0xe62fc200, 0x200 },
	{ 2, 1, 0x0720ffff, 7 << 24 | 0x0f00 },
	{ 3, 1, 0x07e00000, 7 << 24 },
	{ 4, 1, 0x0fffffff, 7 << 25 },
	{ 5, 1, 0x0720ffff, 7 << 24 | 0x0f00 },
	{ 6, 1, 0x07e00000, 7 << 24 },
	{ 7, 1, 0x0fffffff, 7 << 25 },
	{ 8, 1, 0x00030003, 0 },
	{ 10, 2, 0x01ff01ff, 0 },
	{ 11, 7, 0, 0 },
	{ 16, 1, 0, 0 },
	{ 17, 1, 0x003d0007, 0 },
	{ 18, 1, 0x00010101, WORDS - 4 },
	{ 21, 1, 0x00018d83, 1 << 10 },
	{ 22, 1, 1 << 5 | 1 << 12, 1 << 5 },
	{ 23, 4, 0, 0 },
	{ 24, 1, 0x00fe0000, 0 },
	{ 27, 1, 0, WORDS },
};

static uint32_t bits_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* One structure, as the first record has it or with values at random. */
static uint32_t *put_structure(uint32_t *at, size_t which, bool first)
{
	uint32_t known = structures[which].known, *end = at + structures[which].words;

	for (uint32_t *word_at = at; word_at < end; word_at++)
		*word_at = first ? structures[which].first : word() & known;
	switch (structures[which].bit) {
	case 0 ... 1:
		/* Not the mode of counting that does not exist; counters and biases seldom. */
		*at &= below(8) ? ~(3u << 14 | 1u << 17) : ~(1u << 14);
		break;
	case 2:
	case 5:
		*at |= first ? 0 : below(3) << 18;
		break;
	case 3:
	case 6:
		*at |= first ? 0 : (below(4) ? below(3) : 4) << 28;
		break;
	case 11:
		for (int i = 1; i < 7; i++)
			at[i] = bits_of(first || below(4) ? (i < 5 ? 32 : i - 5) : below(200));
		break;
	case 16:
		*at = bits_of(first || below(2) ? 1e-10f : 0.5f);
		break;
	case 23:
		at[1] = (first ? LIST_NOTHING : below(8) ? LIST_NOTHING : below(LISTS)) * 64 | 4;
		break;
	case 27:
		*at = WORDS;
		break;
	}
	if (!first && odd(16))
		at[below(end - at)] = some_word();
	return end;
}

/*
 * A record of state: which structures there are, then as many words as these have. The first is
 * complete, so that what follows it can be drawn.
 */
static void fill_record(int index)
{
	uint32_t *record = data + RECORD_AT / 4 + index * 64, *at = record + 1;

	record[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(structures); i++) {
		if (index != 0 && below(6) != 0)
			continue;
		record[0] |= 1u << structures[i].bit;
		at = put_structure(at, i, index == 0);
	}
	record_words[index] = at - record;
	if (index != 0 && odd(20))
		record[0] ^= 1u << below(32);
}

static uint32_t *put_record(uint32_t *at, int index)
{
	uint64_t from = DATA_BASE + RECORD_AT + index * 256;
	uint32_t words = record_words[index];

	if (odd(16))
		from = some_address();
	if (odd(16))
		words = below(256);
	*at++ = words << 8 | (from >> 32 & 0xff);
	*at++ = from;
	return at;
}

/* Which shader vertices have, and how many words they are of. */
static uint32_t *put_state(uint32_t *at, bool first)
{
	*at++ = 2u << 29 | (first || !odd(16) ? 0x2e : word() & 0xff);
	*at++ = !odd(16) ? below(4) : some_word();
	*at++ = (odd(8) ? below(LISTS) : LIST_VERTEX) * 64 | below(4);
	*at++ = first || !odd(16) ? WORDS << 8 | WORDS : some_word();
	*at++ = !odd(16) ? below(3) : some_word();
	*at++ = 0;
	return at;
}

static uint32_t *put_draw(uint32_t *at)
{
	static const uint8_t primitives[] = { 0, 1, 3, 5, 6, 6, 6, 9, 11, 14, 15 };
	uint64_t indices = odd(4) ? some_address() : DATA_BASE + VALUES_AT + below(0x400) * 4;
	bool indexed = below(3) == 0, indirect = odd(6);
	uint32_t first = 3u << 29 | primitives[below(ARRAY_SIZE(primitives))] << 8;

	if (indexed)
		first |= 3 << 20 | below(3) << 17 | below(2) << 16 | (indices >> 32 & 0xff);
	first |= indirect ? 1 << 26 : 7 << 22;
	if (odd(20))
		first ^= 1u << below(29);
	*at++ = first;
	if (indexed)
		*at++ = indices;
	if (indirect) {
		uint64_t arguments = some_address();

		*at++ = arguments >> 32 & 0xff;
		*at++ = arguments;
	} else {
		*at++ = !odd(16) ? below(64) : some_word();
		*at++ = !odd(16) ? 1 + below(3) : some_word();
		*at++ = !odd(16) ? below(16) : some_word();
	}
	if (indexed)
		*at++ = below(0x400);
	return at;
}

/* Blocks that mean something, with fields at random. */
static void fill_stream(void)
{
	uint32_t *at = data + STREAM_AT / 4, *end = at + 20 + below(280);

	*at++ = 1u << 29 | 8;
	at = put_record(at, 0);
	at = put_state(at, true);
	at = put_draw(at);
	while (at < end) {
		uint64_t to;

		switch (below(20)) {
		case 0:
			if (odd(1))
				*at++ = some_word();
			break;
		case 1:
			*at++ = 1u << 29 | (word() & (odd(2) ? 0x0d100978 : 0x05100978));
			break;
		case 2:
			/* Links, calls among them, often to the stream itself. */
			if (!odd(1))
				break;
			to = below(2) ? DATA_BASE + below(0x400) * 4 : some_address();
			*at++ = VDM_LINK | below(2) << 28 | (to >> 32 & 0xff);
			*at++ = to;
			break;
		case 3 ... 6:
			at = put_record(at, below(RECORDS));
			break;
		case 7 ... 9:
			at = put_state(at, false);
			break;
		default:
			at = put_draw(at);
		}
	}
	at[0] = !odd(8) ? VDM_TERMINATE : some_word();
	at[1] = 0;
}

/*
 * The vertex shader: copies the words of vertex r5 from the address in u0. For each of them
 * "imad r7, r5, 8, n", "device_load r4, u0, r7" and "st_var n, r4"; then "stop".
 */
static size_t fill_vertex_shader(uint8_t *at)
{
	static const uint8_t parts[] = {
		0x1e, 0x1d, 0x4a, 0x82, 0x00, 0x00, 0x00, 0x00,
		0x05, 0x41, 0xe0, 0x0e, 0x00, 0xc0, 0x12, 0x00,
		0x11, 0x20, 0x80, 0x80,
	};

	for (int n = 0; n < WORDS; n++, at += sizeof(parts)) {
		memcpy(at, parts, sizeof(parts));
		at[5] = n;
		at[18] |= n;
	}
	at[0] = 0x88;
	at[1] = 0;
	return WORDS * sizeof(parts) + 2;
}

/* A list that is as it should be: of code at @code, with @uniform at u0 unless that is 0. */
static void put_list(uint8_t *at, uint32_t code, uint64_t uniform)
{
	uint64_t record = 0x1d | 4 << 20 | (uniform >> 2) << 26;

	if (uniform) {
		memcpy(at, &record, sizeof(record));
		at += sizeof(record);
	}
	*at++ = 0x0d;
	*at++ = 0x0c;
	memcpy(at, &code, sizeof(code));
	at[4] = 0x88;
	at[5] = 0;
}

/* Records of a list: bindings, registers, code, and what ends it. */
static void fill_list(uint8_t *at)
{
	static const uint8_t tags[] = { 0x1d, 0x3d, 0xdd, 0x9d, 0x4d, 0x5d };
	size_t n = 0;

	at[n++] = 0x0d;
	at[n++] = 0x0c;
	for (int i = 0; i < 4; i++)
		at[n++] = (CODE_AT + below(0x1000) * 2) >> i * 8;
	while (n < 50) {
		uint64_t to = DATA_BASE + VALUES_AT + below(0x800) * 8;
		uint64_t tag = tags[below(ARRAY_SIZE(tags))];
		uint64_t record = tag | (word() & 0x3fff00) | (to >> 2) << 26;
		size_t length = below(4) ? 8 : 4;

		memcpy(at + n, &record, length);
		n += length;
		if (below(3) == 0)
			break;
	}
	at[n++] = 0x88;
	at[n] = 0;
	if (below(8) == 0)
		at[below(64)] = word();
}

static void fill_shaders(void)
{
	uint64_t values = DATA_BASE + VALUES_AT;
	uint8_t *bytes = (uint8_t *)shaders;

	for (uint32_t i = CODE_AT / 4; i < BUFFER_SIZE / 4; i++)
		shaders[i] = below(3) ? 0x00880088 : word();
	put_list(bytes + LIST_VERTEX * 64, CODE_AT, USC_BASE + UNIFORM_AT);
	put_list(bytes + LIST_NOTHING * 64, CODE_AT + fill_vertex_shader(bytes + CODE_AT) - 2, 0);
	memcpy(bytes + UNIFORM_AT, &values, sizeof(values));
	for (int i = LIST_RANDOM; i < LISTS; i++)
		fill_list(bytes + i * 64);
}

static void change_fields(struct drm_asahi_cmd_render *render)
{
	struct drm_asahi_bg_eot *programs[] = { &render->bg, &render->eot, &render->partial_bg,
						&render->partial_eot };
	uint32_t shape = below(3);

	render->vdm_ctrl_stream_base = DATA_BASE + STREAM_AT;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (odd(3))
			programs[i]->usc = below(LISTS) * 64 | 4;
	render->width_px = 1 + below(200);
	render->height_px = 1 + below(200);
	render->layers = 1 + (below(4) == 0) * below(3);
	render->samples = 1 << shape;
	render->utile_width_px = shape == 2 ? 16 : 32;
	render->utile_height_px = shape == 0 ? 32 : 16;
	render->isp_scissor_base = odd(3) ? some_address() : DATA_BASE + VALUES_AT;
	render->isp_dbias_base = odd(3) ? some_address() : DATA_BASE + VALUES_AT;
	render->isp_oclqry_base = odd(3) ? some_address() : DATA_BASE + VALUES_AT;
	if (odd(3)) {
		render->zls_ctrl = word() & below(0x100);
		render->isp_zls_pixels = some_word();
		render->depth.base = some_address();
		render->depth.stride = some_word();
		render->depth.comp_base = some_address();
		render->stencil.base = some_address();
		render->stencil.comp_stride = some_word();
	}
	if (odd(6))
		((uint32_t *)render)[below(sizeof(*render) / 4)] = some_word();
}

void test_hostile(void)
{
	struct context ctx;
	uint32_t buffers[2], done = 0, failed = 0, refused = 0;
	const char *seed = getenv("ASAHI_SEED");

	state = seed ? strtoull(seed, NULL, 10) : 1;
	context_init(&ctx);
	ctx.map[(VDM_EMPTY - USER_VA) / 4] = VDM_TERMINATE;
	for (int i = 0; i < 2; i++)
		need("create a buffer", gem_create(ctx.fd, BUFFER_SIZE, DRM_ASAHI_GEM_WRITEBACK, 0,
						   &buffers[i]));
	need("bind it", vm_bind(ctx.fd, ctx.vm, buffers[0], DATA_BASE, BUFFER_SIZE));
	need("bind the other one", vm_bind(ctx.fd, ctx.vm, buffers[1], USC_BASE, BUFFER_SIZE));
	data = gem_map(ctx.fd, buffers[0], BUFFER_SIZE);
	shaders = gem_map(ctx.fd, buffers[1], BUFFER_SIZE);
	need("map them", data && shaders ? 0 : -ENOMEM);
	for (int i = 0; i < ROUNDS; i++) {
		struct render_command command = render_command();
		int ret;

		wild = i % 2;
		for (uint32_t at = VALUES_AT / 4; at < BUFFER_SIZE / 4; at++)
			data[at] = !odd(2) ? some_float() : some_word();
		for (int record = 0; record < RECORDS; record++)
			fill_record(record);
		fill_stream();
		fill_shaders();
		change_fields(&command.render);
		ret = run_render(&ctx, command);
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
		if (i % 10 == 9 || ret == -ETIMEDOUT) {
			ret = run_render(&ctx, render_command());
			if (ret)
				check("hostile: a good render after a bad one", ret, 0);
		}
	}
	printf("# %u went through, %u failed, %u were refused\n", done, failed, refused);
	check_true("hostile: most jobs are taken", done + failed > ROUNDS / 2);
	check("hostile: a good render at the end", run_render(&ctx, render_command()), 0);
	context_fini(&ctx);
}
