// SPDX-License-Identifier: MIT OR Apache-2.0
/* A client with all that a job needs, and jobs. */
#define _GNU_SOURCE
#include "uapi.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void context_init(struct context *ctx)
{
	int fd = gpu_open();

	need("open the render node", fd);
	context_init_in(ctx, fd);
}

void context_init_in(struct context *ctx, int fd)
{
	ctx->fd = fd;
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

size_t launch_one(int fd, void *stream, uint32_t pipeline)
{
	/* From G14 on two words more if there are several clusters. Only this bit is known. */
	const uint32_t first[] = { 1 << 1, pipeline }, more[] = { 0, 1 << 30 };
	const uint32_t sizes[] = { 1, 1, 1, 1, 1, 1 }, end[] = { CDM_TERMINATE, 0 };
	struct drm_asahi_params_global params;
	uint8_t *at = stream;

	need("the parameters", get_params(fd, &params));
	at = mempcpy(at, first, sizeof(first));
	if (params.gpu_generation >= 14 && params.num_clusters_total > 1)
		at = mempcpy(at, more, sizeof(more));
	at = mempcpy(at, sizes, sizeof(sizes));
	at = mempcpy(at, end, sizeof(end));
	return at - (uint8_t *)stream;
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

int submit_and_wait(struct context *ctx, const void *commands, size_t size, unsigned int seconds)
{
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };
	int ret, file;

	need("create a syncobj", syncobj_create(ctx->fd, &sync.handle));
	ret = submit(ctx, commands, size, &sync, 0, 1);
	if (!ret) {
		file = syncobj_export_sync_file(ctx->fd, sync.handle);
		need("export a fence", file);
		ret = sync_file_wait(file, seconds * 1000);
		close(file);
	}
	syncobj_destroy(ctx->fd, sync.handle);
	return ret;
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

int new_job(unsigned int seconds)
{
	struct context ctx;
	uint32_t out;
	int ret;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	ret = submit_one(&ctx, out);
	if (!ret)
		ret = syncobj_wait(ctx.fd, out, seconds);
	context_fini(&ctx);
	return ret;
}
