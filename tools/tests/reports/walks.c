// SPDX-License-Identifier: MIT OR Apache-2.0
/* Command buffers and lists whose walk might not end, or take long. */
#define _GNU_SOURCE
#include "reports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (1024 * 1024)
#define SYNCS 4096

static void check_records(struct context *ctx)
{
	struct drm_asahi_cmd_header *records = calloc(1, LARGE);
	size_t count = LARGE / sizeof(*records);

	for (size_t i = 0; i < count; i++)
		records[i] = (struct drm_asahi_cmd_header){
			.cmd_type = DRM_ASAHI_SET_COMPUTE_ATTACHMENTS,
			.vdm_barrier = DRM_ASAHI_BARRIER_NONE,
			.cdm_barrier = DRM_ASAHI_BARRIER_NONE,
		};
	/* Attachments, none of them, 131072 times, and no command: there is nothing to do. */
	check_either("a MiB of empty attachments", submit(ctx, records, LARGE, NULL, 0, 0), 0,
		     -EINVAL);
	for (size_t i = 0; i < count; i++)
		records[i].cmd_type = DRM_ASAHI_CMD_COMPUTE;
	check("a MiB of commands of no size", submit(ctx, records, LARGE, NULL, 0, 0), -EINVAL);
	for (size_t i = 0; i < count; i++)
		records[i].cmd_type = 0x7fff;
	check("a MiB of commands that there are not", submit(ctx, records, LARGE, NULL, 0, 0),
	      -EINVAL);
	free(records);
}

static void check_syncs(struct context *ctx)
{
	struct drm_asahi_sync *syncs = calloc(2 * SYNCS, sizeof(*syncs));
	struct compute_command command = compute_command();
	uint32_t one;
	int ret;

	need("create a syncobj", syncobj_create(ctx->fd, &one));
	need("submit", submit_one(ctx, one));
	for (int i = 0; i < 2 * SYNCS; i++)
		syncs[i].handle = one;
	/* In and out are the same: waits for what it had, then has the job's. */
	ret = submit(ctx, &command, sizeof(command), syncs, SYNCS, SYNCS);
	check_either("one syncobj 4096 times, in and out", ret, 0, -EINVAL);
	check("and its fence signals", syncobj_wait(ctx->fd, one, SECONDS), 0);
	/* More than there can be. */
	ret = submit(ctx, &command, sizeof(command), syncs, UINT32_MAX, UINT32_MAX);
	check_either("more syncobjs than there is memory for", ret, -EINVAL, -ENOMEM);
	ret = submit(ctx, &command, sizeof(command), syncs, UINT32_MAX, 1);
	check_either("a count that wraps", ret, -EINVAL, -ENOMEM);
	free(syncs);
}

void test_walks(void)
{
	struct context ctx;
	uint32_t sync;

	context_init(&ctx);
	check_records(&ctx);
	check_syncs(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	check("a job afterwards", submit_one(&ctx, sync), 0);
	check("is done", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	context_fini(&ctx);
}
