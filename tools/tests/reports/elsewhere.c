// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A timeline of this driver's is used through another one's device, as a compositor on another GPU
 * does: there it is waited for, asked for and made a sync file of. Our jobs signal it, and its
 * client goes.
 */
#define _GNU_SOURCE
#include "reports.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sync_file.h>

/* The other driver's device. */
static int other;

/* A client of ours: a job waits for sw_sync, and signals point 1 of a timeline. */
struct client {
	struct context ctx;
	int timeline;
	uint32_t handle;
};

static void client_init(struct client *client)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {};
	int fence;

	context_init(&client->ctx);
	client->timeline = sw_sync_create();
	need("a timeline of sw_sync's", client->timeline < 0 ? client->timeline : 0);
	fence = sw_sync_fence(client->timeline, 1);
	need("a fence", fence < 0 ? fence : 0);
	need("create a syncobj", syncobj_create(client->ctx.fd, &syncs[0].handle));
	need("import the fence",
	     syncobj_import_sync_file(client->ctx.fd, syncs[0].handle, fence));
	close(fence);
	need("create a syncobj", syncobj_create(client->ctx.fd, &client->handle));
	syncs[1] = (struct drm_asahi_sync){ .sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ,
					    .handle = client->handle, .timeline_value = 1 };
	need("a job", submit(&client->ctx, &command, sizeof(command), syncs, 1, 1));
}

/* The timeline of a client as the other device's. */
static uint32_t shared(struct client *client)
{
	struct drm_syncobj_handle share = { .handle = client->handle };

	need("export a timeline",
	     gpu_ioctl(client->ctx.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &share));
	share.handle = 0;
	check("the other device imports it",
	      gpu_ioctl(other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &share), 0);
	close(share.fd);
	return share.handle;
}

/* Point 1 as a sync file of the other device's. */
static int as_sync_file(uint32_t handle)
{
	struct drm_syncobj_transfer transfer = { .src_handle = handle, .src_point = 1 };
	int file;

	need("create a syncobj there", syncobj_create(other, &transfer.dst_handle));
	check("a binary one of it", gpu_ioctl(other, DRM_IOCTL_SYNCOBJ_TRANSFER, &transfer), 0);
	file = syncobj_export_sync_file(other, transfer.dst_handle);
	check_true("a sync file of that", file >= 0);
	need("destroy it", syncobj_destroy(other, transfer.dst_handle));
	return file;
}

static void test_good(void)
{
	struct client client;
	struct drm_syncobj_eventfd event = { .point = 1 };
	struct pollfd rings = { .events = POLLIN };
	int file;

	client_init(&client);
	event.handle = shared(&client);
	event.fd = rings.fd = eventfd(0, EFD_CLOEXEC);
	check("an eventfd for the point", gpu_ioctl(other, DRM_IOCTL_SYNCOBJ_EVENTFD, &event), 0);
	file = as_sync_file(event.handle);
	check("the job has not run", timeline_wait(other, event.handle, 1, 0), -ETIME);
	check("nor does the eventfd say so", poll(&rings, 1, 0), 0);
	sw_sync_advance(client.timeline, 1);
	check("the other device waits for it", timeline_wait(other, event.handle, 1, SECONDS), 0);
	check("the sync file signals", sync_file_wait(file, SECONDS * 1000), 0);
	check("and the eventfd", poll(&rings, 1, SECONDS * 1000), 1);
	need("destroy it there", syncobj_destroy(other, event.handle));
	close(file);
	close(event.fd);
	close(client.timeline);
	context_fini(&client.ctx);
}

/*
 * How the fence in a sync file's chain has ended. A chain itself has no error: the file's own
 * status is that of the chain unless its fences are asked for.
 */
static int contained_status(int file)
{
	struct sync_fence_info fence = {};
	struct sync_file_info info = {
		.num_fences = 1, .sync_fence_info = (uintptr_t)&fence,
	};

	if (ioctl(file, SYNC_IOC_FILE_INFO, &info))
		return -errno;
	return fence.status == 1 ? 0 : fence.status;
}

/* A client that has gone leaves its job in its place until what it waits for is over. */
static void test_gone(void)
{
	struct client client;
	uint32_t handle;
	int file;

	client_init(&client);
	handle = shared(&client);
	file = as_sync_file(handle);
	check("the job waits", sync_file_wait(file, 0), -ETIME);
	context_fini(&client.ctx);
	check("it does without its client, too", sync_file_wait(file, 0), -ETIME);
	sw_sync_advance(client.timeline, 1);
	check("it ends", sync_file_wait(file, SECONDS * 1000), 0);
	check("with its client", contained_status(file), -ECANCELED);
	check("the other device does not wait for it",
	      timeline_wait(other, handle, 1, SECONDS), 0);
	need("destroy it there", syncobj_destroy(other, handle));
	close(file);
	close(client.timeline);
}

void test_elsewhere(void)
{
	other = card_open("virtio_gpu");
	need("open another driver's device", other < 0 ? other : 0);
	test_good();
	test_gone();
	close(other);
}
