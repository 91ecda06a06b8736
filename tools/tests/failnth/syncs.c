// SPDX-License-Identifier: MIT OR Apache-2.0
/* The calls that DRM and the memory manager do for the driver, and submits of many things. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/drm_mode.h>
#include <linux/dma-buf.h>

#define COMMANDS 64
#define BINDS 5
/* Where the array of binds goes, one page in eight. */
#define ARRAY_VA (USER_VA + 0x80000000ull)
#define SECONDS 60

/* A buffer of another driver's. Returns its file, or a negative errno. */
static int foreign(void)
{
	struct drm_mode_create_dumb create = { .width = 128, .height = 64, .bpp = 32 };
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int fd = card_open("vgem");

	if (fd < 0)
		return fd;
	need("create a buffer of vgem's", gpu_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create));
	export.handle = create.handle;
	need("export it", gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	close(fd);
	return export.fd;
}

static int call_mmap(struct state *s)
{
	s->map = gem_map(s->ctx.fd, s->big, PAGE);
	if (!s->map)
		return -errno;
	/* A fault that has no memory is done again. */
	*(volatile uint32_t *)s->map = 1;
	return 0;
}

static void undo_mmap(struct state *s)
{
	munmap(s->map, PAGE);
}

static int call_foreign(struct state *s)
{
	return import(s, s->ctx.fd, s->foreign);
}

static int call_foreign_bound(struct state *s)
{
	return import_bound(s, s->foreign, ARRAY_VA, PAGE);
}

/* An unbind where nothing is bound succeeds. */
static void undo_foreign_bound(struct state *s)
{
	undo_own_import(s);
	need("unbind it", vm_bind_op(s->ctx.fd, s->ctx.vm, (struct drm_asahi_gem_bind_op){
		.flags = DRM_ASAHI_BIND_UNBIND, .addr = ARRAY_VA, .range = PAGE }));
}

/* The other direction: vgem imports a buffer of this driver's, whose pages it has mapped for it. */
static int call_export_to_vgem(struct state *s)
{
	return import(s, s->vgem, s->exported);
}

static void undo_export_to_vgem(struct state *s)
{
	need("close what vgem imported", gem_close(s->vgem, s->made));
}

/* The fences of a buffer that it shares. */
static int call_fence_of_buffer(struct state *s)
{
	struct dma_buf_export_sync_file args = { .flags = DMA_BUF_SYNC_RW };
	int ret = gpu_ioctl(s->exported, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args);

	s->file = args.fd;
	return ret;
}

static int call_fence_to_buffer(struct state *s)
{
	struct dma_buf_import_sync_file args = { .flags = DMA_BUF_SYNC_READ, .fd = s->fence };

	return gpu_ioctl(s->exported, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &args);
}

static int call_syncobj(struct state *s)
{
	return syncobj_create(s->ctx.fd, &s->made);
}

static void undo_syncobj(struct state *s)
{
	need("destroy a syncobj", syncobj_destroy(s->ctx.fd, s->made));
}

static int call_sync_file(struct state *s)
{
	s->file = syncobj_export_sync_file(s->ctx.fd, s->sync_out);
	return s->file < 0 ? s->file : 0;
}

static void undo_file(struct state *s)
{
	close(s->file);
}

static int call_from_file(struct state *s)
{
	return syncobj_import_sync_file(s->ctx.fd, s->sync_in, s->fence);
}

static int call_to_fd(struct state *s)
{
	struct drm_syncobj_handle args = { .handle = s->sync_out };
	int ret = gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	s->file = args.fd;
	return ret;
}

static void prepare_fd(struct state *s)
{
	need("export a syncobj", call_to_fd(s));
}

static int call_from_fd(struct state *s)
{
	struct drm_syncobj_handle args = { .fd = s->file };
	int ret = gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);

	s->made = args.handle;
	return ret;
}

static void undo_from_fd(struct state *s)
{
	undo_syncobj(s);
	close(s->file);
}

/* A binary fence becomes the next point of a timeline. */
static int call_transfer(struct state *s)
{
	struct drm_syncobj_transfer args = {
		.src_handle = s->sync_out, .dst_handle = s->timeline, .dst_point = s->point + 1,
	};
	int ret = gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &args);

	s->point += !ret;
	return ret;
}

static int call_signal(struct state *s)
{
	struct drm_syncobj_array args = {
		.handles = (uintptr_t)&s->sync_in, .count_handles = 1,
	};

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_SIGNAL, &args);
}

static int call_reset(struct state *s)
{
	struct drm_syncobj_array args = {
		.handles = (uintptr_t)&s->sync_in, .count_handles = 1,
	};

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_RESET, &args);
}

/* Later calls wait for it. */
static void undo_reset(struct state *s)
{
	need("signal what was reset", call_signal(s));
}

static int call_signal_point(struct state *s)
{
	uint64_t point = s->point + 1;
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&s->timeline, .points = (uintptr_t)&point, .count_handles = 1,
	};
	int ret = gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &args);

	s->point += !ret;
	return ret;
}

static int call_query(struct state *s)
{
	uint64_t point;
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&s->timeline, .points = (uintptr_t)&point, .count_handles = 1,
	};

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_QUERY, &args);
}

static int call_client_name(struct state *s)
{
	static const char name[] = "fail-nth";
	struct drm_set_client_name args = {
		.name = (uintptr_t)name, .name_len = sizeof(name) - 1,
	};

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_SET_CLIENT_NAME, &args);
}

static int call_eventfd(struct state *s)
{
	struct drm_syncobj_eventfd args = { .handle = s->sync_out, .fd = s->event };

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &args);
}

static int call_wait(struct state *s)
{
	return syncobj_wait(s->ctx.fd, s->sync_out, SECONDS);
}

static int call_timeline_wait(struct state *s)
{
	return timeline_wait(s->ctx.fd, s->timeline, s->point, SECONDS);
}

/* As much as one submit may have: 64 commands, binary and timeline objects on both sides. */
static int call_large(struct state *s)
{
	struct compute_command commands[COMMANDS];
	struct drm_asahi_sync syncs[] = {
		{ .handle = s->sync_in },
		{ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ, .handle = s->timeline,
		  .timeline_value = s->point },
		{ .handle = s->sync_out },
		{ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ, .handle = s->timeline,
		  .timeline_value = s->point + 1 },
	};
	int ret;

	for (int i = 0; i < COMMANDS; i++)
		commands[i] = compute_command();
	ret = submit(&s->ctx, commands, sizeof(commands), syncs, 2, 2);
	s->point += !ret;
	return ret;
}

static void undo_large(struct state *s)
{
	need("a job's result", call_wait(s));
}

/* The first ones are done when a later one fails; binding them again does no harm. */
static int call_bind_array(struct state *s)
{
	struct drm_asahi_gem_bind_op ops[BINDS];
	struct drm_asahi_vm_bind args = {
		.vm_id = s->ctx.vm, .num_binds = BINDS, .stride = sizeof(ops[0]),
		.userptr = (uintptr_t)ops,
	};

	for (int i = 0; i < BINDS; i++)
		ops[i] = (struct drm_asahi_gem_bind_op){
			.flags = DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE, .handle = s->big,
			.addr = ARRAY_VA + i * 8 * PAGE, .range = PAGE,
		};
	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

static void undo_bind_array(struct state *s)
{
	need("unbind them", vm_bind_op(s->ctx.fd, s->ctx.vm, (struct drm_asahi_gem_bind_op){
		.flags = DRM_ASAHI_BIND_UNBIND, .addr = ARRAY_VA, .range = BINDS * 8 * PAGE }));
}

void syncs_init(struct state *s)
{
	need("create a syncobj", syncobj_create(s->ctx.fd, &s->timeline));
	s->foreign = foreign();
	need("a buffer of vgem's", s->foreign);
	need("a job", run_job(s));
	s->fence = syncobj_export_sync_file(s->ctx.fd, s->sync_out);
	need("export a fence", s->fence);
	need("a point of a timeline", call_transfer(s));
	s->vgem = card_open("vgem");
	need("open vgem", s->vgem < 0 ? s->vgem : 0);
	s->event = eventfd(0, EFD_CLOEXEC);
	need("an eventfd", s->event);
}

const struct call sync_calls[] = {
	{ .name = "mmap", .make = call_mmap, .undo = undo_mmap, .least = 1 },
	{ .name = "PRIME_FD_TO_HANDLE of another driver's", .make = call_foreign,
	  .undo = undo_own_import, .least = 4 },
	{ .name = "the same, and VM_BIND", .make = call_foreign_bound,
	  .undo = undo_foreign_bound, .least = 6 },
	{ .name = "PRIME_FD_TO_HANDLE by another driver", .make = call_export_to_vgem,
	  .undo = undo_export_to_vgem, .least = 4, .fd = offsetof(struct state, vgem) },
	{ .name = "DMA_BUF_IOCTL_EXPORT_SYNC_FILE", .make = call_fence_of_buffer,
	  .undo = undo_file, .least = 1 },
	{ .name = "DMA_BUF_IOCTL_IMPORT_SYNC_FILE", .make = call_fence_to_buffer },
	{ .name = "VM_BIND, an array", .make = call_bind_array,
	  .undo = undo_bind_array, .least = 5 },
	{ .name = "SUBMIT of all that there may be", .make = call_large,
	  .undo = undo_large, .least = 4 },
	{ .name = "SYNCOBJ_CREATE", .make = call_syncobj, .undo = undo_syncobj, .least = 1 },
	{ .name = "SYNCOBJ_HANDLE_TO_FD", .make = call_to_fd, .undo = undo_file, .least = 1 },
	{ .name = "SYNCOBJ_FD_TO_HANDLE", .make = call_from_fd,
	  .undo = undo_from_fd, .prepare = prepare_fd },
	/* drm_syncobj_export_sync_file() calls all failures of sync_file_create() so. */
	{ .name = "SYNCOBJ_HANDLE_TO_FD, a sync file", .make = call_sync_file,
	  .undo = undo_file, .least = 1, .other = -EINVAL },
	{ .name = "SYNCOBJ_FD_TO_HANDLE, a sync file", .make = call_from_file },
	{ .name = "SYNCOBJ_TRANSFER", .make = call_transfer, .least = 1 },
	{ .name = "SYNCOBJ_SIGNAL", .make = call_signal, .least = 1 },
	/* As all that take an array, it has a copy of it. */
	{ .name = "SYNCOBJ_RESET", .make = call_reset, .undo = undo_reset, .least = 1 },
	{ .name = "SYNCOBJ_TIMELINE_SIGNAL", .make = call_signal_point, .least = 1 },
	{ .name = "SYNCOBJ_QUERY", .make = call_query },
	{ .name = "SET_CLIENT_NAME", .make = call_client_name, .least = 1 },
	{ .name = "SYNCOBJ_EVENTFD", .make = call_eventfd, .least = 1 },
	{ .name = "SYNCOBJ_WAIT", .make = call_wait, .least = 1 },
	{ .name = "SYNCOBJ_TIMELINE_WAIT", .make = call_timeline_wait, .least = 1 },
	{},
};
