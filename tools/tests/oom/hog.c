// SPDX-License-Identifier: MIT OR Apache-2.0
/* Clients that take all that they can get. */
#define _GNU_SOURCE
#include "oom.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Jobs that a queue has room for, with some to spare. */
#define JOBS_OF_QUEUE 200
/* Bytes that one table of the last level maps. */
#define TABLE_SPAN (32 * MIB)
#define TABLES_OF_VM 2048
/* Mappings that one call makes, and for how many there are addresses in a VM. */
#define MAPPINGS_AT_ONCE 1024
#define MAPPINGS_OF_VM (1 << 20)
/* Bytes of a buffer of which one page becomes a timestamp object: all of them are pinned then. */
#define TIMESTAMPS_BYTES (MIB / 4)
/* Fences of a job's dependency, which is an array of them. */
#define LEAVES 1024

const char *const names[KINDS] = {
	[BUFFERS] = "buffers that are bound",
	[TOUCHED] = "buffers that are written to",
	[TABLES] = "page tables",
	[VMS] = "VMs",
	[QUEUES] = "queues",
	[TIMESTAMPS] = "timestamps",
	[JOBS] = "jobs that wait",
	[SCENES] = "renders that wait",
	[OBJECTS] = "empty buffers",
	[MAPPINGS] = "mappings of a page",
	[DEPENDENCIES] = "jobs that wait for many",
	[IN_FLIGHT] = "jobs in flight",
};

struct got *got;

static int take_buffer(struct context *ctx, bool bind, uint64_t at)
{
	const uint64_t size = MIB;
	uint32_t bo;
	int ret = gem_create(ctx->fd, size, 0, 0, &bo);

	if (ret)
		return ret;
	if (bind)
		return vm_bind(ctx->fd, ctx->vm, bo, USER_VA + (1ull << 30) + at * size, size);
	char *map = gem_map(ctx->fd, bo, size);

	if (!map)
		return -ENOMEM;
	/* The one that cannot be had is the kernel's reason to send SIGBUS. */
	memset(map, 1, size);
	munmap(map, size);
	return 0;
}

/* A page of the one buffer, where there is no table yet. */
static int take_table(struct context *ctx, long n)
{
	int ret = 0;

	if (n % TABLES_OF_VM == TABLES_OF_VM - 1)
		ret = vm_create(ctx->fd, &ctx->vm);
	if (ret)
		return ret;
	return vm_bind(ctx->fd, ctx->vm, ctx->bo,
		       USER_VA + (1 + n % TABLES_OF_VM) * TABLE_SPAN, PAGE);
}

/* Pages side by side, each with a mapping of its own: a thing is a call's. */
static int take_mappings(struct context *ctx, long n)
{
	static struct drm_asahi_gem_bind_op ops[MAPPINGS_AT_ONCE];
	struct drm_asahi_vm_bind args = {
		.num_binds = MAPPINGS_AT_ONCE,
		.stride = sizeof(ops[0]),
		.userptr = (uintptr_t)ops,
	};
	const uint64_t at = n * MAPPINGS_AT_ONCE % MAPPINGS_OF_VM;
	int ret = 0;

	if (n && !at)
		ret = vm_create(ctx->fd, &ctx->vm);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < MAPPINGS_AT_ONCE; i++) {
		ops[i] = (struct drm_asahi_gem_bind_op){
			.flags = DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE,
			.handle = ctx->bo,
			.range = PAGE,
			.addr = USER_VA + TABLE_SPAN + (at + i) * PAGE,
		};
	}
	args.vm_id = ctx->vm;
	return gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

/* A page of a new buffer: the addresses that all clients share are for pages of 64 MiB. */
static int take_timestamps(struct context *ctx)
{
	struct drm_asahi_gem_bind_object args = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.range = PAGE,
	};
	int ret = gem_create(ctx->fd, TIMESTAMPS_BYTES, 0, 0, &args.handle);

	if (ret)
		return ret;
	return gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);
}

/* A render of 4096 x 4096 pixels that draws nothing. */
static int take_scene(struct context *ctx, const struct drm_asahi_sync *sync)
{
	struct render_command command = render_command();

	command.render.width_px = 4096;
	command.render.height_px = 4096;

	return submit(ctx, &command, sizeof(command), sync, 1, 0);
}

static int take_job(enum what what, struct context *ctx, uint32_t in, long n)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = in };
	int ret = 0;

	if (n % JOBS_OF_QUEUE == JOBS_OF_QUEUE - 1)
		ret = queue_create(ctx->fd, ctx->vm, &ctx->queue);
	if (ret)
		return ret;
	if (what == SCENES)
		return take_scene(ctx, &sync);
	return submit(ctx, &command, sizeof(command), &sync, what != IN_FLIGHT, 0);
}

/* A file for the fences in @a and @b, which are closed. */
static int merge(int a, int b)
{
	int both = sync_file_merge(a, b);

	close(a);
	close(b);
	return both;
}

/* @count fences that never signal while the client lives: each of a timeline of its own. */
static int gates(unsigned int count)
{
	if (count > 1)
		return merge(gates(count / 2), gates(count - count / 2));
	return sw_sync_fence(sw_sync_create(), 1);
}

/* The fence that jobs wait for. */
static uint32_t gate(enum what what, struct context *ctx)
{
	int file = gates(what == DEPENDENCIES ? LEAVES : 1);
	uint32_t in;

	need("have a fence", file < 0 ? file : 0);
	need("create a syncobj", syncobj_create(ctx->fd, &in));
	need("import a fence", syncobj_import_sync_file(ctx->fd, in, file));
	close(file);
	return in;
}

/* Whether they are jobs that wait. */
static bool waits(enum what what)
{
	return what == JOBS || what == SCENES || what == DEPENDENCIES;
}

/* The memory of a client that is at the limit of its file is not all there is: it opens another. */
static int another_file(enum what what, struct context *ctx, uint32_t *in)
{
	struct context next = { .fd = gpu_open() };
	int ret = next.fd < 0 ? next.fd : vm_create(next.fd, &next.vm);

	if (!ret)
		ret = gem_create(next.fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &next.bo);
	if (!ret && (waits(what) || what == TABLES || what == MAPPINGS))
		ret = vm_bind(next.fd, next.vm, next.bo, USER_VA, PAGE);
	if (!ret && waits(what))
		ret = queue_create(next.fd, next.vm, &next.queue);
	if (ret)
		return ret;
	if (*in)
		*in = gate(what, &next);
	*ctx = next;
	return 0;
}

static int take(enum what what, struct context *ctx, uint32_t in, long n)
{
	uint32_t id;

	switch (what) {
	case BUFFERS:
	case TOUCHED:
		return take_buffer(ctx, what == BUFFERS, n);
	case TABLES:
		return take_table(ctx, n);
	case VMS:
		return vm_create(ctx->fd, &id);
	case QUEUES:
		return queue_create(ctx->fd, ctx->vm, &id);
	case TIMESTAMPS:
		return take_timestamps(ctx);
	case IN_FLIGHT:
		/* The jobs, which come last, keep all that is bound. */
		if (n < BUFFERS_IN_FLIGHT)
			return take_buffer(ctx, true, n);
		return take_job(what, ctx, in, n);
	case OBJECTS:
		return gem_create(ctx->fd, PAGE, 0, 0, &id);
	case MAPPINGS:
		return take_mappings(ctx, n);
	case JOBS:
	case SCENES:
	case DEPENDENCIES:
		return take_job(what, ctx, in, n);
	default:
		return -EINVAL;
	}
}

static void hog(enum what what, long most)
{
	struct rlimit files = { 1 << 16, 1 << 16 };
	struct context ctx;
	uint32_t in = 0;
	int ret = 0;

	signal(SIGBUS, SIG_DFL);
	if (!freopen("/dev/null", "w", stdout))
		_exit(1);
	setrlimit(RLIMIT_NOFILE, &files);
	write_file("/proc/self/oom_score_adj", "500");
	context_init(&ctx);
	/* An empty stream of the vertex data master. */
	ctx.map[0x100 / 4] = 6u << 29;
	if (waits(what))
		in = gate(what, &ctx);
	for (long n = 0; n < most && !ret; n++) {
		ret = take(what, &ctx, in, n);
		if (ret == -ENOSPC && what != BUFFERS) {
			ret = another_file(what, &ctx, &in);
			if (!ret)
				ret = take(what, &ctx, in, 0);
		}
		if (!ret)
			got->things++;
	}
	got->error = ret;
	got->done = true;
	for (;;)
		pause();
}

pid_t hog_start(enum what what, long most, const char *group)
{
	pid_t pid;

	memset(got, 0, sizeof(*got));
	/* What is not written yet would be written twice. */
	fflush(stdout);
	pid = fork();
	need("start a client", pid < 0 ? -errno : 0);
	if (!pid) {
		if (group && write_file(group, "0"))
			_exit(1);
		hog(what, most);
	}
	return pid;
}
