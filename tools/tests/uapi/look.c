// SPDX-License-Identifier: MIT OR Apache-2.0
#include "look.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE_VA 0x1100000000ull /* the queue's base of shaders: see queue_create */
#define SECONDS 60

/* In the page of shaders; each look has a description of its own before it. */
#define SHADER 0x1000
/* In the page of a look's stream. */
#define ARGUMENTS 0x200

/* What "agx-disasm" makes of it is behind it. The depth of branches is in r0. */
static const uint8_t shader[] = {
	0x62, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* ldimm    r0, 0 */
	0x62, 0x85, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* ldimm    r1, 0 */
	0x62, 0x8d, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, /* ldimm    r3, 4096 */
	0x62, 0x91, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* ldimm    r4, 0 */
	0x05, 0x11, 0x80, 0x0e, 0x00, 0xc0, 0x12, 0x00, /* load     r2, du0, r4, i32, x, a */
	0x38, 0x00,                                     /* wait     a */
	0x45, 0x11, 0x24, 0x0e, 0x00, 0xc0, 0x12, 0x00, /* store    r2, du2, r1, i32, x, a */
	0x0e, 0x11, 0x48, 0x62, 0x24, 0x00, 0x00, 0x00, /* iadd     r4, r4, r3 */
	0x0e, 0x05, 0x42, 0x12, 0x00, 0x00, 0x00, 0x00, /* iadd     r1, r1, 1 */
	0x52, 0x28, 0x42, 0x02, 0x00, 0x01,             /* if       r1, 64, 1, ult */
	0x00, 0xc0, 0xd8, 0xff, 0xff, 0xff,             /* jmp_any  -40 */
	0x52, 0x0e, 0x00, 0x00, 0x00, 0x00,             /* pop_exec 1 */
	0x88, 0x00,                                     /* stop */
	0x08, 0x00,                                     /* trap */
};

void *bound_page(const struct context *ctx, uint64_t va)
{
	uint32_t handle;
	void *map;

	need("create a buffer", gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &handle));
	map = gem_map(ctx->fd, handle, PAGE);
	need("map a buffer", map ? 0 : -ENOMEM);
	need("bind a buffer", vm_bind(ctx->fd, ctx->vm, handle, va, PAGE));
	return map;
}

void *look_shader(const struct context *ctx)
{
	void *map = bound_page(ctx, CODE_VA);

	memcpy((uint8_t *)map + SHADER, shader, sizeof(shader));
	return map;
}

void look_init(struct look *look, const struct context *ctx, void *code, int n, uint64_t window)
{
	uint64_t stream_va = USER_VA + 0x100000 + n * 0x10000, results_va = stream_va + 0x8000;
	const uint64_t uniforms = 0x1d | 8ull << 20 | (stream_va + ARGUMENTS) >> 2 << 26;
	const uint8_t pipeline[] = { 0x0d, 0x0c, SHADER & 0xff, SHADER >> 8, 0, 0, 0x88, 0 };
	const uint64_t arguments[] = { window, results_va };
	uint8_t *description = (uint8_t *)code + 0x40 + n * 0x80;

	*look = (struct look){ .ctx = *ctx, .stream = stream_va };
	need("create a queue", queue_create(ctx->fd, ctx->vm, &look->ctx.queue));
	look->stream_map = bound_page(ctx, stream_va);
	look->found = bound_page(ctx, results_va);
	look->stream_size = launch_one(ctx->fd, look->stream_map, 0x40 + n * 0x80);
	memcpy((uint8_t *)look->stream_map + ARGUMENTS, arguments, sizeof(arguments));
	memcpy(description, &uniforms, sizeof(uniforms));
	memcpy(description + sizeof(uniforms), pipeline, sizeof(pipeline));
}

void look_fini(struct look *look)
{
	munmap(look->stream_map, PAGE);
	munmap((void *)look->found, PAGE);
}

struct compute_command look_command(struct look *look)
{
	struct compute_command command = compute_command();

	command.compute.cdm_ctrl_stream_base = look->stream;
	command.compute.cdm_ctrl_stream_end = look->stream + look->stream_size;
	memset((void *)look->found, 0xff, LOOK_PAGES * sizeof(*look->found));
	return command;
}

int look_at(struct look *look)
{
	struct compute_command command = look_command(look);

	return submit_and_wait(&look->ctx, &command, sizeof(command), SECONDS);
}
