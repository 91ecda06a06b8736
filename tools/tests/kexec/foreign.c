// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client that is there when the kernel ends, with a job that waits for a fence that never
 * signals.
 *
 * usage: kexec-foreign
 *
 * The queue has had a job before, so the firmware knows it. There is one that has had none, too.
 * Prints TAP, and "# submitted" when all is submitted.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <stdio.h>
#include <unistd.h>

#define SECONDS 60

/* An empty job on @queue after the fence of syncobj @in. */
static void submit_after(const struct context *ctx, uint32_t queue, uint32_t in)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = in };
	struct context other = *ctx;

	other.queue = queue;
	need("submit", submit(&other, &command, sizeof(command), &sync, 1, 0));
}

int main(void)
{
	int timeline = sw_sync_create(), file = sw_sync_fence(timeline, 1);
	uint32_t in, first, queue;
	struct context ctx;

	need("create a timeline", timeline);
	need("create a fence", file);
	context_init(&ctx);
	need("create a queue", queue_create(ctx.fd, ctx.vm, &queue));
	need("create a syncobj", syncobj_create(ctx.fd, &first));
	need("submit", submit_one(&ctx, first));
	check("a job", syncobj_wait(ctx.fd, first, SECONDS), 0);

	need("create a syncobj", syncobj_create(ctx.fd, &in));
	need("import the fence", syncobj_import_sync_file(ctx.fd, in, file));
	submit_after(&ctx, ctx.queue, in);
	submit_after(&ctx, queue, in);
	printf("# submitted\n");
	fflush(stdout);
	for (;;)
		pause();
}
