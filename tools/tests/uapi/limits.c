// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Limits of a file that take many calls to come to, and more memory than the machine has in all. On
 * a kernel without checkers.
 */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_JOBS 4096
#define MAX_OBJECTS 65536
/* A queue has room for 256. */
#define JOBS_OF_QUEUE 200
#define SECONDS 120

/* An empty job on a queue of @ctx, after @in, if that is not 0. */
static int submit_job(struct context *ctx, uint32_t queue, uint32_t in, uint32_t out)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = in },
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = out },
	};

	ctx->queue = queue;
	return submit(ctx, &command, sizeof(command), in ? syncs : syncs + 1, in ? 1 : 0, 1);
}

/* Jobs that are not complete, of all queues of a file. */
static void check_jobs(void)
{
	int timeline = sw_sync_create(), file = sw_sync_fence(timeline, 1), ret = 0, count = 0;
	uint32_t in, queue = 0, first, out[MAX_JOBS / JOBS_OF_QUEUE + 1];
	unsigned int queues = 0;
	struct context ctx, other;

	context_init(&other);
	context_init(&ctx);
	first = ctx.queue;
	need("create a syncobj", syncobj_create(ctx.fd, &in));
	need("import a fence", syncobj_import_sync_file(ctx.fd, in, file));
	close(file);
	while (!ret && count <= MAX_JOBS) {
		if (count % JOBS_OF_QUEUE == 0) {
			need("create a queue", queue_create(ctx.fd, ctx.vm, &queue));
			need("create a syncobj", syncobj_create(ctx.fd, &out[queues++]));
		}
		ret = submit_job(&ctx, queue, in, out[queues - 1]);
		count += !ret;
	}
	printf("# %d jobs, then %s\n", count, strerror(-ret));
	check("one job too many", ret, -ENOSPC);
	check_true("and that is as many as are allowed", count == MAX_JOBS);
	check("on any of the file's queues", submit_job(&ctx, first, 0, out[0]), -ENOSPC);
	check("another client is not concerned", run(&other), 0);
	sw_sync_advance(timeline, 1);
	ret = 0;
	for (unsigned int i = 0; i < queues && !ret; i++)
		ret = syncobj_wait(ctx.fd, out[i], SECONDS);
	check("all of them complete", ret, 0);
	/* Of each queue the last one may be about to make room. */
	check("then there is room for another one", run(&ctx), 0);
	close(timeline);
	context_fini(&ctx);
	context_fini(&other);
}

/* Handles of buffers, empty ones. */
static void check_objects(void)
{
	struct context ctx, other;
	int ret = 0, count = 0;
	uint32_t bo = 0, new;

	context_init(&other);
	context_init(&ctx);
	/* The context has one. */
	for (count = 1; !ret && count <= MAX_OBJECTS; count += !ret)
		ret = gem_create(ctx.fd, PAGE, 0, 0, &bo);
	printf("# %d objects, then %s\n", count, strerror(-ret));
	check("one object too many", ret, -ENOSPC);
	check_true("and that is as many as are allowed", count == MAX_OBJECTS);
	check("another client is not concerned", gem_create(other.fd, PAGE, 0, 0, &new), 0);
	check("nor are its jobs", run(&other), 0);
	check("a job of the one that has so many", run(&ctx), 0);
	check("close one", gem_close(ctx.fd, ctx.bo), 0);
	check("then there is room for one", gem_create(ctx.fd, PAGE, 0, 0, &bo), 0);
	check("and no more", gem_create(ctx.fd, PAGE, 0, 0, &new), -ENOSPC);
	context_fini(&ctx);
	check("another client's job afterwards", run(&other), 0);
	context_fini(&other);
}

/*
 * Buffers of 8 to 40 MiB one after the other, each closed while it is bound, as Mesa frees them:
 * twelve gigabytes in all.
 */
static void check_buffers(void)
{
	const int count = 500;
	struct context ctx;
	long long before, total;
	int ret = 0, i;
	uint32_t bo;

	context_init(&ctx);
	before = meminfo("MemAvailable");
	total = fdinfo(ctx.fd, "drm-total-memory");
	for (i = 0; i < count && !ret; i++) {
		uint64_t size = (8 + i * 7 % 33) * MIB;
		uint32_t *map;

		need("create a buffer", gem_create(ctx.fd, size, 0, 0, &bo));
		ret = vm_bind(ctx.fd, ctx.vm, bo, USER_VA + (1ull << 30), size);
		map = gem_map(ctx.fd, bo, size);
		need("map it", map ? 0 : -ENOMEM);
		map[0] = map[size / sizeof(*map) - 1] = i;
		munmap(map, size);
		need("close it", gem_close(ctx.fd, bo));
	}
	check("each of 500 buffers can be had", ret, 0);
	check_true("and when all are closed memory is back within 2 %",
		   is_back("buffers", before, before / 50 / KIB_PER_MIB));
	check_true("fdinfo says so as well", fdinfo(ctx.fd, "drm-total-memory") == total);
	check("a job", run(&ctx), 0);
	context_fini(&ctx);
}

#define MAPPINGS 200000

/* An address space with very many mappings, and a queue that has had a job of it. */
static void fill(struct context *ctx)
{
	const size_t size = MAPPINGS * sizeof(struct drm_asahi_gem_bind_op);
	struct drm_asahi_gem_bind_op *ops = malloc(size);
	struct drm_asahi_vm_bind bind = {
		.num_binds = MAPPINGS, .stride = sizeof(*ops), .userptr = (uintptr_t)ops,
	};

	context_init(ctx);
	need("have memory", ops ? 0 : -ENOMEM);
	for (size_t i = 0; i < MAPPINGS; i++)
		ops[i] = (struct drm_asahi_gem_bind_op){
			.flags = DRM_ASAHI_BIND_READ, .handle = ctx->bo, .range = PAGE,
			.addr = USER_VA + (1ull << 30) + 2 * i * PAGE,
		};
	bind.vm_id = ctx->vm;
	need("bind many pages", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_VM_BIND, &bind));
	free(ops);
	need("a job there", run(ctx));
}

/*
 * A client's job is freed while the address space of another one is: what it has written timestamps
 * to can be had again.
 */
static void check_large_space(void)
{
	struct compute_command command = compute_command();
	struct context large, other;
	long long before, most, now;
	uint32_t bo, object;
	uint64_t size;
	int64_t begun;

	context_init(&other);
	need("create a buffer", gem_create(other.fd, 64 * MIB, 0, 0, &bo));
	size = bind_most_timestamps(other.fd, bo, 64 * MIB, &object);
	command.compute.ts.end.handle = object;
	before = pinned();
	fill(&large);
	most = pinned();
	need("destroy the VM", vm_destroy(large.fd, large.vm));
	need("destroy its queue", queue_destroy(large.fd, large.queue));
	/* The worker is at it. */
	while (pinned() > most - (most - before) / 16)
		pause_ms(1);
	begun = now_ms();
	check("a job of another client",
	      submit_and_wait(&other, &command, sizeof(command), SECONDS), 0);
	need("unbind its timestamps", unbind_timestamps(other.fd, object));
	check("they can be bound again", bind_timestamps(other.fd, bo, size, &object), 0);
	now = pinned();
	printf("# %lld ms; of %lld KiB %lld are still pinned\n", (long long)(now_ms() - begun),
	       most - before, now - before);
	check_true("before a large address space has been freed",
		   now - before > (most - before) / 8);
	context_fini(&large);
	context_fini(&other);
}

void test_limits(void)
{
	check_large_space();
	check_buffers();
	check_jobs();
	check_objects();
}
