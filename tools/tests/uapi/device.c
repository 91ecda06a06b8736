// SPDX-License-Identifier: MIT OR Apache-2.0
/* The nodes, address spaces, buffers and queues. */
#define _GNU_SOURCE
#include "uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int gpu_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : 0;
}

/*
 * The first node of @driver among those named @kind, with 64 numbers from @first. If there is none,
 * returns why one that exists was not opened.
 */
static int node_open(const char *driver, const char *kind, int first)
{
	int ret = -ENODEV;

	for (int minor = first; minor < first + 64; minor++) {
		char path[32], name[16] = "";
		struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/%s%d", kind, minor);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			if (errno != ENOENT)
				ret = -errno;
			continue;
		}
		if (!gpu_ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, driver))
			return fd;
		close(fd);
	}
	return ret;
}

int gpu_open(void)
{
	return node_open("asahi", "renderD", 128);
}

int card_open(const char *driver)
{
	return node_open(driver, "card", 0);
}

int get_params(int fd, struct drm_asahi_params_global *params)
{
	struct drm_asahi_get_params args = {
		.pointer = (uintptr_t)params,
		.size = sizeof(*params),
	};

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_GET_PARAMS, &args);
}

int vm_create(int fd, uint32_t *vm)
{
	struct drm_asahi_vm_create args = {
		.kernel_start = KERNEL_START,
		.kernel_end = KERNEL_END,
	};
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_VM_CREATE, &args);

	*vm = args.vm_id;
	return ret;
}

int vm_destroy(int fd, uint32_t vm)
{
	struct drm_asahi_vm_destroy args = { .vm_id = vm };

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_VM_DESTROY, &args);
}

int gem_create(int fd, uint64_t size, uint32_t flags, uint32_t vm, uint32_t *handle)
{
	struct drm_asahi_gem_create args = { .size = size, .flags = flags, .vm_id = vm };
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_CREATE, &args);

	*handle = args.handle;
	return ret;
}

int gem_close(int fd, uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	return gpu_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

int gem_mmap_offset(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_asahi_gem_mmap_offset args = { .handle = handle };
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_MMAP_OFFSET, &args);

	*offset = args.offset;
	return ret;
}

void *gem_map(int fd, uint32_t handle, uint64_t size)
{
	uint64_t offset;
	void *map;

	if (gem_mmap_offset(fd, handle, &offset))
		return NULL;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	return map == MAP_FAILED ? NULL : map;
}

int vm_bind_op(int fd, uint32_t vm, struct drm_asahi_gem_bind_op op)
{
	struct drm_asahi_vm_bind args = {
		.vm_id = vm,
		.num_binds = 1,
		.stride = sizeof(op),
		.userptr = (uintptr_t)&op,
	};

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

int vm_bind(int fd, uint32_t vm, uint32_t handle, uint64_t addr, uint64_t size)
{
	return vm_bind_op(fd, vm, (struct drm_asahi_gem_bind_op){
		.flags = DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE,
		.handle = handle,
		.range = size,
		.addr = addr,
	});
}

int bind_timestamps(int fd, uint32_t bo, uint64_t size, uint32_t *object)
{
	struct drm_asahi_gem_bind_object args = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .handle = bo, .range = size,
	};
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);

	*object = args.object_handle;
	return ret;
}

uint64_t bind_most_timestamps(int fd, uint32_t bo, uint64_t size, uint32_t *object)
{
	int ret;

	do {
		size /= 2;
		ret = bind_timestamps(fd, bo, size, object);
	} while (ret == -ENOSPC && size > PAGE);
	need("bind as many timestamps as there may be", ret);
	return size;
}

int unbind_timestamps(int fd, uint32_t object)
{
	struct drm_asahi_gem_bind_object args = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND,
		.object_handle = object,
	};

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);
}

int queue_create(int fd, uint32_t vm, uint32_t *queue)
{
	struct drm_asahi_queue_create args = {
		.vm_id = vm,
		.priority = DRM_ASAHI_PRIORITY_MEDIUM,
		.usc_exec_base = 0x1100000000ull,
	};
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_QUEUE_CREATE, &args);

	*queue = args.queue_id;
	return ret;
}

int queue_destroy(int fd, uint32_t queue)
{
	struct drm_asahi_queue_destroy args = { .queue_id = queue };

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_QUEUE_DESTROY, &args);
}
