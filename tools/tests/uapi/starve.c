// SPDX-License-Identifier: MIT OR Apache-2.0
/* A queue that never gets its turn, as one of higher priority always has something to do. */
#include "uapi.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* So much longer than a driver may wait for firmware that completes nothing at all. */
#define SECONDS 75
/*
 * Queues of higher priority, with so many jobs each. What is complete is only told when a queue has
 * nothing more: the others then have a job of a second each, or more, while this machine may have
 * other things to do.
 */
#define QUEUES 8
#define AHEAD 2

static int create_low(struct context *ctx, uint32_t *queue)
{
	struct drm_asahi_queue_create args = {
		.vm_id = ctx->vm,
		.priority = DRM_ASAHI_PRIORITY_LOW,
		.usc_exec_base = 0x1100000000ull,
	};
	int ret = gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_QUEUE_CREATE, &args);

	*queue = args.queue_id;
	return ret;
}

static time_t now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

struct busy {
	uint32_t queue;
	uint32_t sync;
};

static int submit_some(struct context *ctx, const struct busy *busy)
{
	int ret = 0;

	ctx->queue = busy->queue;
	for (int i = 0; i < AHEAD && !ret; i++)
		ret = submit_one(ctx, busy->sync);
	return ret;
}

void test_starve(void)
{
	struct busy busy[QUEUES];
	uint32_t low, starved;
	struct context ctx;
	time_t end;
	int rounds, file, ret = 0;

	context_init(&ctx);
	need("create a queue of low priority", create_low(&ctx, &low));
	need("create a syncobj", syncobj_create(ctx.fd, &starved));
	for (int i = 0; i < QUEUES; i++) {
		need("create a queue", queue_create(ctx.fd, ctx.vm, &busy[i].queue));
		need("create a syncobj", syncobj_create(ctx.fd, &busy[i].sync));
		need("submit", submit_some(&ctx, &busy[i]));
	}
	ctx.queue = low;
	check("a job of low priority", submit_one(&ctx, starved), 0);

	end = now() + SECONDS;
	for (rounds = 0; !ret && now() < end; rounds++) {
		ret = syncobj_wait(ctx.fd, busy[rounds % QUEUES].sync, 120);
		if (!ret)
			ret = submit_some(&ctx, &busy[rounds % QUEUES]);
	}
	printf("# %d jobs of higher priority\n", rounds * AHEAD);
	check("jobs of higher priority for more than a minute", ret, 0);
	check("none of low priority meanwhile", syncobj_wait(ctx.fd, starved, 0), -ETIME);
	file = syncobj_export_sync_file(ctx.fd, starved);
	need("export a fence", file);
	check("then it is done", sync_file_wait(file, 120000), 0);
	close(file);
	ctx.queue = low;
	check("and the device takes more", submit_one(&ctx, starved), 0);
	check("which it does", syncobj_wait(ctx.fd, starved, 120), 0);
	context_fini(&ctx);
}
