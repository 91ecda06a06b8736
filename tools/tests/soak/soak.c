// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The frames of hours, ten for each second and one behind the other: each a compute job that reads
 * memory, and a render that waits for it. What belongs to a minute of frames comes between them: a
 * client that starts and ends, buffers that are bound and freed, fences that pass through files.
 * With each hour come a job that fails and a client that is killed. A frame may not leave anything
 * behind.
 *
 * usage: soak HOURS
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/look.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Frames that are submitted before the first of them is waited for. */
#define DEPTH 3
/* A frame each 100 ms, as of a desktop where little moves. */
#define MINUTE 600
#define HOUR (60 * MINUTE)
/* How long a frame may take on a machine that does other things. */
#define SECONDS 60

/* KiB by which what is used differs from moment to moment, by pages that are kept for reuse. */
#define NOISE 1024

#define WINDOW_VA (USER_VA + 0x10000000ull)
#define MINUTE_VA (USER_VA + 0x20000000ull)
#define MINUTE_SIZE (64 * PAGE)
#define NOWHERE (USER_VA + 0x40000000ull)

struct soak {
	struct context ctx;
	struct look looks[DEPTH];
	/* What the look has to find on the first page of its window. */
	volatile uint32_t *pages[DEPTH];
	/* Points of it are frames whose compute job is done. */
	uint32_t timeline;
	/* Signalled by the renders of frames. */
	uint32_t drawn[DEPTH];
};

static void soak_init(struct soak *soak)
{
	struct context *ctx = &soak->ctx;
	void *shader;

	context_init(ctx);
	ctx->map[0x100 / 4] = VDM_TERMINATE;
	shader = look_shader(ctx);
	need("create a timeline", syncobj_create(ctx->fd, &soak->timeline));
	for (int i = 0; i < DEPTH; i++) {
		const uint64_t window = WINDOW_VA + i * LOOK_PAGES * PAGE;

		look_init(&soak->looks[i], ctx, shader, i, window);
		soak->pages[i] = bound_page(ctx, window);
		need("create a syncobj", syncobj_create(ctx->fd, &soak->drawn[i]));
	}
}

static int frame_submit(struct soak *soak, uint32_t n)
{
	struct look *look = &soak->looks[n % DEPTH];
	struct compute_command compute;
	struct render_command render = render_command();
	struct drm_asahi_sync syncs[] = {
		{
			.sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ,
			.handle = soak->timeline,
			.timeline_value = n + 1,
		},
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = soak->drawn[n % DEPTH] },
	};
	int ret;

	*soak->pages[n % DEPTH] = n;
	compute = look_command(look);
	ret = submit(&look->ctx, &compute, sizeof(compute), syncs, 0, 1);
	return ret ?: submit(&soak->ctx, &render, sizeof(render), syncs, 1, 1);
}

/* Waits for a frame; counts it in @wrong if the GPU has found something else than is there. */
static int frame_wait(struct soak *soak, uint32_t n, unsigned int *wrong)
{
	const struct look *look = &soak->looks[n % DEPTH];
	int ret = syncobj_wait(soak->ctx.fd, soak->drawn[n % DEPTH], SECONDS);
	bool right = look->found[0] == n;

	for (int i = 1; i < LOOK_PAGES; i++)
		right &= !look->found[i];
	*wrong += !ret && !right;
	return ret;
}

/* What belongs to a minute, of a client that goes on. */
static int minute(struct context *ctx, uint32_t drawn)
{
	uint32_t handle, sync;
	int ret, file;

	ret = new_job(SECONDS);
	ret = ret ?: gem_create(ctx->fd, MINUTE_SIZE, DRM_ASAHI_GEM_WRITEBACK, 0, &handle);
	if (ret)
		return ret;
	ret = vm_bind(ctx->fd, ctx->vm, handle, MINUTE_VA, MINUTE_SIZE);
	ret = gem_close(ctx->fd, handle) ?: ret;
	ret = ret ?: syncobj_create(ctx->fd, &sync);
	if (ret)
		return ret;
	file = syncobj_export_sync_file(ctx->fd, drawn);
	if (file >= 0) {
		ret = syncobj_import_sync_file(ctx->fd, sync, file);
		ret = ret ?: syncobj_wait(ctx->fd, sync, SECONDS);
		close(file);
	}
	syncobj_destroy(ctx->fd, sync);
	return file < 0 ? file : ret;
}

/* The result of a job of a client of its own, whose stream is nowhere. */
static int failing_job(void)
{
	struct compute_command command = compute_command();
	struct context ctx;
	int ret;

	context_init(&ctx);
	command.compute.cdm_ctrl_stream_base = NOWHERE;
	command.compute.cdm_ctrl_stream_end = NOWHERE + 8;
	ret = submit_and_wait(&ctx, &command, sizeof(command), SECONDS);
	context_fini(&ctx);
	return ret;
}

/* A client that is killed with jobs in flight. */
static int killed_client(void)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	need("make a pipe", pipe(ready) ? -errno : 0);
	pid = fork();
	need("start a client", pid < 0 ? -errno : 0);
	if (!pid) {
		struct context ctx;
		uint32_t sync;

		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		context_init(&ctx);
		need("create a syncobj", syncobj_create(ctx.fd, &sync));
		for (unsigned int i = 0; !submit_one(&ctx, sync); i++)
			if (i == 16 && write(ready[1], "", 1) != 1)
				break;
		_exit(1);
	}
	close(ready[1]);
	status = read(ready[0], &byte, 1) == 1 ? 0 : -EPIPE;
	close(ready[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return status;
}

/* KiB that are neither free nor in caches that can be dropped. */
static long used(void)
{
	const char *const counted[] = { "MemFree", "Buffers", "Cached" };
	long kib;

	drop_caches();
	kib = meminfo("MemTotal");
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
		const long part = meminfo(counted[i]);

		need(counted[i], part < 0 ? -ENOENT : 0);
		kib -= part;
	}
	return kib;
}

int main(int argc, char **argv)
{
	unsigned int wrong = 0, minutes = 0, hours = argc == 2 ? atoi(argv[1]) : 0;
	long first = 0, now;
	struct soak soak;
	uint32_t n;
	int ret = 0;

	if (hours < 8) {
		fprintf(stderr, "usage: soak HOURS, eight at least\n");
		return 2;
	}
	soak_init(&soak);
	for (n = 0; n < hours * HOUR && !ret; n++) {
		if (n >= DEPTH)
			ret = frame_wait(&soak, n - DEPTH, &wrong);
		if (!ret && n && n % MINUTE == 0) {
			ret = minute(&soak.ctx, soak.drawn[n % DEPTH]);
			minutes++;
		}
		if (!ret && n && n % HOUR == 0) {
			check("a job that fails", failing_job(), -EIO);
			check("a client that is killed", killed_client(), 0);
			now = used();
			first = first ?: now;
			printf("# hour %u: %ld KiB used, %lld KiB slab\n", n / HOUR, now,
			       meminfo("Slab"));
			fflush(stdout);
		}
		ret = ret ?: frame_submit(&soak, n);
	}
	for (int i = DEPTH; i && !ret; i--)
		ret = frame_wait(&soak, n - i, &wrong);
	now = used();
	printf("# %u frames, %u minutes: %ld KiB used, %ld KiB after the first hour\n", n, minutes,
	       now, first);
	check("all frames", ret, 0);
	check_true("the GPU has found what is there", !wrong);
	/* A byte for each frame would be more; the smallest that can be left is of 8 bytes. */
	check_true("no frame has left anything", now - first < NOISE + (long)(n - HOUR) / 1024);
	return finish();
}
