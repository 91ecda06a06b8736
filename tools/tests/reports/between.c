// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Two clients whose jobs follow each other along a timeline that one has made and the other has
 * imported. All are submitted behind a fence of sw_sync's, so that none has run when the last one
 * is there.
 */
#include "reports.h"

#include <stdio.h>
#include <unistd.h>

/* Of each client: fewer than a queue may have. */
#define JOBS 200

static struct context clients[2];
static uint32_t handles[2];

static int job(int who, uint64_t after, uint32_t first)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ, .handle = handles[who],
		  .timeline_value = after },
		{ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ, .handle = handles[who],
		  .timeline_value = after + 1 },
	};

	if (!after)
		syncs[0] = (struct drm_asahi_sync){ .handle = first };
	return submit(&clients[who], &command, sizeof(command), syncs, 1, 1);
}

static uint64_t reached(int who)
{
	uint64_t point = 0;
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&handles[who], .points = (uintptr_t)&point,
		.count_handles = 1,
	};

	need("ask for the point", gpu_ioctl(clients[who].fd, DRM_IOCTL_SYNCOBJ_QUERY, &args));
	return point;
}

void test_between(void)
{
	struct drm_syncobj_handle share = {};
	int timeline = sw_sync_create(), fence, refused = 0;
	uint32_t first;

	need("a timeline of sw_sync's", timeline < 0 ? timeline : 0);
	context_init(&clients[0]);
	context_init(&clients[1]);
	need("create a syncobj", syncobj_create(clients[0].fd, &first));
	need("create a syncobj", syncobj_create(clients[0].fd, &handles[0]));
	share.handle = handles[0];
	check("export a timeline",
	      gpu_ioctl(clients[0].fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &share), 0);
	check("import it",
	      gpu_ioctl(clients[1].fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &share), 0);
	handles[1] = share.handle;
	close(share.fd);
	fence = sw_sync_fence(timeline, 1);
	need("a fence", fence < 0 ? fence : 0);
	need("what the first job waits for", syncobj_import_sync_file(clients[0].fd, first, fence));
	for (uint64_t i = 0; i < 2 * JOBS; i++)
		refused += job(i % 2, i, first) != 0;
	check("jobs that are refused", refused, 0);
	check_true("none has run", reached(0) == 0 && reached(1) == 0);
	sw_sync_advance(timeline, 1);
	check("all run", timeline_wait(clients[1].fd, handles[1], 2 * JOBS, SECONDS), 0);
	check_true("both see the end", reached(0) == 2 * JOBS && reached(1) == 2 * JOBS);
	close(fence);
	close(timeline);
	context_fini(&clients[0]);
	context_fini(&clients[1]);
}
