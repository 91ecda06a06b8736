// SPDX-License-Identifier: MIT OR Apache-2.0
/* Imports that are refused, or that the device goes away from: no attachment is left. */
#define _GNU_SOURCE
#include "sharing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <drm/drm_mode.h>

#define ROUNDS 10

/* A buffer of vgem's, of 32 KiB. Returns its file. */
static int foreign(void)
{
	struct drm_mode_create_dumb create = { .width = 128, .height = 64, .bpp = 32 };
	int fd = card_open("vgem"), file;

	need("open vgem", fd);
	need("create a buffer of vgem's", gpu_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create));
	file = export(fd, create.handle);
	need("export it", file);
	close(fd);
	return file;
}

void test_refused(void)
{
	int before = attachments(DEVICE), file = foreign(), null, closed;
	struct context ctx;
	uint32_t handle;

	context_init(&ctx);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	check("import what is no buffer", import(ctx.fd, null, &handle), -EINVAL);
	close(null);
	closed = dup(file);
	close(closed);
	check("import a file that is closed", import(ctx.fd, closed, &handle), -EBADF);
	check("import no file", import(ctx.fd, -1, &handle), -EBADF);
	check("import the device", import(ctx.fd, ctx.fd, &handle), -EINVAL);
	check_true("no attachment is left", attachments(DEVICE) == before);

	check("import", import(ctx.fd, file, &handle), 0);
	check_true("an attachment is listed", attachments(DEVICE) == before + 1);
	check("bind past its end", vm_bind(ctx.fd, ctx.vm, handle, SHARED_VA, 3 * PAGE), -EINVAL);
	check("bind it", vm_bind(ctx.fd, ctx.vm, handle, SHARED_VA, 2 * PAGE), 0);
	/* With its handle it goes from the client's address spaces. */
	check("close it", gem_close(ctx.fd, handle), 0);
	check_true("the attachment goes", detached(DEVICE, before));
	check("import again", import(ctx.fd, file, &handle), 0);
	check("bind it again", vm_bind(ctx.fd, ctx.vm, handle, SHARED_VA, 2 * PAGE), 0);
	context_fini(&ctx);
	check_true("it goes with its client, too", detached(DEVICE, before));
	close(file);
}

static atomic_bool over;
static atomic_uint imports;

static void *importer(void *file)
{
	while (!atomic_load(&over)) {
		int fd = gpu_open();
		uint32_t handle, vm;

		if (fd < 0)
			continue;
		if (!import(fd, *(int *)file, &handle)) {
			atomic_fetch_add(&imports, 1);
			if (!vm_create(fd, &vm))
				vm_bind(fd, vm, handle, SHARED_VA, 2 * PAGE);
		}
		close(fd);
	}
	return NULL;
}

/* Imports and binds while the device is unbound and bound. */
void test_races(void)
{
	int before = attachments(DEVICE), file = foreign(), result = 0;
	pthread_t thread;

	need("start a thread", -pthread_create(&thread, NULL, importer, &file));
	for (int i = 0; i < ROUNDS && !result; i++) {
		unsigned int seen = atomic_load(&imports);

		/* In the midst of imports. */
		while (atomic_load(&imports) < seen + 3)
			usleep(1000);
		result = unbind_device();
		if (!result)
			result = bind_device();
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	check("unbind and bind beside imports", result, 0);
	printf("# %u imports\n", atomic_load(&imports));
	check("a job", new_job(SECONDS), 0);
	check_true("no attachment is left", detached(DEVICE, before));
	close(file);
}
