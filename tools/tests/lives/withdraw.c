// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client is the first in line for slots of the hardware, with a render in flight, and is killed.
 * The next in line gets the slots that become free, and does not wait for that render.
 *
 * The emulator has to have the first job take 100 s, and the second one 16 s, within which all
 * slots are taken. Compute jobs run one after the other, and beside renders:
 *
 *	--fault delay:1:100000 --fault delay:2:16000
 */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Slots for events: a work queue has one while it has something in flight. */
#define EVENT_SLOTS 128
/* More than the second job takes, and less than what is left of the first. */
#define SOON_MS 60000

/* Has a render in flight, which takes long, and wants one more slot when told to. */
static void first_in_line(int tell, int told)
{
	struct render_command render = render_command();
	struct context ctx;
	uint32_t sync;
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	context_init(&ctx);
	/* An empty stream of the vertex data master. */
	ctx.map[0x100 / 4] = 6u << 29;
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	need("submit a render", submit(&ctx, &render, sizeof(render), NULL, 0, 0));
	need("tell", write(tell, &byte, 1) == 1 ? 0 : -EPIPE);
	need("be told", read(told, &byte, 1) == 1 ? 0 : -EPIPE);
	need("submit", submit_one(&ctx, sync));
	need("tell", write(tell, &byte, 1) == 1 ? 0 : -EPIPE);
	for (;;)
		pause();
}

/* Has a job in flight on as many queues as there are slots left. */
static void take_slots(struct context *ctx)
{
	uint32_t sync;

	context_init(ctx);
	need("create a syncobj", syncobj_create(ctx->fd, &sync));
	/* The halves of the render have one each. */
	for (int i = 0; i < EVENT_SLOTS - 2; i++) {
		if (i)
			need("create a queue", queue_create(ctx->fd, ctx->vm, &ctx->queue));
		need("submit", submit_one(ctx, sync));
	}
}

/* A job that wants a slot when @timeline goes on; returns the file of its fence. */
static int next_in_line(struct context *ctx, int timeline)
{
	struct compute_command command = compute_command();
	int in = sw_sync_fence(timeline, 1), file;
	struct drm_asahi_sync syncs[2] = { 0 };

	need("create a fence", in);
	context_init(ctx);
	need("create a syncobj", syncobj_create(ctx->fd, &syncs[0].handle));
	need("create a syncobj", syncobj_create(ctx->fd, &syncs[1].handle));
	need("import a sync file", syncobj_import_sync_file(ctx->fd, syncs[0].handle, in));
	need("submit", submit(ctx, &command, sizeof(command), syncs, 1, 1));
	file = syncobj_export_sync_file(ctx->fd, syncs[1].handle);
	need("export a sync file", file);
	close(in);
	return file;
}

int withdraw(void)
{
	int tell[2], told[2], timeline = sw_sync_create(), fence, status;
	struct context others, next;
	int64_t begun;
	char byte = 0;
	pid_t pid;

	need("open sw_sync", timeline);
	need("make a pipe", pipe(tell) || pipe(told) ? -errno : 0);
	fflush(stdout);
	pid = fork();
	need("fork", pid < 0 ? -errno : 0);
	if (!pid)
		first_in_line(told[1], tell[0]);
	need("be told", read(told[0], &byte, 1) == 1 ? 0 : -EPIPE);
	take_slots(&others);
	fence = next_in_line(&next, timeline);

	need("tell", write(tell[1], &byte, 1) == 1 ? 0 : -EPIPE);
	need("be told", read(told[0], &byte, 1) == 1 ? 0 : -EPIPE);
	/* Tasks run in the order in which they are woken: this one is behind that of the first. */
	sw_sync_advance(timeline, 1);
	check("no slot is free for the next in line", sync_file_wait(fence, 100), -ETIME);
	begun = now_ms();
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	check("the first one is killed, and the next one gets its turn",
	      sync_file_wait(fence, SOON_MS), 0);
	printf("# after %lld ms\n", (long long)(now_ms() - begun));
	close(fence);
	context_fini(&next);
	context_fini(&others);
	close(timeline);
	return finish();
}
