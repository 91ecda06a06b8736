// SPDX-License-Identifier: MIT OR Apache-2.0
/* Syncobjs, sync files and sw_sync. */
#define _GNU_SOURCE
#include "uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

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

int sync_file_merge(int a, int b)
{
	struct sync_merge_data args = { .name = "merged", .fd2 = b };

	need("merge two sync files", ioctl(a, SYNC_IOC_MERGE, &args) ? -errno : 0);
	return args.fence;
}

int sw_sync_fences(unsigned int count)
{
	int a, b, both;

	if (count == 1) {
		/* Stays open: its end would signal the fence. */
		int timeline = sw_sync_create();

		need("open sw_sync", timeline);
		a = sw_sync_fence(timeline, 1);
		need("create a fence", a);
		return a;
	}
	/* Half by half: each fence is copied a few times only. */
	a = sw_sync_fences(count / 2);
	b = sw_sync_fences(count - count / 2);
	both = sync_file_merge(a, b);
	close(a);
	close(b);
	return both;
}
