// SPDX-License-Identifier: MIT OR Apache-2.0
/* Submits that are refused, each by its errno, and that leave nothing behind. */
#include "uapi.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 120

static void check_arguments(struct context *ctx)
{
	struct compute_command command = compute_command();
	struct drm_asahi_submit good = {
		.cmdbuf = (uintptr_t)&command,
		.cmdbuf_size = sizeof(command),
		.queue_id = ctx->queue,
	};
	struct drm_asahi_submit args;

#define REFUSED(what, field, value, want) do { \
		args = good; \
		args.field = value; \
		check("submit: " what, gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_SUBMIT, &args), want); \
	} while (0)
	REFUSED("flags", flags, 1, -EINVAL);
	REFUSED("pad", pad, 1, -EINVAL);
	REFUSED("unknown queue", queue_id, 12345, -ENOENT);
	REFUSED("no commands", cmdbuf_size, 0, -EINVAL);
	REFUSED("half a header", cmdbuf_size, 4, -EINVAL);
	REFUSED("half a payload", cmdbuf_size, sizeof(command) - 8, -EINVAL);
	REFUSED("bad command pointer", cmdbuf, 8, -EFAULT);
	REFUSED("bad sync pointer", in_sync_count, 1, -EFAULT);
#undef REFUSED
}

static int submit_command(struct context *ctx, struct compute_command command)
{
	return submit(ctx, &command, sizeof(command), NULL, 0, 0);
}

static void check_commands(struct context *ctx)
{
	struct compute_command command, commands[65];
	struct {
		struct compute_command command;
		uint64_t later;
	} longer = { compute_command(), 0 };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = compute_command();
	check("submit: 65 commands", submit(ctx, commands, sizeof(commands), NULL, 0, 0), -EINVAL);

	command = compute_command();
	command.header.cmd_type = 5;
	check("submit: unknown command", submit_command(ctx, command), -EINVAL);
	command = compute_command();
	command.compute.flags = 1;
	check("submit: compute flags", submit_command(ctx, command), -EINVAL);
	command = compute_command();
	command.header.cdm_barrier = 1;
	check("submit: barrier on itself", submit_command(ctx, command), -EINVAL);
	command.header.cdm_barrier = 0xfffe;
	check("submit: barrier on what is not there", submit_command(ctx, command), -EINVAL);
	command = compute_command();
	command.header.vdm_barrier = 1;
	check("submit: barrier on a render that is not there", submit_command(ctx, command),
	      -EINVAL);

	longer.command.header.size += sizeof(longer.later);
	check("submit: a longer command of zeros", submit(ctx, &longer, sizeof(longer), NULL, 0, 0),
	      0);
	longer.later = 1;
	check_either("submit: a longer command of something",
		     submit(ctx, &longer, sizeof(longer), NULL, 0, 0), -EINVAL, -E2BIG);
}

static void check_attachments(struct context *ctx)
{
	struct {
		struct drm_asahi_cmd_header header;
		struct drm_asahi_attachment attachments[17];
		struct compute_command command;
	} commands;
	struct {
		struct drm_asahi_cmd_header header;
		struct drm_asahi_attachment attachment;
		struct compute_command command;
	} one;

	memset(&commands, 0, sizeof(commands));
	commands.command = compute_command();
	commands.header = commands.command.header;
	commands.header.cmd_type = DRM_ASAHI_SET_COMPUTE_ATTACHMENTS;
	commands.header.size = sizeof(commands.attachments);
	check("submit: 17 attachments", submit(ctx, &commands, sizeof(commands), NULL, 0, 0),
	      -EINVAL);

	memset(&one, 0, sizeof(one));
	one.command = compute_command();
	one.header = commands.header;
	one.header.size = sizeof(one.attachment);
	check("submit: one attachment", submit(ctx, &one, sizeof(one), NULL, 0, 0), 0);
	one.attachment.flags = 1;
	check("submit: attachment flags", submit(ctx, &one, sizeof(one), NULL, 0, 0), -EINVAL);
	one.attachment.flags = 0;
	one.attachment.pad = 1;
	check("submit: attachment pad", submit(ctx, &one, sizeof(one), NULL, 0, 0), -EINVAL);
	one.attachment.pad = 0;
	one.header.cdm_barrier = 0;
	check("submit: attachments with a barrier", submit(ctx, &one, sizeof(one), NULL, 0, 0),
	      -EINVAL);
	one.header.cdm_barrier = DRM_ASAHI_BARRIER_NONE;
	check("submit: attachments alone",
	      submit(ctx, &one, offsetof(typeof(one), command), NULL, 0, 0), -EINVAL);
	one.header.size = sizeof(one.attachment) - 4;
	check("submit: part of an attachment", submit(ctx, &one, sizeof(one), NULL, 0, 0), -EINVAL);
}

static int submit_sync(struct context *ctx, struct drm_asahi_sync sync, uint32_t in, uint32_t out)
{
	struct compute_command command = compute_command();

	return submit(ctx, &command, sizeof(command), &sync, in, out);
}

static void check_syncs(struct context *ctx)
{
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };
	struct drm_asahi_sync bad;
	uint32_t unused;

	need("create a syncobj", syncobj_create(ctx->fd, &sync.handle));
	unused = sync.handle;

	bad = sync;
	bad.sync_type = 2;
	check("submit: unknown kind of in-sync", submit_sync(ctx, bad, 1, 0), -EINVAL);
	check("submit: unknown kind of out-sync", submit_sync(ctx, bad, 0, 1), -EINVAL);
	bad = sync;
	bad.handle = 12345;
	check("submit: unknown in-sync", submit_sync(ctx, bad, 1, 0), -ENOENT);
	check("submit: unknown out-sync", submit_sync(ctx, bad, 0, 1), -ENOENT);
	bad = sync;
	bad.timeline_value = 1;
	check("submit: point of a binary in-sync", submit_sync(ctx, bad, 1, 0), -EINVAL);
	check("submit: in-sync without a fence", submit_sync(ctx, sync, 1, 0), -EINVAL);
	bad = sync;
	bad.sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ;
	bad.timeline_value = 7;
	check("submit: point that nobody submitted", submit_sync(ctx, bad, 1, 0), -EINVAL);

	/* Nothing of all that touched the object. */
	check("a refused submit leaves its out-sync alone", syncobj_wait(ctx->fd, unused, 0),
	      -EINVAL);
	check("submit to it after all", submit_one(ctx, unused), 0);
	check("its fence signals", syncobj_wait(ctx->fd, unused, SECONDS), 0);
	syncobj_destroy(ctx->fd, unused);
}

static void check_timestamps(struct context *ctx)
{
	struct drm_asahi_gem_bind_object bind = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .range = PAGE,
	};
	struct compute_command command = compute_command();

	need("create a buffer", gem_create(ctx->fd, PAGE, 0, 0, &bind.handle));
	need("bind it for timestamps", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));

	command.compute.ts.end.handle = 12345;
	check("submit: unknown timestamp object", submit_command(ctx, command), -ENOENT);
	command.compute.ts.end.handle = bind.object_handle;
	command.compute.ts.end.offset = PAGE - 4;
	check("submit: timestamp past its object", submit_command(ctx, command), -ERANGE);
	command.compute.ts.end.offset = -8;
	check("submit: timestamp offset wraps", submit_command(ctx, command), -ERANGE);
	command.compute.ts.end.offset = PAGE - 8;
	check("submit: timestamp at the end of its object", submit_command(ctx, command), 0);
	gem_close(ctx->fd, bind.handle);
}

static void check_render(struct context *ctx)
{
	struct {
		struct drm_asahi_cmd_header header;
		struct drm_asahi_cmd_render render;
	} command;

	memset(&command, 0, sizeof(command));
	command.header = compute_command().header;
	command.header.cmd_type = DRM_ASAHI_CMD_RENDER;
	command.header.size = sizeof(command.render);
	command.render = (struct drm_asahi_cmd_render){
		.width_px = 64, .height_px = 64, .layers = 1, .samples = 1, .sample_size_B = 4,
		.utile_width_px = 32, .utile_height_px = 32,
	};
	check("submit: a render without a stream",
	      submit(ctx, &command, sizeof(command), NULL, 0, 0), -EINVAL);
	command.render.vdm_ctrl_stream_base = USER_VA;
	command.render.flags = 1u << 31;
	check("submit: render flags", submit(ctx, &command, sizeof(command), NULL, 0, 0), -EINVAL);
}

void test_submit_errors(void)
{
	struct context ctx;

	context_init(&ctx);
	check_arguments(&ctx);
	check_commands(&ctx);
	check_attachments(&ctx);
	check_syncs(&ctx);
	check_timestamps(&ctx);
	check_render(&ctx);
	context_fini(&ctx);
}
