// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client's share of the addresses for timestamps: what has a handle counts, and what has none
 * while a job writes to it. Only the latter is waited for.
 */
#include "uapi.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
/* As much as all clients have together. */
#define ALL (64ull << 20)

/* A job of @ctx that writes to @object when @in has signalled. */
static void submit_after(struct context *ctx, uint32_t object, int in, uint32_t out)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ }, { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ },
	};

	command.compute.ts.end.handle = object;
	need("create a syncobj", syncobj_create(ctx->fd, &syncs[0].handle));
	need("import a fence", syncobj_import_sync_file(ctx->fd, syncs[0].handle, in));
	syncs[1].handle = out;
	need("submit", submit(ctx, &command, sizeof(command), syncs, 1, 1));
	syncobj_destroy(ctx->fd, syncs[0].handle);
}

/* A child that binds, and ends with the errno of that. */
static pid_t bind_in_child(int fd, uint32_t bo, uint64_t size)
{
	uint32_t object;
	pid_t child = fork();

	need("start a child", child < 0 ? -errno : 0);
	if (!child)
		_exit(-bind_timestamps(fd, bo, size, &object));
	return child;
}

void test_timestamps(void)
{
	int timeline = sw_sync_create(), in, status = 0, ret = 0;
	struct context ctx;
	uint32_t bo, out, object, next;
	uint64_t size;
	pid_t child;

	need("a timeline", timeline);
	in = sw_sync_fence(timeline, 1);
	need("a fence", in);
	context_init(&ctx);
	need("create a buffer", gem_create(ctx.fd, ALL, 0, 0, &bo));
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	check("more than the share", bind_timestamps(ctx.fd, bo, ALL, &object), -ENOSPC);
	/* More than a half of the share. */
	size = bind_most_timestamps(ctx.fd, bo, ALL, &object);
	printf("# %llu KiB\n", (unsigned long long)size >> 10);
	check("as much again", bind_timestamps(ctx.fd, bo, size, &next), -ENOSPC);

	submit_after(&ctx, object, in, out);
	check("as much again, with a job", bind_timestamps(ctx.fd, bo, size, &next), -ENOSPC);
	check("unbind what a job writes to", unbind_timestamps(ctx.fd, object), 0);
	check("more than the share", bind_timestamps(ctx.fd, bo, 2 * size, &next), -ENOSPC);
	child = bind_in_child(ctx.fd, bo, size);
	check_true("as much again waits for the job", process_sleeps(child, SECONDS * 1000));
	kill(child, SIGKILL);
	check_true("that can be killed", waitpid(child, &status, 0) == child &&
		   WIFSIGNALED(status));
	child = bind_in_child(ctx.fd, bo, size);
	check_true("another one waits", process_sleeps(child, SECONDS * 1000));
	sw_sync_advance(timeline, 1);
	check_true("until the job is complete", waitpid(child, &status, 0) == child &&
		   WIFEXITED(status));
	check("it gets the share", -WEXITSTATUS(status), 0);
	check("the job ends well", syncobj_wait(ctx.fd, out, SECONDS), 0);
	check("nothing is left then", bind_timestamps(ctx.fd, bo, size, &next), -ENOSPC);
	close(in);
	close(timeline);
	context_fini(&ctx);

	/* A client that has gone leaves its share to others. */
	context_init(&ctx);
	need("create a buffer", gem_create(ctx.fd, size, 0, 0, &bo));
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	for (int i = 0; i < 20 && !ret; i++) {
		struct compute_command command = compute_command();

		ret = bind_timestamps(ctx.fd, bo, size, &object);
		command.compute.ts.end.handle = object;
		if (!ret)
			ret = submit_and_wait(&ctx, &command, sizeof(command), SECONDS);
		if (!ret)
			ret = unbind_timestamps(ctx.fd, object);
	}
	check("one after another, each with a job", ret, 0);
	context_fini(&ctx);
}
