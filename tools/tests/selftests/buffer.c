// SPDX-License-Identifier: MIT OR Apache-2.0
/* A buffer of the GPU's, for the kernel's selftest of mappings without struct pages. */
#include "buffer.h"

#include <fcntl.h>

#include "../uapi/uapi.h"

#define PAGES 4

int buffer_of_gpu(off_t *offset)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int fd = gpu_open();
	uint64_t at;

	need("open the render node", fd < 0 ? fd : 0);
	need("create a buffer", gem_create(fd, PAGES * PAGE, 0, 0, &export.handle));
#ifdef EXPORTED
	need("export it", gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	at = 0;
	fd = export.fd;
#else
	need("its place in the node", gem_mmap_offset(fd, export.handle, &at));
#endif
	*offset = at;
	return fd;
}
