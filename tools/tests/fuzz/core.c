// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What DRM does for every driver: names, buffers as files, syncobjs; and fences and buffers as
 * files.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int identity(struct thread *t, int fd)
{
	struct drm_version version = {
		.name = (void *)(uintptr_t)some_pointer(t, NULL, 0), .name_len = below(t, 64),
		.date = (void *)(uintptr_t)some_pointer(t, NULL, 0), .date_len = below(t, 64),
		.desc = (void *)(uintptr_t)some_pointer(t, NULL, 0), .desc_len = below(t, 64),
	};
	struct drm_get_cap cap = { .capability = below(t, 0x20) };
	struct drm_set_client_cap client_cap = { .capability = below(t, 8), .value = below(t, 3) };
	struct drm_client client = { .idx = below(t, 4) };
	struct drm_stats stats;
	struct drm_auth auth = { .magic = some_handle(t) };
	struct drm_unique unique = { .unique = (void *)(uintptr_t)some_pointer(t, NULL, 0),
				     .unique_len = below(t, 64) };
	struct drm_set_version set_version = { .drm_di_major = below(t, 3), .drm_dd_major = -1 };

	switch (below(t, 11)) {
	case 0:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_VERSION, &version);
	case 1:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_GET_CAP, &cap);
	case 2:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SET_CLIENT_CAP, &client_cap);
	case 3:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_GET_CLIENT, &client);
	case 4:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_GET_STATS, &stats);
	case 5:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_GET_MAGIC, &auth);
	case 6:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_AUTH_MAGIC, &auth);
	case 7:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_GET_UNIQUE, &unique);
	case 8:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SET_MASTER, NULL);
	case 9:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_DROP_MASTER, NULL);
	default:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SET_VERSION, &set_version);
	}
}

static int close_buffer(struct thread *t, int fd)
{
	struct drm_gem_close args = { .handle = some_handle(t) };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_GEM_CLOSE, &args);
}

static int name_buffer(struct thread *t, int fd)
{
	struct drm_gem_flink flink = { .handle = some_handle(t) };
	struct drm_gem_open open = { .name = some_handle(t) };

	return once_in(t, 2) ? fuzzed_ioctl(t, fd, DRM_IOCTL_GEM_FLINK, &flink) :
			       fuzzed_ioctl(t, fd, DRM_IOCTL_GEM_OPEN, &open);
}

static int export_buffer(struct thread *t, int fd)
{
	struct drm_prime_handle args = { .handle = some_handle(t),
					 .flags = DRM_CLOEXEC | (once_in(t, 2) ? DRM_RDWR : 0),
					 .fd = -1 };
	int ret = fuzzed_ioctl(t, fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);

	if (!ret)
		keep_file(t, args.fd);
	return ret;
}

static int import_buffer(struct thread *t, int fd)
{
	struct drm_prime_handle args = { .fd = some_file(t) };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
}

static int create_syncobj(struct thread *t, int fd)
{
	struct drm_syncobj_create args = { .flags = once_in(t, 2) ? DRM_SYNCOBJ_CREATE_SIGNALED :
								    0 };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_CREATE, &args);
}

static int destroy_syncobj(struct thread *t, int fd)
{
	struct drm_syncobj_destroy args = { .handle = some_handle(t) };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_DESTROY, &args);
}

static int export_syncobj(struct thread *t, int fd)
{
	struct drm_syncobj_handle args = {
		.handle = some_handle(t), .flags = below(t, 4), .fd = -1, .point = below(t, 16)
	};
	int ret = fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	if (!ret)
		keep_file(t, args.fd);
	return ret;
}

static int import_syncobj(struct thread *t, int fd)
{
	struct drm_syncobj_handle args = { .handle = some_handle(t),
					   .flags = below(t, 4),
					   .fd = some_file(t),
					   .point = below(t, 16) };

	return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);
}

/* A moment that comes soon, or has been. */
static int64_t soon(struct thread *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec + below(t, 5000000) - 1000000;
}

static int use_syncobjs(struct thread *t, int fd)
{
	uint32_t handles[4];
	uint64_t points[4];
	struct drm_syncobj_timeline_wait wait = { .timeout_nsec = soon(t),
						  .count_handles = 1 + below(t, 4),
						  .flags = below(t, 8) };
	struct drm_syncobj_timeline_array array = { .count_handles = wait.count_handles };
	struct drm_syncobj_transfer transfer = {
		.src_handle = some_handle(t), .dst_handle = some_handle(t),
		.src_point = below(t, 16), .dst_point = below(t, 16), .flags = below(t, 4),
	};
	struct drm_syncobj_wait binary;
	struct drm_syncobj_array plain;
	struct drm_syncobj_eventfd event = {
		.handle = some_handle(t), .point = below(t, 16), .flags = below(t, 2), .fd = -1
	};
	int signalled, ret;

	for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++) {
		handles[i] = some_handle(t);
		points[i] = below(t, 16);
	}
	wait.handles = some_pointer(t, handles, sizeof(handles));
	memcpy(t->scratch + sizeof(handles), points, sizeof(points));
	wait.points = wait.handles + sizeof(handles);
	array.handles = wait.handles;
	array.points = wait.points;
	binary = (struct drm_syncobj_wait){
		.handles = wait.handles,
		.count_handles = wait.count_handles,
		.timeout_nsec = wait.timeout_nsec,
		.flags = wait.flags,
	};
	plain = (struct drm_syncobj_array){ .handles = wait.handles,
					    .count_handles = wait.count_handles };
	switch (below(t, 8)) {
	case 0:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_WAIT, &binary);
	case 1:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait);
	case 2:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_RESET, &plain);
	case 3:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_SIGNAL, &plain);
	case 4:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &array);
	case 5:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_QUERY, &array);
	case 6:
		return fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &transfer);
	default:
		signalled = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		event.fd = signalled;
		ret = fuzzed_ioctl(t, fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &event);
		close(signalled);
		return ret;
	}
}

/* Fences that wait for another thread, which may also go. */
static int use_timeline(struct thread *t, int fd)
{
	int timeline;

	(void)fd;
	if (once_in(t, 4)) {
		timeline = sw_sync_create();
		if (timeline < 0)
			return timeline;
		/* Two fences in its place, so that it ends by and by. */
		keep_file(t, sw_sync_fence(timeline, 1 + below(t, 4)));
		keep_file(t, sw_sync_fence(timeline, 1 + below(t, 4)));
		keep_file(t, timeline);
		return 0;
	}
	/* What may be no timeline. */
	return ioctl(some_file(t), SW_SYNC_IOC_INC, &(uint32_t){ below(t, 3) }) ? -errno : 0;
}

static int use_file(struct thread *t, int fd)
{
	struct sync_merge_data merge = { .name = "fuzz", .fd2 = some_file(t) };
	struct sync_file_info info = { 0 };
	struct dma_buf_sync sync = { .flags = below(t, 8) };
	struct dma_buf_export_sync_file get = { .flags = below(t, 4), .fd = -1 };
	struct dma_buf_import_sync_file set = { .flags = below(t, 4), .fd = some_file(t) };
	struct pollfd poller = { .fd = some_file(t), .events = below(t, 8) };
	int file = some_file(t), ret;
	void *map;

	(void)fd;
	switch (below(t, 8)) {
	case 0:
		ret = fuzzed_ioctl(t, file, SYNC_IOC_MERGE, &merge);
		if (!ret)
			keep_file(t, merge.fence);
		return ret;
	case 1:
		return fuzzed_ioctl(t, file, SYNC_IOC_FILE_INFO, &info);
	case 2:
		return fuzzed_ioctl(t, file, DMA_BUF_IOCTL_SYNC, &sync);
	case 3:
		ret = fuzzed_ioctl(t, file, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &get);
		if (!ret)
			keep_file(t, get.fd);
		return ret;
	case 4:
		return fuzzed_ioctl(t, file, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &set);
	case 5:
		map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		if (map == MAP_FAILED)
			return -errno;
		madvise(map, PAGE, MADV_POPULATE_WRITE);
		munmap(map, PAGE);
		return 0;
	case 6:
		return lseek(file, 0, SEEK_END) < 0 ? -errno : 0;
	default:
		return poll(&poller, 1, below(t, 3)) < 0 ? -errno : 0;
	}
}

/* Any ioctl of DRM's or the driver's, with anything. */
static int anything(struct thread *t, int fd)
{
	uint64_t words[32];
	unsigned int size = below(t, sizeof(words)),
		     number = once_in(t, 2) ? 0x40 + below(t, 16) : below(t, 0xd0);

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = once_in(t, 2) ? 0 : some_value(t);
	return fuzzed_ioctl(t, fd, _IOC(below(t, 4), 'd', number, size), words);
}

static int read_and_poll(struct thread *t, int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int flags = fcntl(fd, F_GETFL);

	if (poll(&poller, 1, 0) < 0)
		return -errno;
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return read(fd, t->scratch, below(t, 64)) < 0 && errno != EAGAIN ? -errno : 0;
}

/* A process that has the files, and ends while it calls. */
static int fork_and_die(struct thread *t, int fd)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		for (unsigned int i = 0; i < 8; i++) {
			struct kind *kind = &driver_kinds[below(t, 11)];

			kind->call(t, fd);
		}
		_exit(0);
	}
	if (once_in(t, 2))
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

struct kind core_kinds[] = {
	{ .name = "who am I", .call = identity, .weight = 6 },
	{ .name = "GEM_CLOSE", .call = close_buffer, .weight = 8 },
	{ .name = "GEM_FLINK, GEM_OPEN", .call = name_buffer, .weight = 4 },
	{ .name = "PRIME_HANDLE_TO_FD", .call = export_buffer, .weight = 6 },
	{ .name = "PRIME_FD_TO_HANDLE", .call = import_buffer, .weight = 6 },
	{ .name = "SYNCOBJ_CREATE", .call = create_syncobj, .weight = 6 },
	{ .name = "SYNCOBJ_DESTROY", .call = destroy_syncobj, .weight = 4 },
	{ .name = "SYNCOBJ_HANDLE_TO_FD", .call = export_syncobj, .weight = 8 },
	{ .name = "SYNCOBJ_FD_TO_HANDLE", .call = import_syncobj, .weight = 10 },
	{ .name = "other SYNCOBJ_…", .call = use_syncobjs, .weight = 24 },
	{ .name = "fences of sw_sync's",
	  .call = use_timeline,
	  .weight = 6,
	  .may_always_fail = true },
	{ .name = "buffers and fences as files", .call = use_file, .weight = 16 },
	{ .name = "anything", .call = anything, .weight = 8 },
	{ .name = "read and poll", .call = read_and_poll, .weight = 2 },
	{ .name = "a process that dies", .call = fork_and_die, .weight = 1 },
	{ .name = NULL },
};
