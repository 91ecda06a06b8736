// SPDX-License-Identifier: MIT OR Apache-2.0
/* The calls. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BIG_PAGES 64
/* Where no table is. */
#define FAR_VA (USER_VA + 0x400000000ull)
#define SECONDS 60

void state_init(struct state *s)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };

	memset(s, 0, sizeof(*s));
	context_init(&s->ctx);
	/* An empty stream of the vertex data master. */
	s->ctx.map[0x100 / 4] = 6u << 29;
	need("create a buffer", gem_create(s->ctx.fd, BIG_PAGES * PAGE, 0, 0, &s->big));
	need("bind it", vm_bind(s->ctx.fd, s->ctx.vm, s->big, BIG_VA, BIG_PAGES * PAGE));
	need("create a syncobj", syncobj_create(s->ctx.fd, &s->sync_in));
	need("create a syncobj", syncobj_create(s->ctx.fd, &s->sync_out));
	need("a job", run_job(s));
	export.handle = s->big;
	need("export it", gpu_ioctl(s->ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	s->exported = export.fd;
	s->other = gpu_open();
	need("open the render node", s->other);
}

static int wait_out(struct state *s)
{
	int file = syncobj_export_sync_file(s->ctx.fd, s->sync_out), ret;

	need("export a fence", file);
	ret = sync_file_wait(file, SECONDS * 1000);
	close(file);
	return ret;
}

int run_job(struct state *s)
{
	int ret = submit_one(&s->ctx, s->sync_in);

	if (!ret)
		ret = submit_one(&s->ctx, s->sync_out);
	return ret ? ret : wait_out(s);
}

void undo_submit(struct state *s)
{
	need("a job's result", wait_out(s));
}

static int call_open(struct state *s)
{
	s->file = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	return s->file < 0 ? -errno : 0;
}

static void undo_open(struct state *s)
{
	close(s->file);
}

static int call_params(struct state *s)
{
	struct drm_asahi_params_global params;

	return get_params(s->ctx.fd, &params);
}

static int call_vm_create(struct state *s)
{
	return vm_create(s->ctx.fd, &s->made);
}

static void undo_vm_create(struct state *s)
{
	need("destroy a VM", vm_destroy(s->ctx.fd, s->made));
}

static int call_gem_create(struct state *s)
{
	return gem_create(s->ctx.fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &s->made);
}

static int call_gem_create_private(struct state *s)
{
	return gem_create(s->ctx.fd, PAGE, DRM_ASAHI_GEM_VM_PRIVATE, s->ctx.vm, &s->made);
}

void undo_gem_create(struct state *s)
{
	need("close a buffer", gem_close(s->ctx.fd, s->made));
}

/* A second offset of the same object would allocate nothing. */
static int call_create_and_offset(struct state *s)
{
	uint64_t offset;
	int ret = call_gem_create(s);

	if (ret)
		return ret;
	ret = gem_mmap_offset(s->ctx.fd, s->made, &offset);
	if (ret)
		undo_gem_create(s);
	return ret;
}

static int bind_op(struct state *s, uint32_t flags, uint32_t handle, uint64_t va, uint64_t pages)
{
	return vm_bind_op(s->ctx.fd, s->ctx.vm, (struct drm_asahi_gem_bind_op){
		.flags = flags, .handle = handle, .addr = va, .range = pages * PAGE,
	});
}

/* A new object, at an address that has no tables: all that a bind can need. */
static int call_bind_new(struct state *s)
{
	struct context *ctx = &s->ctx;
	uint32_t vm;
	int ret = vm_create(ctx->fd, &vm);

	if (ret)
		return ret;
	ret = gem_create(ctx->fd, 4 * PAGE, 0, 0, &s->made);
	if (!ret) {
		ret = vm_bind(ctx->fd, vm, s->made, FAR_VA, 4 * PAGE);
		gem_close(ctx->fd, s->made);
	}
	vm_destroy(ctx->fd, vm);
	return ret;
}

#define RW (DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE)

/* In the middle of a mapping, which is cut in three. */
static int call_bind_over(struct state *s)
{
	return bind_op(s, RW, s->ctx.bo, BIG_VA + 8 * PAGE, 1);
}

static int call_unbind_middle(struct state *s)
{
	return bind_op(s, DRM_ASAHI_BIND_UNBIND, 0, BIG_VA + 8 * PAGE, 4);
}

static int call_bind_sparse(struct state *s)
{
	return bind_op(s, RW | DRM_ASAHI_BIND_SINGLE_PAGE, s->big, BIG_VA, BIG_PAGES);
}

static void undo_bind(struct state *s)
{
	need("bind all of it", bind_op(s, RW, s->big, BIG_VA, BIG_PAGES));
}

static int call_timestamps(struct state *s)
{
	struct drm_asahi_gem_bind_object args = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.handle = s->big,
		.range = PAGE,
	};
	int ret = gpu_ioctl(s->ctx.fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);

	s->timestamps = args.object_handle;
	return ret;
}

void undo_timestamps(struct state *s)
{
	struct drm_asahi_gem_bind_object args = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND,
		.object_handle = s->timestamps,
	};

	need("unbind timestamps", gpu_ioctl(s->ctx.fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args));
}

void prepare_timestamps(struct state *s)
{
	need("bind timestamps", call_timestamps(s));
}

static int call_timestamps_unbind(struct state *s)
{
	struct drm_asahi_gem_bind_object args = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND,
		.object_handle = s->timestamps,
	};

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);
}

static int call_time(struct state *s)
{
	struct drm_asahi_get_time args = {};

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_ASAHI_GET_TIME, &args);
}

static void prepare_vm(struct state *s)
{
	need("create a VM", vm_create(s->ctx.fd, &s->made));
	need("bind in it", vm_bind(s->ctx.fd, s->made, s->big, BIG_VA, BIG_PAGES * PAGE));
}

static int call_vm_destroy(struct state *s)
{
	return vm_destroy(s->ctx.fd, s->made);
}

static void prepare_object(struct state *s)
{
	need("create a buffer", gem_create(s->ctx.fd, PAGE, 0, 0, &s->made));
	need("bind it", vm_bind(s->ctx.fd, s->ctx.vm, s->made, FAR_VA, PAGE));
}

static int call_gem_close(struct state *s)
{
	return gem_close(s->ctx.fd, s->made);
}

static int call_queue_create(struct state *s)
{
	return queue_create(s->ctx.fd, s->ctx.vm, &s->made);
}

static void undo_queue_create(struct state *s)
{
	need("destroy a queue", queue_destroy(s->ctx.fd, s->made));
}

static void prepare_queue(struct state *s)
{
	need("create a queue", queue_create(s->ctx.fd, s->ctx.vm, &s->made));
}

static int call_queue_destroy(struct state *s)
{
	return queue_destroy(s->ctx.fd, s->made);
}

static int call_submit(struct state *s)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[] = { { .handle = s->sync_in }, { .handle = s->sync_out } };

	return submit(&s->ctx, &command, sizeof(command), syncs, 1, 1);
}

/* On a queue that has had none: what renders need is made then. */
int submit_on_new_queue(struct state *s, const void *commands, size_t size)
{
	struct drm_asahi_sync out = { .handle = s->sync_out };
	struct context ctx = s->ctx;
	int ret = queue_create(ctx.fd, ctx.vm, &ctx.queue);

	if (ret)
		return ret;
	ret = submit(&ctx, commands, size, &out, 0, 1);
	if (ret)
		queue_destroy(ctx.fd, ctx.queue);
	s->made = ctx.queue;
	return ret;
}

static int call_render(struct state *s)
{
	struct render_command command = render_command();

	return submit_on_new_queue(s, &command, sizeof(command));
}

void undo_render(struct state *s)
{
	/* Its background program is nowhere, so how it ends says nothing. */
	wait_out(s);
	need("destroy a queue", queue_destroy(s->ctx.fd, s->made));
}

/* Of a new object: that of an old one is there already. */
static int call_create_and_export(struct state *s)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = call_gem_create(s);

	if (ret)
		return ret;
	export.handle = s->made;
	ret = gpu_ioctl(s->ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export);
	if (ret)
		undo_gem_create(s);
	s->file = export.fd;
	return ret;
}

static void undo_export(struct state *s)
{
	close(s->file);
	undo_gem_create(s);
}

int import(struct state *s, int fd, int file)
{
	struct drm_prime_handle args = { .fd = file };
	int ret = gpu_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);

	s->made = args.handle;
	return ret;
}

int import_bound(struct state *s, int file, uint64_t addr, uint64_t size)
{
	int ret = import(s, s->ctx.fd, file);

	if (ret)
		return ret;
	ret = vm_bind(s->ctx.fd, s->ctx.vm, s->made, addr, size);
	if (ret)
		gem_close(s->ctx.fd, s->made);
	return ret;
}

void undo_own_import(struct state *s)
{
	need("close what was imported", gem_close(s->ctx.fd, s->made));
}

static int call_import(struct state *s)
{
	return import(s, s->other, s->exported);
}

static void undo_import(struct state *s)
{
	need("close what was imported", gem_close(s->other, s->made));
}

const struct call calls[] = {
	{ .name = "open", .make = call_open, .undo = undo_open, .least = 3 },
	{ .name = "GET_PARAMS", .make = call_params },
	{ .name = "VM_CREATE", .make = call_vm_create, .undo = undo_vm_create, .least = 5 },
	{ .name = "GEM_CREATE", .make = call_gem_create, .undo = undo_gem_create, .least = 2 },
	{ .name = "GEM_CREATE, private", .make = call_gem_create_private,
	  .undo = undo_gem_create, .least = 2 },
	{ .name = "GEM_CREATE and GEM_MMAP_OFFSET", .make = call_create_and_offset,
	  .undo = undo_gem_create, .least = 2 },
	{ .name = "VM_CREATE, GEM_CREATE and VM_BIND", .make = call_bind_new, .least = 10 },
	{ .name = "VM_BIND over a mapping", .make = call_bind_over,
	  .undo = undo_bind, .least = 5 },
	{ .name = "VM_BIND, unbind", .make = call_unbind_middle, .undo = undo_bind, .least = 3 },
	{ .name = "VM_BIND, a single page", .make = call_bind_sparse,
	  .undo = undo_bind, .least = 5 },
	{ .name = "GEM_BIND_OBJECT", .make = call_timestamps,
	  .undo = undo_timestamps, .least = 1 },
	{ .name = "QUEUE_CREATE", .make = call_queue_create,
	  .undo = undo_queue_create, .least = 10 },
	/* The job. What the firmware has of it comes in batches, and two syncs need no array. */
	{ .name = "SUBMIT", .make = call_submit, .undo = undo_submit, .least = 1 },
	{ .name = "QUEUE_CREATE and SUBMIT of a render", .make = call_render,
	  .undo = undo_render, .least = 20 },
	{ .name = "GEM_CREATE and PRIME_HANDLE_TO_FD", .make = call_create_and_export,
	  .undo = undo_export, .least = 4 },
	{ .name = "PRIME_FD_TO_HANDLE", .make = call_import,
	  .undo = undo_import, .least = 1, .fd = offsetof(struct state, other) },
	{ .name = "GET_TIME", .make = call_time, .never = true },
	{ .name = "VM_DESTROY", .make = call_vm_destroy, .prepare = prepare_vm, .never = true },
	{ .name = "GEM_CLOSE", .make = call_gem_close, .prepare = prepare_object, .never = true },
	{ .name = "GEM_BIND_OBJECT, unbind", .make = call_timestamps_unbind,
	  .prepare = prepare_timestamps, .never = true },
	{ .name = "QUEUE_DESTROY", .make = call_queue_destroy,
	  .prepare = prepare_queue, .never = true },
	{},
};
