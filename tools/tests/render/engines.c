// SPDX-License-Identifier: MIT OR Apache-2.0
/* The time of engines in fdinfo, of a client whose renders are known. */
#include "render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the base of shaders: a list, and behind it its code. */
#define LIST_AT 0x200000
#define CODE_AT (LIST_AT + 0x40)
/* Pixels to a side of a frame whose fragment half takes long. */
#define LARGE 8192

enum { VERTEX, FRAGMENT, COMPUTE, ENGINES };

struct times {
	long long ns[ENGINES];
};

static struct times read_times(int fd)
{
	static const char *const keys[] = { "vertex", "fragment", "compute" };
	struct times times = { { -1, -1, -1 } };
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	need("open fdinfo", file ? 0 : -1);
	while (fgets(line, sizeof(line), file)) {
		for (int i = 0; i < ENGINES; i++) {
			char format[48];

			snprintf(format, sizeof(format), "drm-engine-%s: %%lld ns", keys[i]);
			sscanf(line, format, &times.ns[i]);
		}
	}
	fclose(file);
	return times;
}

/* The times when they have come to rest: the end of a job is counted behind its fence. */
static struct times idle_times(int fd)
{
	struct times times = read_times(fd), last;

	for (int i = 0; i < 50 * SECONDS; i++) {
		last = times;
		usleep(20000);
		times = read_times(fd);
		if (!memcmp(&times, &last, sizeof(times)))
			return times;
	}
	check_true("engines: an idle client's times are at rest", false);
	return times;
}

/* A render with nothing to do in its vertex half and two programs a tile in its fragment half. */
static struct render_command long_fragments(struct context *ctx)
{
	/* A list of a shader that stops at once. */
	static const uint8_t list[] = {
		0x0d, 0x0c, CODE_AT & 0xff, CODE_AT >> 8 & 0xff, CODE_AT >> 16, 0x00, 0x88, 0x00,
	};
	struct render_command command = render_command();
	uint8_t *shaders;
	uint32_t bo;

	need("create a buffer for a list",
	     gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bo));
	need("bind it", vm_bind(ctx->fd, ctx->vm, bo, USC_BASE + LIST_AT, PAGE));
	shaders = gem_map(ctx->fd, bo, PAGE);
	need("map it", shaders ? 0 : -1);
	memcpy(shaders, list, sizeof(list));
	shaders[CODE_AT - LIST_AT] = 0x88;
	command.render.flags = DRM_ASAHI_RENDER_PROCESS_EMPTY_TILES;
	command.render.bg.usc = LIST_AT | 4;
	command.render.eot.usc = LIST_AT | 4;
	command.render.width_px = LARGE;
	command.render.height_px = LARGE;
	return command;
}

/* Times grow while a job is in flight, whose halves end for the driver at the same time. */
static void check_growth(struct context *ctx)
{
	struct render_command command = long_fragments(ctx);
	struct times before = idle_times(ctx->fd), last = before, now;
	bool back = false, grown = false;
	uint32_t fence;
	int file;

	need("create a syncobj", syncobj_create(ctx->fd, &fence));
	need("submit a render", submit_render(ctx, command, fence));
	file = syncobj_export_sync_file(ctx->fd, fence);
	need("export a fence", file);
	do {
		now = read_times(ctx->fd);
		for (int i = 0; i < ENGINES; i++)
			back |= now.ns[i] < last.ns[i];
		grown |= last.ns[FRAGMENT] > before.ns[FRAGMENT] &&
			 now.ns[FRAGMENT] > last.ns[FRAGMENT];
		last = now;
	} while (sync_file_wait(file, 10) == -ETIME);
	check("engines: a large render", sync_file_wait(file, 0), 0);
	close(file);
	now = idle_times(ctx->fd);
	check_true("engines: times never go back", !back);
	check_true("engines: they grow while it runs", grown);
	check_true("engines: of both halves", now.ns[VERTEX] > before.ns[VERTEX] &&
		   now.ns[FRAGMENT] > before.ns[FRAGMENT]);
	check_true("engines: and the compute engine nothing",
		   now.ns[COMPUTE] == before.ns[COMPUTE]);
	syncobj_destroy(ctx->fd, fence);
}

/* Each engine's time is that of commands of its kind. */
static void check_kinds(struct context *ctx)
{
	struct compute_command compute = compute_command();
	struct times times = idle_times(ctx->fd), before;

	check_true("engines: a client that did nothing has used none",
		   !times.ns[VERTEX] && !times.ns[FRAGMENT] && !times.ns[COMPUTE]);
	check("engines: a render", run_render(ctx, render_command()), 0);
	times = idle_times(ctx->fd);
	check_true("engines: takes time of the vertex engine", times.ns[VERTEX] > 0);
	check_true("engines: and of the fragment engine", times.ns[FRAGMENT] > 0);
	check_true("engines: and none of the compute engine", !times.ns[COMPUTE]);
	before = times;
	check("engines: a compute command", run(ctx, &compute, sizeof(compute)), 0);
	times = idle_times(ctx->fd);
	check_true("engines: takes time of the compute engine", times.ns[COMPUTE] > 0);
	check_true("engines: and of no other", times.ns[VERTEX] == before.ns[VERTEX] &&
		   times.ns[FRAGMENT] == before.ns[FRAGMENT]);
}

void check_engines(void)
{
	struct context ctx;

	render_init(&ctx);
	check_kinds(&ctx);
	check_growth(&ctx);
	context_fini(&ctx);
}
