// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Jobs that wait for fences of other drivers: sw_sync's, which signal when the test says so, and
 * vgem's, through a buffer.
 */
#define _GNU_SOURCE
#include "uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm/drm_mode.h>
#include <drm/vgem_drm.h>

#define SECONDS 120
/* Long enough for what must not happen to happen. */
#define A_WHILE_MS 100

/* A job that waits for @count sync files, as a sync file. Closes none of them. */
static int submit_after(struct context *ctx, const int *files, unsigned int count)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[8] = { 0 };
	int out;

	for (unsigned int i = 0; i <= count; i++)
		need("create a syncobj", syncobj_create(ctx->fd, &syncs[i].handle));
	for (unsigned int i = 0; i < count; i++)
		need("import a sync file",
		     syncobj_import_sync_file(ctx->fd, syncs[i].handle, files[i]));
	need("submit", submit(ctx, &command, sizeof(command), syncs, count, 1));
	out = syncobj_export_sync_file(ctx->fd, syncs[count].handle);
	need("export a sync file", out);
	for (unsigned int i = 0; i <= count; i++)
		syncobj_destroy(ctx->fd, syncs[i].handle);
	return out;
}

/* Whether none of these signals for a while. */
static bool all_wait(const int *files, int count)
{
	for (int i = 0; i < count; i++)
		if (sync_file_wait(files[i], i ? 0 : A_WHILE_MS) != -ETIME)
			return false;
	return true;
}

static void check_order(void)
{
	int timeline = sw_sync_create(), in[3], out[3];
	struct context ctx[3];

	need("open sw_sync", timeline);
	context_init(&ctx[0]);
	for (int i = 0; i < 3; i++) {
		ctx[i] = ctx[0];
		if (i)
			need("create a queue", queue_create(ctx[i].fd, ctx[i].vm, &ctx[i].queue));
		/* The first one waits longest. */
		in[i] = sw_sync_fence(timeline, 3 - i);
		need("create a fence", in[i]);
		out[i] = submit_after(&ctx[i], &in[i], 1);
		close(in[i]);
	}
	check_true("jobs on three queues wait for sw_sync", all_wait(out, 3));
	for (int i = 2; i >= 0; i--) {
		sw_sync_advance(timeline, 1);
		check("the next one runs", sync_file_wait(out[i], SECONDS * 1000), 0);
		check_true("the others wait", all_wait(out, i));
	}
	for (int i = 0; i < 3; i++)
		close(out[i]);
	close(timeline);
	context_fini(&ctx[0]);
}

static void check_one_queue(void)
{
	int timeline = sw_sync_create(), other = sw_sync_create(), in[2], out[3];
	struct context ctx;

	need("open sw_sync", timeline);
	need("open sw_sync", other);
	context_init(&ctx);
	in[0] = sw_sync_fence(timeline, 1);
	in[1] = sw_sync_fence(other, 1);
	out[0] = submit_after(&ctx, &in[0], 1);
	out[1] = submit_after(&ctx, in, 2);
	out[2] = submit_after(&ctx, NULL, 0);
	check_true("a job without dependencies waits for those before it", all_wait(out, 3));
	sw_sync_advance(other, 1);
	check_true("the second one's fence is not the first one's", all_wait(out, 3));
	sw_sync_advance(timeline, 1);
	for (int i = 0; i < 3; i++) {
		check("then all run", sync_file_wait(out[i], SECONDS * 1000), 0);
		close(out[i]);
	}
	close(in[0]);
	close(in[1]);
	close(timeline);
	close(other);
	context_fini(&ctx);
}

/* Longer than the driver's patience with the hardware, which it has nothing to do with. */
static void check_late(void)
{
	int timeline = sw_sync_create(), in, out;
	struct context ctx;

	need("open sw_sync", timeline);
	context_init(&ctx);
	in = sw_sync_fence(timeline, 1);
	out = submit_after(&ctx, &in, 1);
	check("a job waits for 5 s", sync_file_wait(out, 5000), -ETIME);
	sw_sync_advance(timeline, 1);
	check("and runs", sync_file_wait(out, SECONDS * 1000), 0);
	close(in);
	close(out);
	close(timeline);
	context_fini(&ctx);
}

static void check_errors(void)
{
	int timeline = sw_sync_create(), in, early, out[2];
	struct context ctx;

	need("open sw_sync", timeline);
	context_init(&ctx);
	in = sw_sync_fence(timeline, 1);
	out[0] = submit_after(&ctx, &in, 1);
	check_true("a job waits", all_wait(out, 1));
	close(timeline);
	check("a timeline that is closed fails its fences", sync_file_wait(in, 0), -ENOENT);
	/* R19: rendering goes on with whatever is there. */
	check("the job runs all the same", sync_file_wait(out[0], SECONDS * 1000), 0);
	early = submit_after(&ctx, &in, 1);
	check("so does one that comes after it", sync_file_wait(early, SECONDS * 1000), 0);
	close(early);
	close(out[0]);
	close(in);
	context_fini(&ctx);
}

/* Arrays and chains of fences: a sync file of two, and a point of a timeline. */
static void check_containers(void)
{
	int timelines[2], in[2], both, out[2];
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ, .timeline_value = 7 },
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ },
	};
	struct drm_syncobj_transfer transfer = { .dst_point = 7 };
	struct context ctx, other;

	context_init(&ctx);
	other = ctx;
	need("create a queue", queue_create(ctx.fd, ctx.vm, &other.queue));
	for (int i = 0; i < 2; i++) {
		timelines[i] = sw_sync_create();
		need("open sw_sync", timelines[i]);
		in[i] = sw_sync_fence(timelines[i], 1);
	}
	both = sync_file_merge(in[0], in[1]);
	out[0] = submit_after(&ctx, &both, 1);

	need("create a syncobj", syncobj_create(ctx.fd, &syncs[0].handle));
	need("create a syncobj", syncobj_create(ctx.fd, &syncs[1].handle));
	need("create a syncobj", syncobj_create(ctx.fd, &transfer.src_handle));
	need("import a sync file", syncobj_import_sync_file(ctx.fd, transfer.src_handle, both));
	transfer.dst_handle = syncs[0].handle;
	need("make it a point", gpu_ioctl(ctx.fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &transfer));
	need("submit", submit(&other, &command, sizeof(command), syncs, 1, 1));
	out[1] = syncobj_export_sync_file(ctx.fd, syncs[1].handle);
	need("export a sync file", out[1]);

	check_true("jobs wait for an array, and for a point with one", all_wait(out, 2));
	sw_sync_advance(timelines[0], 1);
	check_true("half of it is not enough", all_wait(out, 2));
	sw_sync_advance(timelines[1], 1);
	for (int i = 0; i < 2; i++) {
		check("all of it is", sync_file_wait(out[i], SECONDS * 1000), 0);
		close(out[i]);
		close(in[i]);
		close(timelines[i]);
	}
	close(both);
	context_fini(&ctx);
}

/* The point that a timeline has got to. */
static uint64_t reached(int fd, uint32_t timeline)
{
	uint64_t point = 0;
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&timeline, .points = (uintptr_t)&point, .count_handles = 1,
	};

	need("ask for a point", gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_QUERY, &args));
	return point;
}

/*
 * Points beside the sign bits and the ends of 32 and 64 bits, one after another on one timeline:
 * each is a job's, and another job waits for it, and not for one before it.
 */
static void check_points(void)
{
	static const uint64_t points[] = {
		INT32_MAX, INT32_MAX + 1ull, UINT32_MAX, UINT32_MAX + 1ull,
		INT64_MAX, INT64_MAX + 1ull, UINT64_MAX,
	};
	struct compute_command command = compute_command();
	int steps = sw_sync_create(), passed = 0;
	struct context ctx, other;
	uint32_t in, point, out;

	need("open sw_sync", steps);
	context_init(&ctx);
	other = ctx;
	need("create a queue", queue_create(ctx.fd, ctx.vm, &other.queue));
	need("create a syncobj", syncobj_create(ctx.fd, &in));
	need("create a syncobj", syncobj_create(ctx.fd, &point));
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		const struct drm_asahi_sync at = {
			.sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ, .handle = point,
			.timeline_value = points[i],
		};
		struct drm_asahi_sync first[] = { { .handle = in }, at };
		struct drm_asahi_sync second[] = { at, { .handle = out } };
		int file = sw_sync_fence(steps, i + 1);
		bool good;

		need("a fence", file);
		need("import it", syncobj_import_sync_file(ctx.fd, in, file));
		close(file);
		/* It is not there yet, though a point before it is. */
		good = submit(&other, &command, sizeof(command), second, 1, 1) == -EINVAL;
		need("submit", submit(&ctx, &command, sizeof(command), first, 1, 1));
		need("submit", submit(&other, &command, sizeof(command), second, 1, 1));
		file = syncobj_export_sync_file(ctx.fd, out);
		need("export a sync file", file);
		good = good && all_wait(&file, 1) && reached(ctx.fd, point) < points[i];
		sw_sync_advance(steps, 1);
		good = good && !sync_file_wait(file, SECONDS * 1000) &&
		       !timeline_wait(ctx.fd, point, points[i], SECONDS) &&
		       reached(ctx.fd, point) == points[i];
		close(file);
		if (good)
			passed++;
		else
			printf("# point %#llx\n", (unsigned long long)points[i]);
	}
	check_true("jobs wait for points of a timeline, whatever their sign",
		   passed == ARRAY_SIZE(points));
	close(steps);
	context_fini(&ctx);
}

/* H39: what waits is cancelled, but not before what it waits for. */
static void check_teardown(void)
{
	int timeline = sw_sync_create(), in, out[4];
	struct context ctx, file;

	need("open sw_sync", timeline);
	in = sw_sync_fence(timeline, 1);
	context_init(&ctx);
	context_init(&file);
	out[0] = submit_after(&ctx, &in, 1);
	out[1] = submit_after(&ctx, NULL, 0);
	out[2] = submit_after(&file, &in, 1);
	out[3] = submit_after(&file, NULL, 0);
	check("destroy a queue whose jobs wait", queue_destroy(ctx.fd, ctx.queue), 0);
	context_fini(&file);
	check_true("nothing signals because of that, or of a file that is closed",
		   all_wait(out, 4));
	sw_sync_advance(timeline, 1);
	for (int i = 0; i < 4; i++) {
		check("then they are cancelled", sync_file_wait(out[i], SECONDS * 1000),
		      -ECANCELED);
		close(out[i]);
	}
	close(in);
	close(timeline);
	context_fini(&ctx);
}

/* A buffer of vgem's, as a dma-buf. */
static int vgem_buffer(int card, uint32_t *handle)
{
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };

	need("create a buffer of vgem's", gpu_ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create));
	export.handle = *handle = create.handle;
	need("export it", gpu_ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	return export.fd;
}

static int vgem_attach(int card, uint32_t handle, uint32_t *fence)
{
	struct drm_vgem_fence_attach args = { .handle = handle, .flags = VGEM_FENCE_WRITE };
	int ret = gpu_ioctl(card, DRM_IOCTL_VGEM_FENCE_ATTACH, &args);

	*fence = args.out_fence;
	return ret;
}

static void check_vgem(void)
{
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_READ };
	struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_WRITE };
	struct drm_vgem_fence_signal signal = { 0 };
	int card = card_open("vgem"), dmabuf, out, timeline = sw_sync_create(), in;
	struct context ctx;
	uint32_t handle, fence;

	need("open vgem", card);
	need("open sw_sync", timeline);
	context_init(&ctx);
	dmabuf = vgem_buffer(card, &handle);
	check("vgem writes to a buffer", vgem_attach(card, handle, &signal.fence), 0);
	need("export the buffer's fence",
	     ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export) ? -errno : 0);
	out = submit_after(&ctx, &export.fd, 1);
	check_true("a job waits for it", all_wait(&out, 1));
	check("vgem has written", gpu_ioctl(card, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal), 0);
	check("the job runs", sync_file_wait(out, SECONDS * 1000), 0);
	close(export.fd);
	close(out);

	/* The other way round. The job waits for sw_sync, so that there is time to look. */
	in = sw_sync_fence(timeline, 1);
	import.fd = submit_after(&ctx, &in, 1);
	need("import a job's fence into a buffer",
	     ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import) ? -errno : 0);
	check("vgem finds the buffer busy", vgem_attach(card, handle, &fence), -EBUSY);
	sw_sync_advance(timeline, 1);
	check("the job runs", sync_file_wait(import.fd, SECONDS * 1000), 0);
	check("vgem finds it idle", vgem_attach(card, handle, &fence), 0);
	/* One more, which no call signals: it does so itself after ten seconds. */
	export.flags = DMA_BUF_SYNC_RW;
	need("export the buffer's fence",
	     ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export) ? -errno : 0);
	out = submit_after(&ctx, &export.fd, 1);
	context_fini(&ctx);
	check("a fence that nobody signals does so itself",
	      sync_file_wait(export.fd, SECONDS * 1000), 0);
	check("the job of a file that is closed is cancelled", sync_file_wait(out, SECONDS * 1000),
	      -ECANCELED);
	close(out);
	close(export.fd);
	close(import.fd);
	close(in);
	close(dmabuf);
	close(card);
	close(timeline);
}

void test_fences(void)
{
	check_order();
	check_one_queue();
	check_late();
	check_errors();
	check_containers();
	check_points();
	check_teardown();
	check_vgem();
}
