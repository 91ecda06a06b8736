// SPDX-License-Identifier: MIT OR Apache-2.0
/* Jobs of renders, and of renders and compute commands with barriers between them. */
#include "render.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A submit as GL makes it: a compute command, and a render that waits for it. */
struct pair {
	struct compute_command compute;
	struct render_command render;
};

static void check_pairs(struct context *ctx)
{
	struct pair pair = { compute_command(), render_command() };
	struct {
		struct render_command render;
		struct compute_command compute;
	} other = { render_command(), compute_command() };

	pair.render.header.cdm_barrier = 1;
	check("jobs: a compute command and a render behind it", run(ctx, &pair, sizeof(pair)), 0);
	pair.compute.header.vdm_barrier = 0;
	pair.compute.header.cdm_barrier = 0;
	check("jobs: the same, behind all before", run(ctx, &pair, sizeof(pair)), 0);
	other.compute.header.vdm_barrier = 1;
	check("jobs: a render and a compute command behind it", run(ctx, &other, sizeof(other)),
	      0);
}

/* As many commands as there may be, each behind the one before. */
static void check_most(struct context *ctx)
{
	struct render_command renders[65];
	struct pair pairs[32];

	for (size_t i = 0; i < ARRAY_SIZE(renders); i++) {
		renders[i] = render_command();
		renders[i].header.vdm_barrier = i;
	}
	check("jobs: 64 renders", run(ctx, renders, 64 * sizeof(*renders)), 0);
	check("jobs: 65 renders", run(ctx, renders, sizeof(renders)), -EINVAL);

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		pairs[i] = (struct pair){ compute_command(), render_command() };
		pairs[i].compute.header.vdm_barrier = i;
		pairs[i].render.header.cdm_barrier = i + 1;
	}
	check("jobs: 32 compute commands and 32 renders", run(ctx, pairs, sizeof(pairs)), 0);
}

/* More jobs than can be in flight. They complete in their order. */
static void check_many(struct context *ctx)
{
	enum { COUNT = 300 };
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ };
	struct pair pair = { compute_command(), render_command() };
	struct compute_command compute = compute_command();
	int bad = 0;

	need("create a syncobj", syncobj_create(ctx->fd, &sync.handle));
	for (int i = 0; i < COUNT && !bad; i++) {
		sync.timeline_value = i + 1;
		switch (i % 3) {
		case 0:
			bad = submit(ctx, &pair.render, sizeof(pair.render), &sync, 0, 1);
			break;
		case 1:
			bad = submit(ctx, &compute, sizeof(compute), &sync, 0, 1);
			break;
		default:
			bad = submit(ctx, &pair, sizeof(pair), &sync, 0, 1);
		}
	}
	check("jobs: 300 of all kinds", bad, 0);
	check("jobs: and all of them complete", timeline_wait(ctx->fd, sync.handle, COUNT, SECONDS),
	      0);
	syncobj_destroy(ctx->fd, sync.handle);
}

/* Ends before it begins, or the other way round? Times of both halves, and of different jobs. */
static void check_times(struct context *ctx)
{
	struct drm_asahi_gem_bind_object bind = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.range = PAGE,
	};
	struct render_command command = render_command();
	volatile uint64_t *times;
	uint64_t first[4];

	need("create a buffer",
	     gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bind.handle));
	times = gem_map(ctx->fd, bind.handle, PAGE);
	need("map it", times ? 0 : -ENOMEM);
	need("bind it for timestamps", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	command.render.ts_vtx.start = (struct drm_asahi_timestamp){ bind.object_handle, 0 };
	command.render.ts_vtx.end = (struct drm_asahi_timestamp){ bind.object_handle, 8 };
	command.render.ts_frag.start = (struct drm_asahi_timestamp){ bind.object_handle, 16 };
	command.render.ts_frag.end = (struct drm_asahi_timestamp){ bind.object_handle, 24 };
	check("jobs: a render with four timestamps", run_render(ctx, command), 0);
	for (int i = 0; i < 4; i++)
		first[i] = times[i];
	check_true("jobs: the vertex half begins before it ends",
		   first[0] && first[0] <= first[1]);
	check_true("jobs: the fragment half begins after that", first[1] <= first[2]);
	check_true("jobs: and before it ends", first[2] <= first[3]);
	check("jobs: another one", run_render(ctx, command), 0);
	check_true("jobs: its times are later", times[0] >= first[3] && times[3] >= times[0]);

	/* Only one of four, as Mesa wants it. */
	memset((void *)times, 0, 32);
	memset(&command.render.ts_vtx, 0, sizeof(command.render.ts_vtx));
	command.render.ts_frag.start.handle = 0;
	check("jobs: one with the time of its end", run_render(ctx, command), 0);
	check_true("jobs: and only that is written", !times[0] && !times[1] && !times[2] &&
		   times[3]);
}

/* Queues that are destroyed with renders in flight, and with none. */
static void check_queues(struct context *ctx)
{
	struct render_command command = render_command();
	int bad = 0;

	for (int i = 0; i < 40 && !bad; i++) {
		struct context other = *ctx;

		bad = queue_create(ctx->fd, ctx->vm, &other.queue);
		for (int j = 0; j < i % 4 && !bad; j++)
			bad = submit_render(&other, command, 0);
		if (!bad)
			bad = queue_destroy(ctx->fd, other.queue);
	}
	check("jobs: queues that go with renders in flight", bad, 0);
}

/* More queues with renders than there are slots for buffer managers, or for events. */
static void check_slots(struct context *ctx)
{
	enum { QUEUES = 140 };
	static struct context queues[QUEUES];
	static uint32_t fences[QUEUES];
	struct render_command command = render_command();
	int bad = 0, late = 0;

	for (int i = 0; i < QUEUES && !bad; i++) {
		queues[i] = *ctx;
		bad = queue_create(ctx->fd, ctx->vm, &queues[i].queue);
		if (!bad)
			bad = syncobj_create(ctx->fd, &fences[i]);
	}
	check("jobs: 140 queues", bad, 0);
	for (int round = 0; round < 3 && !bad; round++) {
		for (int i = 0; i < QUEUES && !bad; i++)
			bad = submit_render(&queues[i], command, fences[i]);
		for (int i = 0; i < QUEUES && !bad; i++)
			late |= syncobj_wait(ctx->fd, fences[i], SECONDS);
	}
	check("jobs: renders in all of them", bad, 0);
	check("jobs: all complete", late, 0);
	for (int i = 0; i < QUEUES; i++) {
		queue_destroy(ctx->fd, queues[i].queue);
		syncobj_destroy(ctx->fd, fences[i]);
	}
}

void test_jobs(void)
{
	struct context ctx;

	render_init(&ctx);
	check("jobs: a render", run_render(&ctx, render_command()), 0);
	check("jobs: another one", run_render(&ctx, render_command()), 0);
	check_pairs(&ctx);
	check_most(&ctx);
	check_many(&ctx);
	check_times(&ctx);
	check_queues(&ctx);
	check_slots(&ctx);
	context_fini(&ctx);
	check_engines();
}
