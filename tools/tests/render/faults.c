// SPDX-License-Identifier: MIT OR Apache-2.0
/* Renders that fault or do not end, and other jobs beside them. */
#include "render.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* From the base of shaders: a list, its code, and where nothing is bound. */
#define LIST_AT 0x100000
#define CODE_AT (LIST_AT + 0x40)
#define NOWHERE_AT 0x8000000
/* Bits of zls_ctrl. */
#define ZLS_LOAD_DEPTH (1u << 15)
#define ZLS_STORE_DEPTH (1u << 19)

/*
 * A stream of the vertex data master that is not there. The job fails, and with it what runs
 * beside it; what comes after does not.
 */
static void check_stream(struct context *ctx)
{
	struct render_command command = render_command();

	command.render.vdm_ctrl_stream_base = NOWHERE;
	check("faults: a stream that is not bound", run_render(ctx, command), -EIO);
	check("faults: a render after it", run_render(ctx, render_command()), 0);
}

/* Fragment halves that fault, each with a good one after it. */
static void check_fragments(struct context *ctx)
{
	struct render_command good = render_command(), command;
	uint32_t bo;
	uint8_t *shaders;
	/* A list of a shader that stops at once, which is behind it. */
	static const uint8_t list[] = {
		0x0d, 0x0c, CODE_AT & 0xff, CODE_AT >> 8 & 0xff, CODE_AT >> 16, 0x00, 0x88, 0x00,
	};

	need("create a buffer for a list",
	     gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bo));
	need("bind it", vm_bind(ctx->fd, ctx->vm, bo, USC_BASE + LIST_AT, PAGE));
	shaders = gem_map(ctx->fd, bo, PAGE);
	need("map it", shaders ? 0 : -ENOMEM);
	memcpy(shaders, list, sizeof(list));
	shaders[CODE_AT - LIST_AT] = 0x88;
	good.render.flags = DRM_ASAHI_RENDER_PROCESS_EMPTY_TILES;
	good.render.bg.usc = LIST_AT | 4;
	good.render.eot.usc = LIST_AT | 4;
	check("faults: tiles without primitives are processed", run_render(ctx, good), 0);

	command = good;
	command.render.bg.usc = NOWHERE_AT | 4;
	check("faults: a background program that is not bound", run_render(ctx, command), -EIO);
	check("faults: a render after it", run_render(ctx, good), 0);

	command = good;
	command.render.eot.usc = NOWHERE_AT | 4;
	check("faults: an end-of-tile program that is not bound", run_render(ctx, command), -EIO);
	check("faults: a render after it", run_render(ctx, good), 0);

	command = good;
	command.render.zls_ctrl = ZLS_LOAD_DEPTH;
	command.render.isp_zls_pixels = 63 | 63 << 15;
	command.render.depth.base = NOWHERE;
	check("faults: depth to load that is not bound", run_render(ctx, command), -EIO);
	check("faults: a render after it", run_render(ctx, good), 0);

	command.render.zls_ctrl = ZLS_STORE_DEPTH;
	check("faults: depth to store that is not bound", run_render(ctx, command), -EIO);
	check("faults: a render after it", run_render(ctx, good), 0);
}

/*
 * Many of them: vertex halves stop the firmware, while the loss of fragment halves of those before
 * is dealt with.
 */
static void check_many(struct context *ctx)
{
	static struct render_command commands[64];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		commands[i] = render_command();
		commands[i].render.vdm_ctrl_stream_base = NOWHERE;
	}
	for (int i = 0; i < 3; i++)
		check("faults: 64 renders whose stream is not bound",
		      run(ctx, commands, sizeof(commands)), -EIO);
	check("faults: a render after all of these", run_render(ctx, render_command()), 0);
}

/* Of two jobs of different clients only one is to blame. */
static void check_others(struct context *ctx)
{
	struct render_command command = render_command();
	struct compute_command compute = compute_command();
	struct context other;
	int ret;

	render_init(&other);
	command.render.vdm_ctrl_stream_base = NOWHERE;
	need("submit a render that faults", submit_render(ctx, command, 0));
	ret = run(&other, &compute, sizeof(compute));
	check_either("faults: another client's compute command", ret, 0, -ECANCELED);
	check("faults: a render after it", run_render(ctx, render_command()), 0);
	/* The halt is over by then. */
	check("faults: and its next one", run(&other, &compute, sizeof(compute)), 0);
	context_fini(&other);
}

/* A stream without an end: the firmware stops it. */
static void check_endless(struct context *ctx)
{
	struct render_command command = render_command();
	int ret;

	command.render.vdm_ctrl_stream_base = VDM_ENDLESS;
	ret = run_render(ctx, command);
	check_either("faults: a stream without an end", ret, -ETIMEDOUT, -EIO);
	check("faults: a render after it", run_render(ctx, render_command()), 0);
}

/* A client that goes while its renders are in flight, good ones and bad ones. */
static void check_gone(struct context *ctx)
{
	const int clients = 10, renders = 5;

	for (int i = 0; i < clients; i++) {
		struct render_command command = render_command();
		struct context other;

		render_init(&other);
		if (i % 2)
			command.render.vdm_ctrl_stream_base = NOWHERE;
		for (int j = 0; j < renders; j++)
			need("submit a render", submit_render(&other, command, 0));
		context_fini(&other);
	}
	int ret = run_render(ctx, render_command());

	check_either("faults: beside clients that have gone", ret, 0, -ECANCELED);
	/*
	 * All renders of theirs may still fault, as the streams of the good ones are unbound when
	 * their clients go. Each fault may cancel one of these.
	 */
	ret = -ECANCELED;
	for (int i = 0; i <= clients * renders && ret == -ECANCELED; i++)
		ret = run_render(ctx, render_command());
	check("faults: and after them", ret, 0);
}

/* Unbinds what a render uses, while it may be in flight. */
static void check_unbound(struct context *ctx)
{
	struct context other;
	struct render_command command = render_command();

	render_init(&other);
	for (int i = 0; i < 20; i++) {
		struct drm_asahi_gem_bind_op unbind = {
			.flags = DRM_ASAHI_BIND_UNBIND, .addr = USER_VA, .range = PAGE,
		};

		need("submit a render", submit_render(&other, command, 0));
		need("unbind its stream", vm_bind_op(other.fd, other.vm, unbind));
		need("bind it again", vm_bind(other.fd, other.vm, other.bo, USER_VA, PAGE));
	}
	int ret = run_render(&other, command);

	check_either("faults: a render after its memory was unbound and bound", ret, 0, -ECANCELED);
	context_fini(&other);
	check("faults: a render of another client", run_render(ctx, render_command()), 0);
}

void test_faults(void)
{
	struct context ctx;

	render_init(&ctx);
	check_stream(&ctx);
	check_fragments(&ctx);
	check_many(&ctx);
	check_others(&ctx);
	check_endless(&ctx);
	check_gone(&ctx);
	check_unbound(&ctx);
	context_fini(&ctx);
}
