// SPDX-License-Identifier: MIT OR Apache-2.0
/* TAP, and the ioctls, for tests in C. */
#define _GNU_SOURCE
#include "uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int tests;
static int failed;

static void report(bool ok, const char *what)
{
	tests++;
	if (!ok)
		failed++;
	printf("%sok %d - %s\n", ok ? "" : "not ", tests, what);
	fflush(stdout);
}

static const char *result_name(int result)
{
	return result < 0 ? strerrorname_np(-result) : "success";
}

void check_either(const char *what, int got, int want, int other)
{
	bool ok = got == want || got == other;

	report(ok, what);
	if (!ok)
		printf("# got %s, want %s\n", result_name(got), result_name(want));
}

void check(const char *what, int got, int want)
{
	check_either(what, got, want, NO_OTHER);
}

void check_true(const char *what, bool held)
{
	report(held, what);
}

void need(const char *what, int result)
{
	if (result >= 0)
		return;
	printf("Bail out! %s: %s\n", what, result_name(result));
	exit(1);
}

int failures(void)
{
	return failed;
}

int finish(void)
{
	printf("1..%d\n", tests);
	printf("# %d passed, %d failed\n", tests - failed, failed);
	return failed ? 1 : 0;
}

int gpu_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : 0;
}

/* The first node of @driver among those named @kind, with 64 numbers from @first. */
static int node_open(const char *driver, const char *kind, int first)
{
	for (int minor = first; minor < first + 64; minor++) {
		char path[32], name[16] = "";
		struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/%s%d", kind, minor);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!gpu_ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, driver))
			return fd;
		close(fd);
	}
	return -ENODEV;
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

int syncobj_create(int fd, uint32_t *handle)
{
	struct drm_syncobj_create args = { 0 };
	int ret = gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &args);

	*handle = args.handle;
	return ret;
}

int syncobj_destroy(int fd, uint32_t handle)
{
	struct drm_syncobj_destroy args = { .handle = handle };

	return gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &args);
}

int syncobj_reset(int fd, uint32_t handle)
{
	struct drm_syncobj_array args = { .handles = (uintptr_t)&handle, .count_handles = 1 };

	return gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_RESET, &args);
}

static int64_t deadline(unsigned int seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec + (int64_t)seconds) * 1000000000 + now.tv_nsec;
}

int syncobj_wait(int fd, uint32_t handle, unsigned int seconds)
{
	struct drm_syncobj_wait args = {
		.handles = (uintptr_t)&handle,
		.count_handles = 1,
		.timeout_nsec = deadline(seconds),
	};

	return gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_WAIT, &args);
}

int timeline_wait(int fd, uint32_t handle, uint64_t point, unsigned int seconds)
{
	struct drm_syncobj_timeline_wait args = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)&point,
		.count_handles = 1,
		.timeout_nsec = deadline(seconds),
	};

	return gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

int syncobj_import_sync_file(int fd, uint32_t handle, int file)
{
	struct drm_syncobj_handle args = {
		.handle = handle,
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
		.fd = file,
	};

	return gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);
}

int syncobj_export_sync_file(int fd, uint32_t handle)
{
	struct drm_syncobj_handle args = {
		.handle = handle, .flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
	};
	int ret = gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	return ret ? ret : args.fd;
}

int sync_file_wait(int file, int ms)
{
	struct pollfd poller = { .fd = file, .events = POLLIN };
	struct sync_file_info info = { 0 };
	int ret;

	do {
		ret = poll(&poller, 1, ms);
	} while (ret < 0 && errno == EINTR);
	if (ret != 1)
		return ret ? -errno : -ETIME;
	if (ioctl(file, SYNC_IOC_FILE_INFO, &info))
		return -errno;
	return info.status == 1 ? 0 : info.status;
}

/* The interface of sw_sync, which has no header of its own. */
struct sw_sync_create_fence_data {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_IOC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC _IOW('W', 1, uint32_t)

int sw_sync_create(void)
{
	int fd = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int sw_sync_fence(int timeline, uint32_t value)
{
	struct sw_sync_create_fence_data args = { .value = value, .name = "test" };

	return ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &args) ? -errno : args.fence;
}

void sw_sync_advance(int timeline, uint32_t by)
{
	need("signal a fence of sw_sync's", ioctl(timeline, SW_SYNC_IOC_INC, &by) ? -errno : 0);
}

void context_init(struct context *ctx)
{
	ctx->fd = gpu_open();
	need("open the render node", ctx->fd);
	need("create a VM", vm_create(ctx->fd, &ctx->vm));
	need("create a buffer", gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &ctx->bo));
	ctx->map = gem_map(ctx->fd, ctx->bo, PAGE);
	need("map a buffer", ctx->map ? 0 : -ENOMEM);
	ctx->map[0] = CDM_TERMINATE;
	ctx->map[1] = 0;
	need("bind a buffer", vm_bind(ctx->fd, ctx->vm, ctx->bo, USER_VA, PAGE));
	need("create a queue", queue_create(ctx->fd, ctx->vm, &ctx->queue));
}

void context_fini(struct context *ctx)
{
	munmap(ctx->map, PAGE);
	close(ctx->fd);
}

struct compute_command compute_command(void)
{
	return (struct compute_command){
		.header = {
			.cmd_type = DRM_ASAHI_CMD_COMPUTE,
			.size = sizeof(struct drm_asahi_cmd_compute),
			.vdm_barrier = DRM_ASAHI_BARRIER_NONE,
			.cdm_barrier = DRM_ASAHI_BARRIER_NONE,
		},
		.compute = {
			.cdm_ctrl_stream_base = USER_VA,
			.cdm_ctrl_stream_end = USER_VA + 8,
		},
	};
}

struct render_command render_command(void)
{
	return (struct render_command){
		.header = {
			.cmd_type = DRM_ASAHI_CMD_RENDER,
			.size = sizeof(struct drm_asahi_cmd_render),
			.vdm_barrier = DRM_ASAHI_BARRIER_NONE,
			.cdm_barrier = DRM_ASAHI_BARRIER_NONE,
		},
		.render = {
			.vdm_ctrl_stream_base = USER_VA + 0x100,
			.ppp_ctrl = 0x202,
			.width_px = 64,
			.height_px = 64,
			.layers = 1,
			.utile_width_px = 32,
			.utile_height_px = 32,
			.samples = 1,
			.sample_size_B = 8,
			.isp_bgobjvals = 0x300,
			.bg = { .usc = 4 },
			.eot = { .usc = 4 },
			.partial_bg = { .usc = 4 },
			.partial_eot = { .usc = 4 },
		},
	};
}

int submit(struct context *ctx, const void *commands, size_t size,
	   const struct drm_asahi_sync *syncs, uint32_t in, uint32_t out)
{
	struct drm_asahi_submit args = {
		.syncs = (uintptr_t)syncs,
		.cmdbuf = (uintptr_t)commands,
		.queue_id = ctx->queue,
		.in_sync_count = in,
		.out_sync_count = out,
		.cmdbuf_size = size,
	};

	return gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_SUBMIT, &args);
}

int submit_one(struct context *ctx, uint32_t out_syncobj)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync sync = {
		.sync_type = DRM_ASAHI_SYNC_SYNCOBJ,
		.handle = out_syncobj,
	};

	return submit(ctx, &command, sizeof(command), &sync, 0, 1);
}
