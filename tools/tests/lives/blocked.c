// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Clients that wait in an ioctl while the device is taken away: in a submit to a queue that has no
 * room, and in a bind of timestamps when a job writes to as many as the client may have. Neither
 * ends before a fence of this process has signalled. Unbinding has to wait for no such ioctl.
 */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A queue has room for so many jobs. */
#define ROOM 256
/* The ioctl returns within this, on a machine that checks much. */
#define SOON_MS 60000
/* More than a client's share of the addresses for timestamps. */
#define LARGE (64ull << 20)

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

/* Whether the client sleeps in the ioctl after @jobs jobs. */
static bool is_blocked(pid_t pid, const struct progress *progress, int jobs)
{
	int64_t end = now_ms() + LIMIT_MS;

	while (now_ms() < end) {
		if (__atomic_load_n(&progress->jobs, __ATOMIC_ACQUIRE) == jobs &&
		    process_state(pid) == 'S')
			return true;
		pause_ms(1);
	}
	return false;
}

static void blocked_in(const char *what, wait_fn *wait, int jobs)
{
	int timeline = sw_sync_create(), in, status = 0;
	struct progress *progress;
	pid_t client, unbinder;
	int64_t begun;
	bool ended;

	need("open sw_sync", timeline);
	in = sw_sync_fence(timeline, 1);
	need("create a fence", in);
	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need("map a page", progress == MAP_FAILED ? -errno : 0);
	fflush(stdout);
	client = fork();
	need("fork", client < 0 ? -errno : 0);
	if (!client)
		be_client(wait, in, progress);
	check_true(what, is_blocked(client, progress, jobs));

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
	need("bind", bind_device());
	check("a job of a new client", new_job(LIMIT_MS / 1000), 0);
	munmap(progress, PAGE);
	close(in);
	close(timeline);
}

int blocked(void)
{
	blocked_in("a submit waits for room in its queue", submit_until_refused, ROOM);
	blocked_in("a bind waits for timestamps that a job writes to", bind_what_is_in_use, 1);
	return finish();
}
