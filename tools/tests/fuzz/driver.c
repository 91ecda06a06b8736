// SPDX-License-Identifier: MIT OR Apache-2.0
/* The driver's ioctls. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

unsigned long submitted;

static int get_parameters(struct thread *t, int fd)
{
	struct drm_asahi_get_params args = {
		.pointer = some_pointer(t, NULL, 0),
		.size = once_in(t, 2) ? sizeof(struct drm_asahi_params_global) : below(t, SCRATCH),
	};

	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_GET_PARAMS, &args);
}

static int get_time(struct thread *t, int fd)
{
	struct drm_asahi_get_time args = { 0 };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_GET_TIME, &args);
}

static int create_vm(struct thread *t, int fd)
{
	struct drm_asahi_vm_create args = { .kernel_start = KERNEL_START,
					    .kernel_end = KERNEL_END };

	if (once_in(t, 4)) {
		args.kernel_start = some_address(t);
		args.kernel_end = args.kernel_start + some_value(t);
	}
	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_VM_CREATE, &args);
}

static int destroy_vm(struct thread *t, int fd)
{
	struct drm_asahi_vm_destroy args = { .vm_id = some_handle(t) };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_VM_DESTROY, &args);
}

static int bind(struct thread *t, int fd)
{
	struct drm_asahi_gem_bind_op ops[8];
	struct drm_asahi_vm_bind args = {
		.vm_id = some_handle(t),
		.num_binds = once_in(t, 2) ? 1 + below(t, ARRAY_SIZE(ops)) : 1,
		.stride = sizeof(ops[0]),
	};

	for (unsigned int i = 0; i < args.num_binds; i++) {
		struct drm_asahi_gem_bind_op *op = &ops[i];

		*op = (struct drm_asahi_gem_bind_op){ .addr = some_address(t),
						      .range = some_size(t) };
		if (once_in(t, 3)) {
			op->flags = DRM_ASAHI_BIND_UNBIND;
		} else {
			op->flags = (1 + below(t, 3)) << 1 |
				    (once_in(t, 5) ? DRM_ASAHI_BIND_SINGLE_PAGE : 0);
			op->handle = some_handle(t);
			op->offset = once_in(t, 3) ? below(t, 8) * PAGE : 0;
		}
		if (once_in(t, 16))
			((uint32_t *)op)[below(t, sizeof(*op) / 4)] = some_value(t);
	}
	args.userptr = some_pointer(t, ops, args.num_binds * sizeof(ops[0]));
	if (once_in(t, 16))
		args.stride = some_value(t);
	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

static int create_buffer(struct thread *t, int fd)
{
	struct drm_asahi_gem_create args = { .size = some_size(t), .flags = below(t, 4) };

	if (args.flags & DRM_ASAHI_GEM_VM_PRIVATE)
		args.vm_id = some_handle(t);
	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_GEM_CREATE, &args);
}

/*
 * Maps a buffer, and writes or reads. Memory that was mapped goes away again, so that all has an
 * end.
 */
static int map_buffer(struct thread *t, int fd)
{
	struct drm_asahi_gem_mmap_offset args = { .handle = some_handle(t) };
	int ret = fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_GEM_MMAP_OFFSET, &args);
	static const int protections[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE,
					   PROT_READ | PROT_EXEC };
	int protection = protections[below(t, ARRAY_SIZE(protections))];
	int flags = once_in(t, 4) ? MAP_PRIVATE : MAP_SHARED;
	uint64_t size = once_in(t, 3) ? PAGE * (1 + below(t, 16)) : PAGE;
	uint32_t *map;

	if (ret)
		return ret;
	map = mmap(NULL, size, protection, flags, fd, args.offset);
	if (map == MAP_FAILED)
		return -errno;
	/*
	 * Within the object, or this thread would get a signal; so the kernel does it, which gets
	 * an error.
	 */
	if (madvise(map, size, once_in(t, 2) ? MADV_POPULATE_READ : MADV_POPULATE_WRITE) == 0 &&
	    (protection & PROT_WRITE)) {
		map[0] = CDM_TERMINATE;
		map[1] = 0;
		map[2] = VDM_TERMINATE;
		if (once_in(t, 3))
			map[below(t, PAGE / 4)] = some_value(t);
	}
	if (once_in(t, 8))
		mprotect(map, PAGE, protections[below(t, ARRAY_SIZE(protections))]);
	munmap(map, size);
	return 0;
}

static int bind_object(struct thread *t, int fd)
{
	struct drm_asahi_gem_bind_object args = { .op = DRM_ASAHI_BIND_OBJECT_OP_BIND };

	if (once_in(t, 3)) {
		args.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND;
		args.object_handle = some_handle(t);
	} else {
		args.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS;
		args.handle = some_handle(t);
		args.range = PAGE;
	}
	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);
}

static int create_queue(struct thread *t, int fd)
{
	struct drm_asahi_queue_create args = {
		.vm_id = some_handle(t),
		.priority = below(t, 4),
		.usc_exec_base = once_in(t, 2) ? 0x1100000000ull : some_address(t) & ~0xffffffffull,
	};

	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_QUEUE_CREATE, &args);
}

static int destroy_queue(struct thread *t, int fd)
{
	struct drm_asahi_queue_destroy args = { .queue_id = some_handle(t) };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_QUEUE_DESTROY, &args);
}

static struct drm_asahi_timestamp some_timestamp(struct thread *t)
{
	return (struct drm_asahi_timestamp){
		.handle = once_in(t, 4) ? some_handle(t) : 0,
		.offset = once_in(t, 2) ? below(t, PAGE / 8) * 8 : 0,
	};
}

static struct drm_asahi_bg_eot some_program(struct thread *t)
{
	return (struct drm_asahi_bg_eot){ .usc = once_in(t, 8) ? some_value(t) : 4 };
}

/* Of an empty stream, with addresses, sizes and programs that may be wrong. */
static size_t some_render(struct thread *t, uint8_t *at)
{
	struct render_command command = render_command();
	struct drm_asahi_cmd_render *render = &command.render;

	/* What ends a stream of compute commands is a barrier here, what is behind it ends this. */
	render->vdm_ctrl_stream_base = once_in(t, 8) ? some_address(t) :
						       USER_VA + below(t, 4) * SLOT_SIZE + 8;
	render->width_px = 1 + below(t, once_in(t, 8) ? 0xffff : 256);
	render->height_px = 1 + below(t, once_in(t, 8) ? 0xffff : 256);
	render->layers = once_in(t, 4) ? below(t, 8) : 1;
	render->samples = 1 << below(t, 3);
	render->bg = some_program(t);
	render->eot = some_program(t);
	render->ts_vtx.end = some_timestamp(t);
	render->ts_frag.start = some_timestamp(t);
	if (once_in(t, 4)) {
		render->isp_scissor_base = some_address(t);
		render->isp_dbias_base = some_address(t);
		render->isp_oclqry_base = some_address(t);
	}
	if (once_in(t, 4))
		command.header.vdm_barrier = below(t, 4);
	if (once_in(t, 8))
		((uint32_t *)&command)[below(t, sizeof(command) / 4)] = some_value(t);
	memcpy(at, &command, sizeof(command));
	return sizeof(command);
}

/* Puts a command at @at, and tells its size. */
static size_t some_command(struct thread *t, uint8_t *at)
{
	struct compute_command command = compute_command();

	if (once_in(t, 3))
		return some_render(t, at);
	if (once_in(t, 8)) {
		struct drm_asahi_attachment attachments[3] = { 0 };

		for (unsigned int i = 0; i < ARRAY_SIZE(attachments); i++) {
			attachments[i].pointer = some_address(t);
			attachments[i].size = some_size(t);
		}
		command.header.cmd_type = DRM_ASAHI_SET_VERTEX_ATTACHMENTS + below(t, 3);
		command.header.size = below(t, 4) * sizeof(attachments[0]);
		memcpy(at, &command.header, sizeof(command.header));
		memcpy(at + sizeof(command.header), attachments, command.header.size);
		return sizeof(command.header) + command.header.size;
	}
	command.compute.cdm_ctrl_stream_base = once_in(t, 8) ? some_address(t) :
							       USER_VA + below(t, 4) * SLOT_SIZE;
	command.compute.cdm_ctrl_stream_end = command.compute.cdm_ctrl_stream_base + 8;
	command.compute.ts.start = some_timestamp(t);
	command.compute.ts.end = some_timestamp(t);
	if (once_in(t, 4))
		command.header.cdm_barrier = below(t, 4);
	if (once_in(t, 16))
		command.header.cmd_type = below(t, 6);
	if (once_in(t, 8))
		((uint32_t *)&command)[below(t, sizeof(command) / 4)] = some_value(t);
	memcpy(at, &command, sizeof(command));
	return sizeof(command);
}

static int submit_jobs(struct thread *t, int fd)
{
	struct drm_asahi_sync syncs[4];
	uint8_t commands[8 * sizeof(struct render_command)];
	struct drm_asahi_submit args = { .queue_id = some_handle(t), };
	unsigned int count = 1 + below(t, once_in(t, 4) ? 8 : 2);
	/* Both are in one place. */
	uint64_t at = some_pointer(t, NULL, 0);
	int ret;

	if (once_in(t, 3))
		args.in_sync_count = below(t, 3);
	if (once_in(t, 2))
		args.out_sync_count = below(t, 3);
	for (unsigned int i = 0; i < ARRAY_SIZE(syncs); i++)
		syncs[i] = (struct drm_asahi_sync){
			.sync_type = below(t, 2),
			.handle = some_handle(t),
			.timeline_value = below(t, 16),
		};
	for (unsigned int i = 0; i < count; i++)
		args.cmdbuf_size += some_command(t, commands + args.cmdbuf_size);
	memcpy(t->scratch, commands, args.cmdbuf_size);
	memcpy(t->scratch + sizeof(commands), syncs, sizeof(syncs));
	args.cmdbuf = at;
	args.syncs = at + sizeof(commands);
	ret = fuzzed_ioctl(t, fd, DRM_IOCTL_ASAHI_SUBMIT, &args);
	if (!ret)
		__atomic_add_fetch(&submitted, 1, __ATOMIC_RELAXED);
	return ret;
}

/* What a job needs, each as it has to be; most calls of the others find something then. */
static int create_all(struct thread *t, int fd)
{
	uint32_t vm, buffer, queue, sync, *map;
	int ret = vm_create(fd, &vm);

	if (!ret)
		ret = gem_create(fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &buffer);
	if (ret)
		return ret;
	map = gem_map(fd, buffer, PAGE);
	if (map && !madvise(map, PAGE, MADV_POPULATE_WRITE)) {
		map[0] = CDM_TERMINATE;
		map[2] = VDM_TERMINATE;
	}
	if (map)
		munmap(map, PAGE);
	for (unsigned int slot = 0; slot < 4 && !ret; slot++)
		ret = vm_bind(fd, vm, buffer, USER_VA + slot * SLOT_SIZE, PAGE);
	if (!ret)
		ret = queue_create(fd, vm, &queue);
	if (!ret && once_in(t, 2))
		ret = syncobj_create(fd, &sync);
	return ret;
}

struct kind driver_kinds[] = {
	{ .name = "GET_PARAMS", .call = get_parameters, .weight = 4 },
	{ .name = "GET_TIME", .call = get_time, .weight = 2 },
	{ .name = "VM_CREATE", .call = create_vm, .weight = 4 },
	{ .name = "VM_DESTROY", .call = destroy_vm, .weight = 4 },
	{ .name = "VM_BIND", .call = bind, .weight = 16 },
	{ .name = "GEM_CREATE", .call = create_buffer, .weight = 8 },
	{ .name = "GEM_MMAP_OFFSET", .call = map_buffer, .weight = 8 },
	{ .name = "GEM_BIND_OBJECT", .call = bind_object, .weight = 8 },
	{ .name = "QUEUE_CREATE", .call = create_queue, .weight = 6 },
	{ .name = "QUEUE_DESTROY", .call = destroy_queue, .weight = 6 },
	{ .name = "SUBMIT", .call = submit_jobs, .weight = 40 },
	{ .name = "all that a job needs", .call = create_all, .weight = 4 },
	{ .name = NULL },
};
