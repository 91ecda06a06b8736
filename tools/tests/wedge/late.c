// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What tests need that measure how late fences are: busy threads, policies, and both clocks.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <sched.h>
#include <sys/ioctl.h>

void be_busy(void *arg)
{
	(void)arg;
	for (;;)
		;
}

void policy(pid_t pid, int policy)
{
	struct sched_param param = { 0 };

	need("set the policy", sched_setscheduler(pid, policy, &param) ? -errno : 0);
}

/* Of many reads, the two that are next to each other. */
int64_t clock_offset_us(int fd)
{
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 100; i++) {
		struct drm_asahi_get_time time = { 0 };
		int64_t before = now_us(), after;

		need("read the GPU's clock", gpu_ioctl(fd, DRM_IOCTL_ASAHI_GET_TIME, &time));
		after = now_us();
		if (after - before < best) {
			best = after - before;
			offset = before + best / 2 - (int64_t)(time.gpu_timestamp / 1000);
		}
	}
	return offset;
}

int64_t signalled_us(int file)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };

	need("wait for a fence", sync_file_wait(file, 600000));
	need("ask a sync file", ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : 0);
	return fence.timestamp_ns / 1000;
}
