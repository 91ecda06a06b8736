// SPDX-License-Identifier: MIT OR Apache-2.0
/* Memory in fdinfo. */
#include "memory.h"

#include <fcntl.h>
#include <unistd.h>

/* All keys of fdinfo, of a buffer's life. */
void check_fdinfo(void)
{
	const long long size = 16 * MIB, kib = size / 1024;
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR }, import = { 0 };
	long long total, resident, shared;
	struct context ctx, other;
	uint32_t bo, object[2];
	int dmabuf;

	context_init(&ctx);
	context_init(&other);
	total = fdinfo(ctx.fd, "drm-total-memory");
	resident = fdinfo(ctx.fd, "drm-resident-memory");
	shared = fdinfo(ctx.fd, "drm-shared-memory");
	check_true("all keys are there", total > 0 && resident > 0 && shared == 0 &&
						 fdinfo(ctx.fd, "drm-active-memory") == 0 &&
						 fdinfo(ctx.fd, "drm-purgeable-memory") == 0);

	need("create a buffer", gem_create(ctx.fd, size, 0, 0, &bo));
	check_true("a new buffer counts", fdinfo(ctx.fd, "drm-total-memory") == total + kib);
	check_true("but is not resident", fdinfo(ctx.fd, "drm-resident-memory") == resident);
	need("bind it", vm_bind(ctx.fd, ctx.vm, bo, USER_VA + (1ull << 32), size));
	check_true("once it is bound it is",
		   fdinfo(ctx.fd, "drm-resident-memory") == resident + kib);

	export.handle = bo;
	need("export it", gpu_ioctl(ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	check_true("once it is exported it is shared",
		   fdinfo(ctx.fd, "drm-shared-memory") == shared + kib);
	total = fdinfo(other.fd, "drm-total-memory");
	need("import it", gpu_ioctl(other.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE,
				    &(struct drm_prime_handle){ .fd = export.fd }));
	check_true("what is imported counts there",
		   fdinfo(other.fd, "drm-total-memory") == total + kib &&
			   fdinfo(other.fd, "drm-shared-memory") == kib);
	dmabuf = export.fd;

	total = fdinfo(ctx.fd, "drm-total-memory");
	need("have timestamps in it", bind_timestamps(ctx.fd, bo, PAGE, &object[0]));
	need("have more", bind_timestamps(ctx.fd, bo, 2 * PAGE, &object[1]));
	need("close it", gem_close(ctx.fd, bo));
	check_true("what timestamps keep counts, once",
		   fdinfo(ctx.fd, "drm-total-memory") == total);
	import.fd = dmabuf;
	need("import it again", gpu_ioctl(ctx.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import));
	check_true("with a handle again it still counts once",
		   fdinfo(ctx.fd, "drm-total-memory") == total);
	need("close it again", gem_close(ctx.fd, import.handle));
	close(dmabuf);
	check_true("and so it does without one", fdinfo(ctx.fd, "drm-total-memory") == total);
	need("end the ones", unbind_timestamps(ctx.fd, object[0]));
	check_true("what other timestamps keep still counts",
		   fdinfo(ctx.fd, "drm-total-memory") == total);
	need("end the others", unbind_timestamps(ctx.fd, object[1]));
	check_true("what nothing keeps does not count",
		   fdinfo(ctx.fd, "drm-total-memory") == total - kib);
	context_fini(&other);
	context_fini(&ctx);
}
