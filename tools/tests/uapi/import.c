// SPDX-License-Identifier: MIT OR Apache-2.0
/* Buffers of another device: vgem's, whose memory is not the driver's. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/drm_mode.h>

#include "uapi.h"

#define SECONDS 120
/* Of two pages, as DRM counts in pixels. */
#define WIDTH 128
#define HEIGHT 64
#define SIZE (WIDTH * HEIGHT * 4)
#define IMPORT_VA (USER_VA + 0x10000000)

static struct drm_mode_create_dumb dumb(void)
{
	return (struct drm_mode_create_dumb){ .width = WIDTH, .height = HEIGHT, .bpp = 32 };
}

/* Makes a buffer of vgem's and maps it. Returns the file descriptor that it is exported by. */
static int foreign(uint32_t **map)
{
	struct drm_mode_create_dumb create = dumb();
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_mode_map_dumb offset = { 0 };
	int fd = card_open("vgem");

	need("open vgem", fd);
	need("create a buffer of vgem's", gpu_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create));
	offset.handle = export.handle = create.handle;
	need("where to map it", gpu_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &offset));
	*map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset.offset);
	need("map it", *map == MAP_FAILED ? -errno : 0);
	need("export it", gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	close(fd);
	return export.fd;
}

static int import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle args = { .fd = dmabuf };
	int ret = gpu_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);

	*handle = args.handle;
	return ret;
}

static void check_job(struct context *ctx, uint32_t handle, const uint32_t *map)
{
	struct drm_asahi_gem_bind_object bind = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.handle = handle, .offset = PAGE, .range = PAGE,
	};
	struct drm_asahi_sync out = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ };
	struct compute_command command = compute_command();
	const volatile uint64_t *stamps = (const volatile uint64_t *)map + PAGE / 8;

	check("bind it for timestamps", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind),
	      0);
	need("create a syncobj", syncobj_create(ctx->fd, &out.handle));
	command.compute.cdm_ctrl_stream_base = IMPORT_VA;
	command.compute.cdm_ctrl_stream_end = IMPORT_VA + 8;
	command.compute.ts.start = (struct drm_asahi_timestamp){ bind.object_handle, 0 };
	command.compute.ts.end = (struct drm_asahi_timestamp){ bind.object_handle, 8 };
	check("submit a control stream that is in it",
	      submit(ctx, &command, sizeof(command), &out, 0, 1), 0);
	check("its fence signals", syncobj_wait(ctx->fd, out.handle, SECONDS), 0);
	check_true("the other device sees the timestamps", stamps[0] && stamps[0] <= stamps[1]);
	syncobj_destroy(ctx->fd, out.handle);
}

/* The result of a job whose control stream is where the import was bound. */
static int run_there(struct context *ctx)
{
	struct compute_command command = compute_command();

	command.compute.cdm_ctrl_stream_base = IMPORT_VA;
	command.compute.cdm_ctrl_stream_end = IMPORT_VA + 8;
	return submit_and_wait(ctx, &command, sizeof(command), SECONDS);
}

void test_import(void)
{
	struct drm_mode_create_dumb create = dumb();
	struct drm_asahi_gem_bind_op past = {
		.flags = DRM_ASAHI_BIND_READ, .range = 2 * SIZE, .addr = IMPORT_VA,
	};
	struct context ctx;
	uint32_t *map, *ours, handle, again;
	int dmabuf, card;

	context_init(&ctx);
	dmabuf = foreign(&map);
	map[0] = ctx.map[0];
	map[1] = ctx.map[1];

	check("import", import(ctx.fd, dmabuf, &handle), 0);
	check("import again", import(ctx.fd, dmabuf, &again), 0);
	check_true("it is the same object", handle == again);
	ours = gem_map(ctx.fd, handle, SIZE);
	check_true("map", ours != NULL);
	if (ours) {
		ours[SIZE / 4 - 1] = 0x600d;
		check_true("both see one memory", map[SIZE / 4 - 1] == 0x600d);
		munmap(ours, SIZE);
	}
	check("bind", vm_bind(ctx.fd, ctx.vm, handle, IMPORT_VA, SIZE), 0);
	past.handle = handle;
	check("bind past its end", vm_bind_op(ctx.fd, ctx.vm, past), -EINVAL);
	check_job(&ctx, handle, map);

	/* Closing the handle ends what is bound of it. */
	check("close the handle", gem_close(ctx.fd, handle), 0);
	close(dmabuf);
	check("a control stream that was in it is not found", run_there(&ctx), -EIO);
	check("unbind it once more", vm_bind_op(ctx.fd, ctx.vm, (struct drm_asahi_gem_bind_op){
		.flags = DRM_ASAHI_BIND_UNBIND, .range = SIZE, .addr = IMPORT_VA }), 0);

	dmabuf = foreign(&ours);
	check("import another", import(ctx.fd, dmabuf, &handle), 0);
	check("bind it", vm_bind(ctx.fd, ctx.vm, handle, IMPORT_VA, SIZE), 0);
	close(dmabuf);
	/* The file is closed with it bound. */
	context_fini(&ctx);
	munmap(ours, SIZE);
	munmap(map, SIZE);

	card = card_open("asahi");
	need("open the primary node", card);
	check("buffers for displays are not to be had",
	      gpu_ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create), -ENOSYS);
	close(card);
}
