// SPDX-License-Identifier: MIT OR Apache-2.0
/* Submits of each kind, and what a file is made for and ends with. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SUBMIT(s, commands, syncs, in, out) \
	submit(&(s)->ctx, &(commands), sizeof(commands), syncs, in, out)

static int call_attachments(struct state *s)
{
	struct {
		struct drm_asahi_cmd_header header;
		struct drm_asahi_attachment attachments[16];
		struct compute_command command;
	} commands = { .command = compute_command() };
	struct drm_asahi_sync out = { .handle = s->sync_out };

	commands.header = commands.command.header;
	commands.header.cmd_type = DRM_ASAHI_SET_COMPUTE_ATTACHMENTS;
	commands.header.size = sizeof(commands.attachments);
	for (size_t i = 0; i < ARRAY_SIZE(commands.attachments); i++)
		commands.attachments[i] = (struct drm_asahi_attachment){
			.pointer = USER_VA, .size = PAGE,
		};
	return SUBMIT(s, commands, &out, 0, 1);
}

static int call_stamps(struct state *s)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = { .handle = s->sync_out };

	command.compute.ts.start.handle = s->timestamps;
	command.compute.ts.end.handle = s->timestamps;
	command.compute.ts.end.offset = 8;
	return SUBMIT(s, command, &out, 0, 1);
}

static void undo_stamps(struct state *s)
{
	undo_submit(s);
	undo_timestamps(s);
}

/* All that a render may have, on a queue that has had none. */
static int call_whole_render(struct state *s)
{
	struct {
		struct drm_asahi_cmd_header vertex;
		struct drm_asahi_attachment of_vertex[16];
		struct drm_asahi_cmd_header fragment;
		struct drm_asahi_attachment of_fragment[16];
		struct render_command render;
	} commands = { .render = render_command() };
	struct drm_asahi_cmd_render *render = &commands.render.render;

	commands.vertex = commands.fragment = commands.render.header;
	commands.vertex.cmd_type = DRM_ASAHI_SET_VERTEX_ATTACHMENTS;
	commands.fragment.cmd_type = DRM_ASAHI_SET_FRAGMENT_ATTACHMENTS;
	commands.vertex.size = sizeof(commands.of_vertex);
	commands.fragment.size = sizeof(commands.of_fragment);
	for (size_t i = 0; i < ARRAY_SIZE(commands.of_vertex); i++)
		commands.of_vertex[i] = commands.of_fragment[i] = (struct drm_asahi_attachment){
			.pointer = USER_VA, .size = PAGE,
		};
	render->ts_vtx.start.handle = render->ts_vtx.end.handle = s->timestamps;
	render->ts_frag.start.handle = render->ts_frag.end.handle = s->timestamps;
	render->ts_vtx.end.offset = 8;
	render->ts_frag.start.offset = 16;
	render->ts_frag.end.offset = 24;
	return submit_on_new_queue(s, &commands, sizeof(commands));
}

static void undo_whole_render(struct state *s)
{
	undo_render(s);
	undo_timestamps(s);
}

/* One waits for the other, on a queue that has had neither. */
static int call_both(struct state *s)
{
	struct {
		struct compute_command compute;
		struct render_command render;
	} commands = { .compute = compute_command(), .render = render_command() };

	commands.render.header.cdm_barrier = 0;
	return submit_on_new_queue(s, &commands, sizeof(commands));
}

/* A fence that signals with the next step of a timeline, as a file. */
static int next_fence(struct state *s, int timeline)
{
	int file = sw_sync_fence(s->timelines[timeline], s->value + 1);

	need("a fence", file);
	return file;
}

/* Each of many objects has a fence of its own. */
static void prepare_many(struct state *s)
{
	for (int i = 0; i < WAITS; i++) {
		int file = next_fence(s, i % 2);

		need("import a fence", syncobj_import_sync_file(s->ctx.fd, s->pending[i], file));
		close(file);
	}
}

/* One object has a fence that consists of two. */
static void prepare_container(struct state *s)
{
	int first = next_fence(s, 0), second = next_fence(s, 1);
	struct sync_merge_data merge = { .name = "both", .fd2 = second };

	need("merge them", ioctl(first, SYNC_IOC_MERGE, &merge) ? -errno : 0);
	need("import a fence", syncobj_import_sync_file(s->ctx.fd, s->pending[0], merge.fence));
	close(merge.fence);
	close(second);
	close(first);
}

static int submit_after(struct state *s, uint32_t waits)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[WAITS + 1] = {};

	for (uint32_t i = 0; i < waits; i++)
		syncs[i].handle = s->pending[i];
	syncs[waits].handle = s->sync_out;
	return SUBMIT(s, command, syncs, waits, 1);
}

static int call_many(struct state *s)
{
	return submit_after(s, WAITS);
}

static int call_container(struct state *s)
{
	return submit_after(s, 1);
}

static void undo_waiting(struct state *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->timelines); i++)
		sw_sync_advance(s->timelines[i], 1);
	s->value++;
	undo_submit(s);
}

static void prepare_object(struct state *s)
{
	need("create a buffer", gem_create(s->ctx.fd, PAGE, 0, 0, &s->made));
}

static int call_offset(struct state *s)
{
	uint64_t offset;

	return gem_mmap_offset(s->ctx.fd, s->made, &offset);
}

/* It is the file's own, so it has the handle that it has. */
static int call_own(struct state *s)
{
	int ret = import(s, s->ctx.fd, s->exported);

	return ret ? ret : s->made == s->big ? 0 : -EBADF;
}

static int call_fdinfo(struct state *s)
{
	char path[64], text[4096];
	int file, ret = 0;
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", s->ctx.fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	do
		size = read(file, text, sizeof(text));
	while (size > 0);
	if (size < 0)
		ret = -errno;
	close(file);
	return ret;
}

/* A client with all that there is, and a job in flight. */
static void prepare_client(struct state *s)
{
	struct drm_asahi_sync out = {};
	struct context ctx;
	struct compute_command command = compute_command();

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &out.handle));
	need("a job", submit(&ctx, &command, sizeof(command), &out, 0, 1));
	/* A mapping would keep the file. */
	munmap(ctx.map, PAGE);
	s->file = ctx.fd;
}

static int call_close(struct state *s)
{
	return close(s->file) ? -errno : 0;
}

void submits_init(struct state *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->timelines); i++) {
		s->timelines[i] = sw_sync_create();
		need("a timeline", s->timelines[i]);
	}
	for (size_t i = 0; i < WAITS; i++)
		need("create a syncobj", syncobj_create(s->ctx.fd, &s->pending[i]));
}

const struct call submit_calls[] = {
	{ .name = "SUBMIT with attachments", .make = call_attachments,
	  .undo = undo_submit, .least = 2 },
	{ .name = "SUBMIT with timestamps", .make = call_stamps,
	  .undo = undo_stamps, .least = 2, .prepare = prepare_timestamps },
	{ .name = "QUEUE_CREATE and SUBMIT of a render with attachments and timestamps",
	  .make = call_whole_render, .undo = undo_whole_render, .least = 20,
	  .prepare = prepare_timestamps },
	{ .name = "QUEUE_CREATE and SUBMIT of compute and a render", .make = call_both,
	  .undo = undo_render, .least = 20 },
	{ .name = "SUBMIT after many fences", .make = call_many,
	  .undo = undo_waiting, .least = 2, .prepare = prepare_many },
	{ .name = "SUBMIT after a fence of fences", .make = call_container,
	  .undo = undo_waiting, .least = 2, .prepare = prepare_container },
	{ .name = "GEM_MMAP_OFFSET", .make = call_offset,
	  .undo = undo_gem_create, .prepare = prepare_object },
	{ .name = "PRIME_FD_TO_HANDLE of its own", .make = call_own },
	{ .name = "fdinfo", .make = call_fdinfo, .least = 1 },
	{ .name = "close", .make = call_close, .prepare = prepare_client, .never = true },
	{}
};
