// SPDX-License-Identifier: MIT OR Apache-2.0
/* Memory in fdinfo. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SIZE (16 * MIB)
#define SECONDS 120

/* Whether the total of a file is, or is within ten seconds. */
static bool comes_to(int fd, long long total)
{
	for (int i = 0; i < 100 && fdinfo(fd, "drm-total-memory") != total; i++)
		pause_ms(100);
	return fdinfo(fd, "drm-total-memory") == total;
}

/* A job that waits, and writes to timestamps if there are any. Returns what signals at its end. */
static uint32_t submit_waiting(struct context *ctx, int in, uint32_t object)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ }, { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ },
	};

	command.compute.ts.end.handle = object;
	for (int i = 0; i < 2; i++)
		need("create a syncobj", syncobj_create(ctx->fd, &syncs[i].handle));
	need("import a fence", syncobj_import_sync_file(ctx->fd, syncs[0].handle, in));
	need("submit", submit(ctx, &command, sizeof(command), syncs, 1, 1));
	syncobj_destroy(ctx->fd, syncs[0].handle);
	return syncs[1].handle;
}

/* What nothing but a job keeps. */
static void check_kept_by_jobs(void)
{
	int timeline = sw_sync_create(), in = sw_sync_fence(timeline, 1);
	uint32_t bo, object, out;
	long long total, before;
	struct context ctx;

	need("a fence", in);
	context_init(&ctx);
	total = fdinfo(ctx.fd, "drm-total-memory");
	need("create a buffer", gem_create(ctx.fd, SIZE, 0, 0, &bo));
	need("have timestamps in it", bind_timestamps(ctx.fd, bo, PAGE, &object));
	out = submit_waiting(&ctx, in, object);
	need("end them", unbind_timestamps(ctx.fd, object));
	need("close it", gem_close(ctx.fd, bo));
	check_true("what a job writes timestamps to counts",
		   fdinfo(ctx.fd, "drm-total-memory") == total + SIZE / 1024);

	need("create a buffer", gem_create(ctx.fd, SIZE, 0, 0, &bo));
	need("bind it", vm_bind(ctx.fd, ctx.vm, bo, USER_VA + (1ull << 32), SIZE));
	need("destroy the queue of a job", queue_destroy(ctx.fd, ctx.queue));
	need("destroy its VM", vm_destroy(ctx.fd, ctx.vm));
	before = pinned();
	need("close what is bound there", gem_close(ctx.fd, bo));
	check_true("it is not pinned any more", pinned() <= before - SIZE / 1024);
	/* A queue that is destroyed discards a job that waits, and what that has kept. */
	check_true("and not counted any more",
		   fdinfo(ctx.fd, "drm-total-memory") <= total + SIZE / 1024);

	sw_sync_advance(timeline, 1);
	check_true("the job ends", syncobj_wait(ctx.fd, out, SECONDS) != -ETIME);
	check_true("and what it has kept does not count any more", comes_to(ctx.fd, total));
	close(in);
	close(timeline);
	context_fini(&ctx);
}

/* What is active is what is bound in the file's own VMs. */
static void check_active(void)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR }, import = { 0 };
	struct context ctx, other;
	long long active, most = 0;
	uint32_t sync;

	context_init(&ctx);
	context_init(&other);
	need("create a buffer", gem_create(ctx.fd, SIZE, 0, 0, &export.handle));
	need("export it", gpu_ioctl(ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	import.fd = export.fd;
	need("import it", gpu_ioctl(other.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import));
	close(export.fd);
	need("bind it there",
	     vm_bind(other.fd, other.vm, import.handle, USER_VA + (1ull << 32), SIZE));
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	for (int i = 0; i < 1000 && !most; i++) {
		for (int job = 0; job < 20; job++)
			need("submit", submit_one(&ctx, sync));
		active = fdinfo(ctx.fd, "drm-active-memory");
		most = active > most ? active : most;
	}
	need("wait", syncobj_wait(ctx.fd, sync, SECONDS));
	printf("# %lld KiB are active\n", most);
	check_true("a client that works has active memory", most > 0);
	check_true("what another one has bound is not", most < SIZE / 1024);
	context_fini(&other);
	context_fini(&ctx);
}

/* The driver's own memory in a file's VMs: there from the first job on, and gone with the VM. */
static void check_internal(void)
{
	struct context ctx;

	context_init(&ctx);
	check_true("a client without a job has no memory of the driver's",
		   fdinfo(ctx.fd, "asahi-resident-memory") == 0);
	check("a job", run(&ctx), 0);
	check_true("one with jobs has", fdinfo(ctx.fd, "asahi-resident-memory") > 0);
	need("destroy its queue", queue_destroy(ctx.fd, ctx.queue));
	need("destroy its VM", vm_destroy(ctx.fd, ctx.vm));
	for (int i = 0; i < 100 && fdinfo(ctx.fd, "asahi-resident-memory"); i++)
		pause_ms(100);
	check_true("it goes with the VM", fdinfo(ctx.fd, "asahi-resident-memory") == 0);
	context_fini(&ctx);
}

/* All keys of fdinfo, of a buffer's life. */
static void check_keys(void)
{
	const long long size = SIZE, kib = size / 1024;
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

void check_fdinfo(void)
{
	check_keys();
	check_kept_by_jobs();
	check_active();
	check_internal();
}
