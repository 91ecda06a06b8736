// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A display of another driver's (vkms) shows our buffer once our job's fence has signalled,
 * whatever becomes of the job, its client and its device.
 */
#define _GNU_SOURCE
#include "sharing.h"
#include "kms.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* No client has this bound. */
#define NOWHERE (USER_VA + 0x40000000ull)

/* A client with a picture, the display's own number of it, and a job that waits before it draws. */
struct scene {
	struct context ctx;
	uint32_t bo, fb;
	uint64_t size;
	uint32_t *map;
	/* The job waits for it. */
	int timeline;
	/* The job's fence. */
	int fence;
};

/* The picture is of one value, and made by the client's side. */
static struct scene scene(struct kms *kms, uint8_t value)
{
	struct scene s = { .size = (kms_size(kms) + PAGE - 1) & -PAGE };
	uint32_t theirs;
	int file;

	context_init(&s.ctx);
	need("a buffer", gem_create(s.ctx.fd, s.size, DRM_ASAHI_GEM_WRITEBACK, 0, &s.bo));
	s.map = gem_map(s.ctx.fd, s.bo, s.size);
	need("map it", s.map ? 0 : -ENOMEM);
	memset(s.map, value, s.size);
	file = export(s.ctx.fd, s.bo);
	need("export it", file);
	check("the display imports a buffer", import(kms->fd, file, &theirs), 0);
	close(file);
	s.fb = kms_fb(kms, theirs);
	/* The frame buffer keeps it. */
	need("close their handle", gem_close(kms->fd, theirs));
	return s;
}

/* Submits the job: it draws two pixels with its timestamps, or faults at @stream. */
static void draw(struct scene *s, uint64_t stream)
{
	struct drm_asahi_gem_bind_object bind = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .handle = s->bo, .range = PAGE,
	};
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ }, { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ },
	};
	int wait;

	s->timeline = sw_sync_create();
	need("a timeline", s->timeline);
	wait = sw_sync_fence(s->timeline, 1);
	need("a fence on it", wait);
	need("a syncobj", syncobj_create(s->ctx.fd, &syncs[0].handle));
	need("a syncobj", syncobj_create(s->ctx.fd, &syncs[1].handle));
	need("the fence is in it", syncobj_import_sync_file(s->ctx.fd, syncs[0].handle, wait));
	close(wait);
	need("timestamps", gpu_ioctl(s->ctx.fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	command.compute.ts.start = (struct drm_asahi_timestamp){ bind.object_handle, 64 };
	command.compute.ts.end = (struct drm_asahi_timestamp){ bind.object_handle, 72 };
	if (stream) {
		command.compute.cdm_ctrl_stream_base = stream;
		command.compute.cdm_ctrl_stream_end = stream + 8;
	}
	need("submit", submit(&s->ctx, &command, sizeof(command), syncs, 1, 1));
	s->fence = syncobj_export_sync_file(s->ctx.fd, syncs[1].handle);
	need("its fence", s->fence);
}

static void scene_end(struct kms *kms, struct scene *s, bool client)
{
	kms_rmfb(kms, s->fb);
	if (client) {
		munmap(s->map, s->size);
		context_fini(&s->ctx);
	}
	close(s->fence);
	close(s->timeline);
}

/* The checksum that the display has for such a picture in memory of its own. */
static uint32_t crc_of(struct kms *kms, const uint32_t *picture)
{
	struct dumb dumb = kms_dumb(kms);
	uint32_t crc;

	memcpy(dumb.map, picture, kms_size(kms));
	kms_show(kms, dumb.fb);
	crc = kms_crc(kms, 0);
	kms_dumb_free(kms, &dumb);
	return crc;
}

/* A flip ends with the job, and not before, and shows what the job has drawn. */
static void check_drawn(struct kms *kms, struct dumb *black, uint32_t dark)
{
	struct scene s = scene(kms, 0x55);
	uint32_t before, shown, frame = 0;

	kms_show(kms, s.fb);
	before = kms_crc(kms, 0);
	check_true("an imported picture is shown as it is", before == crc_of(kms, s.map));
	kms_show(kms, black->fb);
	draw(&s, 0);
	check("a flip that waits for the job", kms_flip(kms, s.fb, s.fence), 0);
	/* Frames go by. */
	check_true("the old picture is shown meanwhile", kms_crc(kms, 0) == dark);
	check("the flip has not ended", kms_flipped(kms, 0, &frame), -ETIME);
	sw_sync_advance(s.timeline, 1);
	check("the flip ends", kms_flipped(kms, SECONDS * 1000, &frame), 0);
	check("the job had ended by then", sync_file_wait(s.fence, 0), 0);
	check_true("the job has drawn", s.map[16] != 0x55555555 || s.map[17] != 0x55555555);
	shown = kms_crc(kms, frame);
	check_true("what the job has drawn is shown", shown == crc_of(kms, s.map));
	check_true("and is not what was there before", shown != before && shown != dark);
	scene_end(kms, &s, true);
}

enum end { FAULT, CLIENT_GONE, DEVICE_GONE };

/* The same if the job fails: the flip ends, and shows the new picture as the job has left it. */
static void check_failed(struct kms *kms, struct dumb *black, uint32_t dark, const char *name,
			 enum end end)
{
	struct scene s = scene(kms, 0xaa);
	uint32_t frame, shown, want = crc_of(kms, s.map);
	char text[128];
	pid_t unbind = -1;
	int result;

	kms_show(kms, black->fb);
	draw(&s, end == FAULT ? NOWHERE : 0);
	snprintf(text, sizeof(text), "%s: a flip that waits for the job", name);
	check(text, kms_flip(kms, s.fb, s.fence), 0);
	if (end == CLIENT_GONE) {
		/* A mapping keeps the file open. */
		munmap(s.map, s.size);
		context_fini(&s.ctx);
	} else if (end == DEVICE_GONE) {
		unbind = fork();
		need("a process", unbind < 0 ? -errno : 0);
		if (!unbind)
			_exit(unbind_device() ? 1 : 0);
	}
	/* A job that is given up keeps its place: it is over once what it waits for is. */
	sw_sync_advance(s.timeline, 1);
	snprintf(text, sizeof(text), "%s: the flip ends", name);
	check(text, kms_flipped(kms, SECONDS * 1000, &frame), 0);
	shown = kms_crc(kms, frame);
	result = sync_file_wait(s.fence, 0);
	printf("# the job's result: %d\n", result);
	snprintf(text, sizeof(text), "%s: the job is over by then", name);
	/* A device may go before or after it. */
	check_true(text, result != -ETIME && (result < 0 || end == DEVICE_GONE));
	if (unbind > 0) {
		int status;

		need("its end", waitpid(unbind, &status, 0) < 0 ? -errno : 0);
		check("unbind the device", status, 0);
	}
	/* What faults may have drawn its first pixel. */
	if (end == FAULT)
		want = crc_of(kms, s.map);
	/* A job that ended well before its device went has drawn both, which only it knows. */
	snprintf(text, sizeof(text), "%s: the new picture is shown", name);
	check_true(text, shown != dark && (shown == want || !result));
	kms_show(kms, black->fb);
	kms_show(kms, s.fb);
	snprintf(text, sizeof(text), "%s: and later on", name);
	check_true(text, kms_crc(kms, 0) == shown);
	kms_show(kms, black->fb);
	scene_end(kms, &s, end != CLIENT_GONE);
	if (end == DEVICE_GONE)
		need("bind the device", bind_device());
	snprintf(text, sizeof(text), "%s: a job of another client", name);
	check(text, new_job(SECONDS), 0);
}

void test_display(void)
{
	struct kms kms;
	struct dumb black;
	uint32_t dark;

	if (!kms_open(&kms)) {
		skip("a display", "vkms is not loaded");
		return;
	}
	black = kms_dumb(&kms);
	memset(black.map, 0, black.size);
	kms_show(&kms, black.fb);
	dark = kms_crc(&kms, 0);
	check_drawn(&kms, &black, dark);
	check_failed(&kms, &black, dark, "a fault", FAULT);
	check_failed(&kms, &black, dark, "the client is gone", CLIENT_GONE);
	check_failed(&kms, &black, dark, "the device is gone", DEVICE_GONE);
	kms_dumb_free(&kms, &black);
	kms_close(&kms);
}
