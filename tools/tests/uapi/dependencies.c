// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A submit that names very many fences: as points of timelines and as members of sync files. What
 * it costs is bounded, and what is over the bound is refused. On a kernel without checkers.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_SYNCS 4096
#define POINTS 2048
#define LEAVES 1024
/* More than this many fences, leaves included, are too many. */
#define MAX_LEAVES 65536
/* Times so long as one record that says it all may those take that say nothing more. */
#define TIMES 20

static uint32_t imported(int fd, int file)
{
	uint32_t handle;

	need("create a syncobj", syncobj_create(fd, &handle));
	need("import a sync file", syncobj_import_sync_file(fd, handle, file));
	return handle;
}

static void transfer(int fd, uint32_t from, uint64_t from_point, uint32_t to, uint64_t to_point)
{
	struct drm_syncobj_transfer args = {
		.src_handle = from, .src_point = from_point,
		.dst_handle = to, .dst_point = to_point,
	};

	need("transfer a fence", gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &args));
}

/* Submits a job that waits for @count records, and says how long that took. */
static int submit_after(struct context *ctx, const struct drm_asahi_sync *syncs, uint32_t count,
			double *took)
{
	struct compute_command command = compute_command();
	double start = seconds();
	int ret = submit(ctx, &command, sizeof(command), syncs, count, 0);

	*took = seconds() - start;
	return ret;
}

/* Checks that @count records take not much longer than the last of them alone, and their result. */
static void check_many(struct context *ctx, const char *what, const struct drm_asahi_sync *syncs,
		       uint32_t count, int result)
{
	double once, often;
	char text[96];

	/* Twice: the first time memory is made. */
	for (int i = 0; i < 2; i++)
		need("submit after one", submit_after(ctx, &syncs[count - 1], 1, &once));
	snprintf(text, sizeof(text), "%s: %u records", what, count);
	check(text, submit_after(ctx, syncs, count, &often), result);
	/* Something else of the machine may hold up one or the other, and not all. */
	for (int i = 0; i < 5 && often >= TIMES * once; i++)
		need("submit again", submit_after(ctx, syncs, count, &often) - result);
	printf("# %s: one record %.2f ms, %u records %.2f ms\n", what, once * 1e3, count,
	       often * 1e3);
	snprintf(text, sizeof(text), "%s: it is short", what);
	check_true(text, often < TIMES * once);
}

/* All points of a long timeline, and one far back on it that is named by many objects. */
static void check_points(struct context *ctx)
{
	static struct drm_asahi_sync syncs[POINTS];
	uint32_t binary, timeline;
	double took;

	binary = imported(ctx->fd, sw_sync_fences(1));
	need("create a syncobj", syncobj_create(ctx->fd, &timeline));
	for (int i = 0; i < POINTS; i++) {
		transfer(ctx->fd, binary, 0, timeline, i + 1);
		syncs[i] = (struct drm_asahi_sync){
			.sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ,
			.handle = timeline, .timeline_value = i + 1,
		};
	}
	check_many(ctx, "points of a timeline", syncs, POINTS, 0);

	for (int i = 0; i < MAX_LEAVES / POINTS + 1; i++) {
		need("create a syncobj", syncobj_create(ctx->fd, &syncs[i].handle));
		/* The timeline with all of its points, as another object. */
		transfer(ctx->fd, timeline, POINTS, syncs[i].handle, 0);
		syncs[i].timeline_value = 1;
	}
	check("a point far back on not too many timelines",
	      submit_after(ctx, syncs, MAX_LEAVES / POINTS, &took), 0);
	check("on one too many", submit_after(ctx, syncs, MAX_LEAVES / POINTS + 1, &took), -E2BIG);
	syncs[0].timeline_value = POINTS + 1;
	check("a point that there is not", submit_after(ctx, syncs, 1, &took), -EINVAL);
}

/* Sync files of many fences. */
static void check_leaves(struct context *ctx)
{
	static struct drm_asahi_sync syncs[MAX_SYNCS - 1];
	int file = sw_sync_fences(LEAVES - 1), one = sw_sync_fences(1);
	int both = sync_file_merge(file, one);
	double took;

	for (uint32_t i = 0; i < ARRAY_SIZE(syncs); i++)
		syncs[i] = (struct drm_asahi_sync){ .handle = imported(ctx->fd, both) };
	check_many(ctx, "objects with one sync file", syncs, ARRAY_SIZE(syncs), 0);
	close(both);
	/* The fences are the same, and the files are not. */
	for (uint32_t i = 0; i < MAX_LEAVES / LEAVES + 1; i++) {
		both = sync_file_merge(file, one);
		syncs[i].handle = imported(ctx->fd, both);
		close(both);
	}
	check("as many fences as there may be",
	      submit_after(ctx, syncs, MAX_LEAVES / LEAVES, &took), 0);
	printf("# %d fences: %.2f ms\n", MAX_LEAVES, took * 1e3);
	check("more than that", submit_after(ctx, syncs, MAX_LEAVES / LEAVES + 1, &took), -E2BIG);
	close(file);
	close(one);
}

void test_dependencies(void)
{
	struct rlimit files = { 8192, 8192 };
	struct context ctx;

	need("have many files", setrlimit(RLIMIT_NOFILE, &files) ? -errno : 0);
	context_init(&ctx);
	check_points(&ctx);
	check_leaves(&ctx);
	check("a job of another client", new_job(120), 0);
	context_fini(&ctx);
}
