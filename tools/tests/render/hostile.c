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
/* In the buffer of shaders: lists of 64 bytes, and code. */
#define CODE_AT 0x8000
#define LISTS 64

enum { ROUNDS = 150 };

static uint64_t state;
static uint32_t *data, *shaders;

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

/* A record of state: which words there are, then as many at random. */
static void fill_record(uint32_t *at)
{
	at[0] = some_word() & 0x003fffff;
	for (int i = 1; i < 64; i++)
		at[i] = below(2) ? some_word() : some_float();
}

static uint32_t *put_draw(uint32_t *at)
{
	uint64_t indices = some_address();
	bool indexed = below(3) == 0, indirect = below(6) == 0;
	uint32_t first = 3u << 29 | below(20) << 8;

	if (indexed)
		first |= 3 << 20 | below(3) << 17 | below(2) << 16 | (indices >> 32 & 0xff);
	first |= indirect ? 1 << 26 : 7 << 22;
	if (below(20) == 0)
		first ^= 1u << below(29);
	*at++ = first;
	if (indexed)
		*at++ = indices;
	if (indirect) {
		uint64_t arguments = some_address();

		*at++ = arguments >> 32 & 0xff;
		*at++ = arguments;
	} else {
		*at++ = below(16) ? below(64) : some_word();
		*at++ = below(16) ? 1 + below(3) : some_word();
		*at++ = below(16) ? below(16) : some_word();
	}
	if (indexed)
		*at++ = below(0x400);
	return at;
}

/* Blocks that mean something, with fields at random. */
static void fill_stream(void)
{
	uint32_t *at = data + STREAM_AT / 4, *end = at + 300;

	*at++ = 1u << 29 | 8;
	while (at < end) {
		uint64_t to;

		switch (below(20)) {
		case 0:
			*at++ = some_word();
			break;
		case 1:
			*at++ = 1u << 29 | (word() & 0x0d100978);
			break;
		case 2:
			/* Links, calls among them, often to the stream itself. */
			to = below(2) ? DATA_BASE + below(0x400) * 4 : some_address();
			*at++ = VDM_LINK | below(2) << 28 | (to >> 32 & 0xff);
			*at++ = to;
			break;
		case 3 ... 6:
			to = below(8) ? DATA_BASE + RECORD_AT + below(16) * 256 : some_address();
			*at++ = (1 + below(below(8) ? 40 : 256)) << 8 | (to >> 32 & 0xff);
			*at++ = to;
			break;
		case 7 ... 9:
			*at++ = 2u << 29 | (below(8) ? 0x2e : word() & 0xff);
			*at++ = below(8) ? below(4) : some_word();
			*at++ = below(LISTS) * 64 | below(4);
			*at++ = below(8) ? 0x0404 : some_word();
			*at++ = below(8) ? below(3) : some_word();
			*at++ = 0;
			break;
		default:
			at = put_draw(at);
		}
	}
	at[0] = below(8) ? VDM_TERMINATE : some_word();
	at[1] = 0;
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
	uint8_t *bytes = (uint8_t *)shaders;

	for (int i = 0; i < LISTS; i++)
		fill_list(bytes + i * 64);
	for (uint32_t i = CODE_AT / 4; i < BUFFER_SIZE / 4; i++)
		shaders[i] = below(3) ? 0x00880088 : word();
}

static void change_fields(struct drm_asahi_cmd_render *render)
{
	struct drm_asahi_bg_eot *programs[] = { &render->bg, &render->eot, &render->partial_bg,
						&render->partial_eot };
	uint32_t shape = below(3);

	render->vdm_ctrl_stream_base = DATA_BASE + STREAM_AT;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (below(3) == 0)
			programs[i]->usc = below(LISTS) * 64 | 4;
	render->width_px = 1 + below(200);
	render->height_px = 1 + below(200);
	render->layers = 1 + (below(4) == 0) * below(3);
	render->samples = 1 << shape;
	render->utile_width_px = shape == 2 ? 16 : 32;
	render->utile_height_px = shape == 0 ? 32 : 16;
	if (below(3) == 0)
		render->isp_scissor_base = some_address();
	if (below(3) == 0)
		render->isp_dbias_base = some_address();
	if (below(3) == 0)
		render->isp_oclqry_base = some_address();
	if (below(3) == 0) {
		render->zls_ctrl = word() & below(0x100);
		render->isp_zls_pixels = some_word();
		render->depth.base = some_address();
		render->depth.stride = some_word();
		render->depth.comp_base = some_address();
		render->stencil.base = some_address();
		render->stencil.comp_stride = some_word();
	}
	if (below(6) == 0)
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

		for (uint32_t at = VALUES_AT / 4; at < BUFFER_SIZE / 4; at++)
			data[at] = below(2) ? some_float() : some_word();
		for (int record = 0; record < 16; record++)
			fill_record(data + RECORD_AT / 4 + record * 64);
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
