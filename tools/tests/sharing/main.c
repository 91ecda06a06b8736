// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Buffers that are shared with others: the file of an exported buffer itself, imports that are
 * refused, and memory of exporters whose pages are in no order.
 *
 * usage: sharing [GROUP...]	groups: exported refused races udmabuf heap hugetlb display;
 *				vgem has to be loaded, for a display vkms
 *
 * What the kernel does not have is skipped. Prints TAP.
 */
#define _GNU_SOURCE
#include "sharing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <drm/drm_mode.h>

int import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle args = { .fd = dmabuf };
	int ret = gpu_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);

	*handle = args.handle;
	return ret;
}

int export(int fd, uint32_t handle)
{
	struct drm_prime_handle args = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);

	return ret ? ret : args.fd;
}

int attachments(const char *device)
{
	FILE *file = fopen("/sys/kernel/debug/dma_buf/bufinfo", "r");
	char line[512];
	int count = 0;

	need("list shared buffers", file ? 0 : -errno);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, device) != NULL;
	fclose(file);
	return count;
}

bool detached(const char *device, int before)
{
	for (int i = 0; i < SECONDS * 100; i++) {
		if (attachments(device) == before)
			return true;
		usleep(10000);
	}
	return false;
}

bool gpu_sees_pages(struct context *ctx, uint32_t handle, void *map, const unsigned int *order,
		    unsigned int pages)
{
	struct drm_asahi_gem_bind_object bind = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.handle = handle, .range = pages * PAGE,
	};
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };
	bool all = true;

	if (gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind))
		return false;
	need("create a syncobj", syncobj_create(ctx->fd, &out.handle));
	for (unsigned int i = 0; i < pages && all; i++) {
		volatile uint32_t *stream = (uint32_t *)((char *)map + order[i] * PAGE);
		volatile uint64_t *stamps = (uint64_t *)((char *)map + order[i] * PAGE + 64);

		/* In no other page: there it would be a fault. */
		memset(map, 0xff, pages * PAGE);
		stream[0] = CDM_TERMINATE;
		stream[1] = 0;
		command.compute.cdm_ctrl_stream_base = SHARED_VA + i * PAGE;
		command.compute.cdm_ctrl_stream_end = SHARED_VA + i * PAGE + 8;
		command.compute.ts.start = (struct drm_asahi_timestamp){
			bind.object_handle, i * PAGE + 64 };
		command.compute.ts.end = (struct drm_asahi_timestamp){
			bind.object_handle, i * PAGE + 72 };
		if (submit(ctx, &command, sizeof(command), &out, 0, 1) ||
		    syncobj_wait(ctx->fd, out.handle, SECONDS))
			all = false;
		else
			all = stamps[0] && stamps[0] <= stamps[1] && stamps[1] != UINT64_MAX;
		if (all) {
			int file = syncobj_export_sync_file(ctx->fd, out.handle);

			need("export a fence", file);
			all = sync_file_wait(file, SECONDS * 1000) == 0;
			close(file);
		}
		if (!all)
			printf("# page %u\n", i);
	}
	syncobj_destroy(ctx->fd, out.handle);
	/* The other fields have to be zero. */
	bind = (struct drm_asahi_gem_bind_object){
		.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND, .object_handle = bind.object_handle,
	};
	need("unbind timestamps", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	return all;
}

static const struct test_group groups[] = {
	{ "exported", test_exported },
	{ "refused", test_refused },
	{ "races", test_races },
	{ "udmabuf", test_udmabuf },
	{ "heap", test_heap },
	{ "hugetlb", test_hugetlb },
	{ "display", test_display },
};

int main(int argc, char **argv)
{
	return run_groups(groups, ARRAY_SIZE(groups), argc, argv);
}
