// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Clients that are in an ioctl while the device is taken away: in a submit to a queue that has no
 * room, in a bind of timestamps when a job writes to as many as the client may have, and in a bind
 * of millions of operations. The first two do not end before a fence of this process has signalled.
 * Unbinding has to wait for no such ioctl, and neither has another device of DRM's.
 */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A queue has room for so many jobs. */
#define ROOM 256
/* The ioctl returns within this, on a machine that checks much. */
#define SOON_MS 60000
/* And another device goes within this. */
#define UNPLUG_MS 10000
/* More than a client's share of the addresses for timestamps. */
#define LARGE (64ull << 20)
/* Operations of a bind, which take minutes, and those of them that are in memory. */
#define OPERATIONS (1u << 24)
#define DIFFERENT (1u << 15)
/* Another driver of DRM's, whose device is unplugged when it is unloaded. */
#define OTHER "other_drm"
#define OTHER_FILE "/mnt/rig/modules/" OTHER ".ko"

/* What the client has done, in memory that is shared with it. */
struct progress {
	int jobs;
	int result;
};

/* The client, after its @in has been imported as @sync. Returns the result of what waits. */
typedef int wait_fn(struct context *ctx, struct drm_asahi_sync *sync, struct progress *progress);

static int submit_until_refused(struct context *ctx, struct drm_asahi_sync *sync,
				struct progress *progress)
{
	struct compute_command command = compute_command();
	int ret;

	for (;;) {
		/* The first one waits for the fence, and the others for the first. */
		ret = submit(ctx, &command, sizeof(command), sync, !progress->jobs, 0);
		if (ret)
			return ret;
		__atomic_add_fetch(&progress->jobs, 1, __ATOMIC_RELEASE);
	}
}

static int bind_what_is_in_use(struct context *ctx, struct drm_asahi_sync *sync,
			       struct progress *progress)
{
	struct compute_command command = compute_command();
	uint32_t bo, object;
	uint64_t size;

	need("create a buffer", gem_create(ctx->fd, LARGE, 0, 0, &bo));
	size = bind_most_timestamps(ctx->fd, bo, LARGE, &object);
	command.compute.ts.end.handle = object;
	need("submit", submit(ctx, &command, sizeof(command), sync, 1, 0));
	need("unbind them", unbind_timestamps(ctx->fd, object));
	__atomic_add_fetch(&progress->jobs, 1, __ATOMIC_RELEASE);
	return bind_timestamps(ctx->fd, bo, size, &object);
}

/* Ends nothing, again and again, by operations that are the same memory many times. */
static int bind_millions(struct context *ctx, struct drm_asahi_sync *sync,
			 struct progress *progress)
{
	const size_t part = DIFFERENT * sizeof(struct drm_asahi_gem_bind_op);
	const size_t size = OPERATIONS * sizeof(struct drm_asahi_gem_bind_op);
	struct drm_asahi_vm_bind bind = {
		.vm_id = ctx->vm, .num_binds = OPERATIONS,
		.stride = sizeof(struct drm_asahi_gem_bind_op),
	};
	int file = memfd_create("operations", MFD_CLOEXEC);
	struct drm_asahi_gem_bind_op *ops;
	uint8_t *all;

	(void)sync;
	need("create a file", file < 0 || ftruncate(file, part) ? -errno : 0);
	all = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need("find room", all == MAP_FAILED ? -errno : 0);
	for (size_t at = 0; at < size; at += part)
		need("map the operations",
		     mmap(all + at, part, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
			  0) == MAP_FAILED ? -errno : 0);
	ops = (struct drm_asahi_gem_bind_op *)all;
	for (size_t i = 0; i < DIFFERENT; i++)
		ops[i] = (struct drm_asahi_gem_bind_op){
			.flags = DRM_ASAHI_BIND_UNBIND, .range = PAGE, .addr = USER_VA + LARGE,
		};
	bind.userptr = (uintptr_t)all;
	__atomic_add_fetch(&progress->jobs, 1, __ATOMIC_RELEASE);
	return gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_VM_BIND, &bind);
}

static void be_client(wait_fn *wait, int in, struct progress *progress)
{
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };
	struct context ctx;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync.handle));
	need("import a sync file", syncobj_import_sync_file(ctx.fd, sync.handle, in));
	progress->result = wait(&ctx, &sync, progress);
	/* With the file still open, as that of any client whose device goes. */
	_exit(0);
}

/* Whether the client sleeps in the ioctl after @jobs jobs, or is about to, if it does not sleep. */
static bool is_blocked(pid_t pid, const struct progress *progress, int jobs, bool sleeps)
{
	int64_t end = now_ms() + LIMIT_MS;

	while (now_ms() < end) {
		if (__atomic_load_n(&progress->jobs, __ATOMIC_ACQUIRE) == jobs &&
		    (!sleeps || process_state(pid) == 'S'))
			return true;
		pause_ms(1);
	}
	return false;
}

static int load_other(void)
{
	int file = open(OTHER_FILE, O_RDONLY | O_CLOEXEC), ret;

	if (file < 0)
		return -errno;
	ret = syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
	close(file);
	return ret;
}

/* Starts to unplug the other device. */
static pid_t unplug_other(void)
{
	pid_t pid = fork();

	need("fork", pid < 0 ? -errno : 0);
	if (!pid)
		_exit(syscall(SYS_delete_module, OTHER, O_NONBLOCK) ? 1 : 0);
	return pid;
}

static void blocked_in(const char *what, wait_fn *wait, int jobs, bool sleeps)
{
	int timeline = sw_sync_create(), in, status = 0;
	struct progress *progress;
	pid_t client, unbinder, unplugger;
	int64_t begun;
	bool ended, unplugged;

	need("open sw_sync", timeline);
	in = sw_sync_fence(timeline, 1);
	need("create a fence", in);
	need("load another driver", load_other());
	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need("map a page", progress == MAP_FAILED ? -errno : 0);
	fflush(stdout);
	client = fork();
	need("fork", client < 0 ? -errno : 0);
	if (!client)
		be_client(wait, in, progress);
	check_true(what, is_blocked(client, progress, jobs, sleeps));

	begun = now_ms();
	unplugger = unplug_other();
	unplugged = process_ends(unplugger, UNPLUG_MS, &status);
	check_true("another device of DRM's goes meanwhile",
		   unplugged && WIFEXITED(status) && !WEXITSTATUS(status));
	printf("# after %lld ms\n", (long long)(now_ms() - begun));
	check_true("the ioctl goes on", waitpid(client, &status, WNOHANG) == 0);

	begun = now_ms();
	unbinder = fork();
	need("fork", unbinder < 0 ? -errno : 0);
	if (!unbinder)
		_exit(unbind_device() ? 1 : 0);
	ended = process_ends(client, SOON_MS, &status);
	printf("# the ioctl has %s after %lld ms\n", ended ? "returned" : "not returned",
	       (long long)(now_ms() - begun));
	check_true("it returns when the device goes", ended);
	if (!ended) {
		kill(client, SIGKILL);
		waitpid(client, &status, 0);
	}
	check("its result", progress->result, -ENODEV);
	check("nothing more was taken", progress->jobs, jobs);
	/* A job that was cancelled is over when what it waits for is. */
	sw_sync_advance(timeline, 1);
	check_true("the device goes", process_ends(unbinder, LIMIT_MS, &status) &&
		   WIFEXITED(status) && !WEXITSTATUS(status));
	if (!unplugged)
		need("the other device", process_ends(unplugger, LIMIT_MS, &status) ? 0 : -ETIME);
	need("bind", bind_device());
	check("a job of a new client", new_job(LIMIT_MS / 1000), 0);
	munmap(progress, PAGE);
	close(in);
	close(timeline);
}

int blocked(void)
{
	blocked_in("a submit waits for room in its queue", submit_until_refused, ROOM,
		   true);
	blocked_in("a bind waits for timestamps that a job writes to", bind_what_is_in_use, 1,
		   true);
	blocked_in("a bind has millions of operations", bind_millions, 1, false);
	return finish();
}
