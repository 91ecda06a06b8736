// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Jobs that have to be stopped for what they cost, and frames in parts whose programs between the
 * parts are wrong: they fail alone. Frames that all want more memory.
 */
#include "draw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * What has an end that nobody can wait for: the GPU stops it. The emulator has to limit what a job
 * may cost ("--job-budget").
 */
void test_endless(void)
{
	struct canvas canvas, other;
	struct render_command command;
	uint32_t *at;

	canvas_init(&canvas);
	canvas_init(&other);

	/* Vertices of which nothing is drawn. */
	put_draw(&canvas);
	at = canvas.data + STREAM_AT / 4 + 1;
	at = put_state(at, 0, put_record(canvas.data + RECORD_AT / 4));
	canvas.data[RECORD_AT / 4 + 20] |= 1 << 17;
	put_list(at, POINTS, ~0u, ~0u, 0);
	check("endless: 2^64 vertices", run_render(&canvas.ctx, draw_command(&canvas)), -ETIMEDOUT);
	check("endless: another client's picture", wrong_pixels(&other), 0);

	/* The same two triangles, again and again. */
	put_draw(&canvas);
	at = canvas.data + STREAM_AT / 4 + 1 + 8;
	put_list(at, STRIP, 4, 1 << 17, 0);
	check("endless: 131072 squares", run_render(&canvas.ctx, draw_command(&canvas)),
	      -ETIMEDOUT);
	check("endless: another client's picture", wrong_pixels(&other), 0);

	/* Nothing but tiles, with depth that is loaded and stored for each. */
	put_draw(&canvas);
	canvas.data[STREAM_AT / 4] = VDM_TERMINATE;
	command = draw_command(&canvas);
	command.render.flags |= DRM_ASAHI_RENDER_PROCESS_EMPTY_TILES;
	command.render.width_px = 16384;
	command.render.height_px = 16384;
	check("endless: a frame of 268 million pixels", run_render(&canvas.ctx, command),
	      -ETIMEDOUT);
	check("endless: another client's picture", wrong_pixels(&other), 0);
	check("endless: and one's own", wrong_pixels(&canvas), 0);
	canvas_fini(&other);
	canvas_fini(&canvas);
}

/* What takes the place of a program between the parts of a frame. */
static void put_garbage(struct canvas *canvas, int kind)
{
	uint8_t *list = canvas->shaders + LISTS_GOOD * LIST_SIZE;
	uint8_t *code = canvas->shaders + CODE_AT + LISTS_GOOD * 0x400;
	uint32_t bits = kind;

	memcpy(list, canvas->shaders + LIST_END * LIST_SIZE, LIST_SIZE);
	switch (kind) {
	case 0:
		/* A list of no known word. */
		memset(list, 0xff, LIST_SIZE);
		break;
	case 1:
		/* One whose code is not bound. */
		list[30] = 0xff;
		list[31] = 0x7f;
		break;
	default:
		/* One of random code. */
		list[30] = (CODE_AT + LISTS_GOOD * 0x400) & 0xff;
		list[31] = (CODE_AT + LISTS_GOOD * 0x400) >> 8 & 0xff;
		for (int i = 0; i < 0x400; i++)
			code[i] = bits = bits * 1103515245 + 12345 + (bits >> 16);
	}
}

/* Frames that are rendered in parts, with wrong programs between them ("--tvb-pages 1"). */
void test_partial(void)
{
	static const char *const kinds[] = { "no list", "code that is not bound", "random code" };
	struct canvas canvas, other;
	char text[128];

	canvas_init(&canvas);
	canvas_init(&other);
	for (int which = 0; which < 2; which++) {
		for (int kind = 0; kind < 6; kind++) {
			struct render_command command;
			struct drm_asahi_bg_eot *program;
			const char *name = which ? "end-of-tile" : "background";
			uint32_t *at = canvas.data + STREAM_AT / 4 + 1 + 8;
			int ret;

			put_draw(&canvas);
			put_list(at, STRIP, 4, 4000, 0);
			command = draw_command(&canvas);
			snprintf(text, sizeof(text), "partial: right programs, round %d", kind);
			check(text, run_render(&canvas.ctx, command), 0);
			put_garbage(&canvas, kind < 2 ? kind : 2);
			program = which ? &command.render.partial_eot : &command.render.partial_bg;
			program->usc = LISTS_GOOD * LIST_SIZE | 4;
			snprintf(text, sizeof(text), "partial: %s program, %s", name,
				 kinds[kind < 2 ? kind : 2]);
			ret = run_render(&canvas.ctx, command);
			/* A fault, no end, or a stop for a reason that the driver does not know. */
			if (ret == -ENODATA)
				ret = -EIO;
			check_either(text, ret, -EIO, -ETIMEDOUT);
			snprintf(text, sizeof(text), "partial: another client's picture, %d", kind);
			check(text, wrong_pixels(&other), 0);
		}
	}
	check("partial: and one's own", wrong_pixels(&canvas), 0);
	canvas_fini(&other);
	canvas_fini(&canvas);
}

/* Waits for the GPU to write a time, which no fence tells before the queue is idle. */
static bool written(volatile uint64_t *time)
{
	for (int i = 0; i < SECONDS * 1000; i++) {
		if (*time)
			return true;
		usleep(1000);
	}
	return false;
}

/*
 * A queue that is never idle, as it gets its next render while two are in flight, and all of them
 * want more memory ("--tvb-pages 1 --tvb-overflow grow"). How large the buffer gets the emulator's
 * statistics say.
 */
void test_growing(void)
{
	enum { COUNT = 24, IN_FLIGHT = 2 };
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ };
	struct drm_asahi_gem_bind_object bind = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.range = PAGE,
	};
	struct render_command command;
	volatile uint64_t *times;
	struct canvas canvas;
	int bad = 0, fd;

	canvas_init(&canvas);
	fd = canvas.ctx.fd;
	need("create a syncobj", syncobj_create(fd, &sync.handle));
	need("create a buffer", gem_create(fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bind.handle));
	times = gem_map(fd, bind.handle, PAGE);
	need("map it", times ? 0 : -ENOMEM);
	need("bind it for timestamps", gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	put_draw(&canvas);
	put_list(canvas.data + STREAM_AT / 4 + 1 + 8, STRIP, 4, 4000, 0);
	command = draw_command(&canvas);
	command.render.ts_frag.end.handle = bind.object_handle;
	for (int i = 1; i <= COUNT && !bad; i++) {
		sync.timeline_value = i;
		command.render.ts_frag.end.offset = i * sizeof(*times);
		bad = submit(&canvas.ctx, &command, sizeof(command), &sync, 0, 1);
		if (!bad && i > IN_FLIGHT && !written(times + i - IN_FLIGHT))
			bad = -ETIME;
	}
	check("growing: 24 renders that overflow", bad, 0);
	check("growing: all complete", timeline_wait(fd, sync.handle, COUNT, SECONDS), 0);
	check("growing: the picture is right", wrong_pixels(&canvas), 0);
	syncobj_destroy(fd, sync.handle);
	canvas_fini(&canvas);
}
