// SPDX-License-Identifier: MIT OR Apache-2.0
/* Jobs: their order, their fences, their timestamps. */
#include "uapi.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECONDS 120

static void check_one(struct context *ctx)
{
	uint32_t sync;

	need("create a syncobj", syncobj_create(ctx->fd, &sync));
	check("submit one job", submit_one(ctx, sync), 0);
	check("its fence signals", syncobj_wait(ctx->fd, sync, SECONDS), 0);
	syncobj_destroy(ctx->fd, sync);
}

static void check_64(struct context *ctx)
{
	struct compute_command commands[64];
	struct drm_asahi_sync out = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };

	need("create a syncobj", syncobj_create(ctx->fd, &out.handle));
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		commands[i] = compute_command();
		/* Each after the one before it. */
		commands[i].header.cdm_barrier = i;
	}
	check("submit 64 commands", submit(ctx, commands, sizeof(commands), &out, 0, 1), 0);
	check("their fence signals", syncobj_wait(ctx->fd, out.handle, SECONDS), 0);
	syncobj_destroy(ctx->fd, out.handle);
}

/* More jobs than a firmware ring has places and than a queue has events in flight. */
static void check_many(struct context *ctx)
{
	uint32_t sync[8];
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sync); i++)
		need("create a syncobj", syncobj_create(ctx->fd, &sync[i]));
	for (int i = 0; i < 3000 && !ret; i++)
		ret = submit_one(ctx, sync[i % ARRAY_SIZE(sync)]);
	check("submit 3000 jobs", ret, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sync); i++) {
		check("the last of them signal", syncobj_wait(ctx->fd, sync[i], SECONDS), 0);
		syncobj_destroy(ctx->fd, sync[i]);
	}
}

static void check_timeline(struct context *ctx)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ },
		{ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ },
	};
	struct drm_syncobj_timeline_array query;
	uint64_t value = 0;
	uint32_t handle;
	int ret = 0;

	need("create a syncobj", syncobj_create(ctx->fd, &handle));
	syncs[0].handle = syncs[1].handle = handle;
	for (uint64_t point = 1; point <= 50 && !ret; point++) {
		syncs[0].timeline_value = point - 1;
		syncs[1].timeline_value = point;
		/* The first waits for nothing, each later one for its predecessor's point. */
		ret = point == 1 ? submit(ctx, &command, sizeof(command), &syncs[1], 0, 1) :
				   submit(ctx, &command, sizeof(command), syncs, 1, 1);
	}
	check("submit along a timeline", ret, 0);
	check("a point in the middle signals", timeline_wait(ctx->fd, handle, 25, SECONDS), 0);
	check("the last point signals", timeline_wait(ctx->fd, handle, 50, SECONDS), 0);

	query = (struct drm_syncobj_timeline_array){
		.handles = (uintptr_t)&handle, .points = (uintptr_t)&value, .count_handles = 1,
	};
	check("query the timeline", gpu_ioctl(ctx->fd, DRM_IOCTL_SYNCOBJ_QUERY, &query), 0);
	check_true("it stands at its last point", value == 50);
	syncobj_destroy(ctx->fd, handle);
}

static void check_two_queues(struct context *ctx)
{
	struct compute_command command = compute_command();
	struct context second = *ctx;
	struct drm_asahi_sync syncs[2] = { 0 };
	int ret = 0;

	need("create a second queue", queue_create(ctx->fd, ctx->vm, &second.queue));
	need("create a syncobj", syncobj_create(ctx->fd, &syncs[0].handle));
	need("create a syncobj", syncobj_create(ctx->fd, &syncs[1].handle));

	/* Ping-pong: every job waits for the other queue's last. */
	ret = submit_one(ctx, syncs[0].handle);
	for (int i = 0; i < 100 && !ret; i++) {
		struct drm_asahi_sync swap = syncs[0];

		ret = submit(i % 2 ? ctx : &second, &command, sizeof(command), syncs, 1, 1);
		syncs[0] = syncs[1];
		syncs[1] = swap;
	}
	check("two queues in turn", ret, 0);
	check("the last of them signals", syncobj_wait(ctx->fd, syncs[0].handle, SECONDS), 0);
	check("destroy the second queue", queue_destroy(ctx->fd, second.queue), 0);
	syncobj_destroy(ctx->fd, syncs[0].handle);
	syncobj_destroy(ctx->fd, syncs[1].handle);
}

static int export_sync_file(int fd, uint32_t handle)
{
	struct drm_syncobj_handle args = {
		.handle = handle, .flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
	};
	int ret = gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	return ret ? ret : args.fd;
}

static void check_sync_file(struct context *ctx)
{
	struct pollfd poller = { .events = POLLIN };
	uint32_t sync;

	need("create a syncobj", syncobj_create(ctx->fd, &sync));
	need("submit", submit_one(ctx, sync));
	poller.fd = export_sync_file(ctx->fd, sync);
	need("export a sync file", poller.fd);
	check_true("a sync file can be polled", poll(&poller, 1, SECONDS * 1000) == 1);
	close(poller.fd);
	syncobj_destroy(ctx->fd, sync);
}

static void check_timestamps(struct context *ctx)
{
	struct drm_asahi_gem_bind_object bind = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .range = PAGE,
	};
	struct compute_command commands[2] = { compute_command(), compute_command() };
	struct drm_asahi_sync out = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };
	struct drm_asahi_get_time before = { 0 }, after = { 0 };
	volatile uint64_t *stamps;

	need("create a buffer",
	     gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bind.handle));
	stamps = gem_map(ctx->fd, bind.handle, PAGE);
	need("map a buffer", stamps ? 0 : -ENOMEM);
	need("bind it for timestamps", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	need("create a syncobj", syncobj_create(ctx->fd, &out.handle));

	for (uint32_t i = 0; i < 2; i++) {
		commands[i].header.cdm_barrier = i;
		commands[i].compute.ts.start =
			(struct drm_asahi_timestamp){ bind.object_handle, i * 16 };
		commands[i].compute.ts.end =
			(struct drm_asahi_timestamp){ bind.object_handle, i * 16 + 8 };
	}
	gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GET_TIME, &before);
	check("submit with timestamps", submit(ctx, commands, sizeof(commands), &out, 0, 1), 0);
	check("their fence signals", syncobj_wait(ctx->fd, out.handle, SECONDS), 0);
	gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GET_TIME, &after);

	check_true("timestamps are written in order",
		   stamps[0] && stamps[0] <= stamps[1] && stamps[1] <= stamps[2] &&
		   stamps[2] <= stamps[3]);
	check_true("timestamps are on the clock of GET_TIME",
		   before.gpu_timestamp <= stamps[0] && stamps[3] <= after.gpu_timestamp);
	check_true("nothing is written beside them", !stamps[4]);

	munmap((void *)stamps, PAGE);
	syncobj_destroy(ctx->fd, out.handle);
	gem_close(ctx->fd, bind.handle);
}

static void check_short_and_attachments(struct context *ctx)
{
	struct {
		struct drm_asahi_cmd_header header;
		struct drm_asahi_attachment attachments[16];
		struct drm_asahi_cmd_header compute_header;
		/* Everything from the sampler heap on is left out, so zero. */
		unsigned char compute[offsetof(struct drm_asahi_cmd_compute, sampler_heap)];
	} commands;
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };

	memset(&commands, 0, sizeof(commands));
	commands.header = command.header;
	commands.header.cmd_type = DRM_ASAHI_SET_COMPUTE_ATTACHMENTS;
	commands.header.size = sizeof(commands.attachments);
	for (size_t i = 0; i < ARRAY_SIZE(commands.attachments); i++)
		commands.attachments[i] = (struct drm_asahi_attachment){
			.pointer = USER_VA, .size = PAGE,
		};
	commands.compute_header = command.header;
	commands.compute_header.size = sizeof(commands.compute);
	memcpy(commands.compute, &command.compute, sizeof(commands.compute));

	need("create a syncobj", syncobj_create(ctx->fd, &out.handle));
	check("submit 16 attachments and a short command",
	      submit(ctx, &commands, sizeof(commands), &out, 0, 1), 0);
	check("its fence signals", syncobj_wait(ctx->fd, out.handle, SECONDS), 0);
	syncobj_destroy(ctx->fd, out.handle);
}

void test_submit(void)
{
	struct context ctx;

	context_init(&ctx);
	check_one(&ctx);
	check_64(&ctx);
	check_many(&ctx);
	check_timeline(&ctx);
	check_two_queues(&ctx);
	check_sync_file(&ctx);
	check_timestamps(&ctx);
	check_short_and_attachments(&ctx);
	context_fini(&ctx);
}
