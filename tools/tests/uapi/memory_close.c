// SPDX-License-Identifier: MIT OR Apache-2.0
/* Closing a handle unbinds, and frees. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Bound, and closed without an unbind, as Mesa frees a buffer: more than the machine has, one after
 * the other.
 */
static void check_close(uint32_t flags, const char *what)
{
	const int count = 445;
	const uint64_t size = 4 * MIB;
	int fd = gpu_open(), ret = 0, i;
	long long before, total;
	uint32_t vm[2], bo;

	need("open the render node", fd);
	for (i = 0; i < 2; i++)
		need("create a VM", vm_create(fd, &vm[i]));
	before = meminfo("MemAvailable");
	total = fdinfo(fd, "drm-total-memory");
	for (i = 0; i < count && !ret; i++) {
		ret = gem_create(fd, size, flags, flags & DRM_ASAHI_GEM_VM_PRIVATE ? vm[0] : 0,
				 &bo);
		if (!ret)
			ret = vm_bind(fd, vm[0], bo, USER_VA + i * size, size);
		if (!ret && !(flags & DRM_ASAHI_GEM_VM_PRIVATE))
			ret = vm_bind(fd, vm[1], bo, USER_VA + i * size, size);
		if (!ret)
			ret = gem_close(fd, bo);
	}
	check(what, ret, 0);
	check_true("what is closed is not pinned any more", is_back(what, before, 40));
	check_true("and not counted any more", fdinfo(fd, "drm-total-memory") == total);
	close(fd);
}

/* The GPU does not see what is closed, wherever else the object still is. */
static void check_close_is_seen(void)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_prime_handle import = { 0 };
	struct context ctx, other;

	context_init(&ctx);
	context_init(&other);
	export.handle = ctx.bo;
	check("export", gpu_ioctl(ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export), 0);
	import.fd = export.fd;
	check("import", gpu_ioctl(other.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);
	close(export.fd);
	check("bind what was imported", vm_bind(other.fd, other.vm, import.handle, USER_VA, PAGE),
	      0);
	check("a job of the one", run(&ctx), 0);
	check("a job of the other", run(&other), 0);

	check("close", gem_close(ctx.fd, ctx.bo), 0);
	check("a job that needs what is closed", run(&ctx), -EIO);
	check("the other file's mapping is its own", run(&other), 0);
	check("close there", gem_close(other.fd, import.handle), 0);
	check("a job that needs what is closed there", run(&other), -EIO);
	check("bind what is closed", vm_bind(ctx.fd, ctx.vm, ctx.bo, USER_VA, PAGE), -ENOENT);

	need("create a buffer", gem_create(ctx.fd, PAGE, 0, 0, &ctx.bo));
	check("its address is free again", vm_bind(ctx.fd, ctx.vm, ctx.bo, USER_VA, PAGE), 0);
	context_fini(&other);
	context_fini(&ctx);
}

/* A VM whose handle is gone lives on in its queue. */
static void check_close_after_destroy(void)
{
	struct context ctx;

	context_init(&ctx);
	check("destroy the VM of a queue", vm_destroy(ctx.fd, ctx.vm), 0);
	check("a job in it", run(&ctx), 0);
	check("close", gem_close(ctx.fd, ctx.bo), 0);
	check("a job that needs what is closed", run(&ctx), -EIO);
	context_fini(&ctx);
}

/* Mappings in pieces, and more than one. */
static void check_close_in_pieces(void)
{
	int fd = gpu_open();
	long long before;
	uint32_t vm, bo, small;

	need("open the render node", fd);
	need("create a VM", vm_create(fd, &vm));
	need("create a small buffer", gem_create(fd, PAGE, 0, 0, &small));
	before = meminfo("MemAvailable");
	for (int i = 0; i < 20; i++) {
		need("create a buffer", gem_create(fd, 64 * MIB, 0, 0, &bo));
		for (int at = 0; at < 4; at++)
			need("bind it", vm_bind(fd, vm, bo, USER_VA + at * 64 * MIB, 64 * MIB));
		for (int at = 1; at < 32; at++)
			need("bind something over it",
			     vm_bind(fd, vm, small, USER_VA + at * 8 * MIB, PAGE));
		need("close it", gem_close(fd, bo));
	}
	check_true("many pieces are unbound as one is", is_back("pieces", before, 40));
	check("what was bound over it is still there", gem_close(fd, small), 0);
	close(fd);
}

void check_closes(void)
{
	check_close(0, "bind and close");
	check_close(DRM_ASAHI_GEM_VM_PRIVATE, "bind and close what is private");
	check_close(DRM_ASAHI_GEM_WRITEBACK, "bind and close what is cached");
	check_close_is_seen();
	check_close_after_destroy();
	check_close_in_pieces();
}

#define HELD 80

/* A client that binds much, and has a job that waits for @gate; then it does nothing any more. */
static void hold(int gate, int out, int ready)
{
	struct compute_command command = compute_command();
	struct drm_syncobj_handle import = { .fd = out };
	struct drm_asahi_sync syncs[2] = { 0 };
	struct context ctx;
	uint32_t bo;

	context_init(&ctx);
	for (int i = 1; i <= HELD; i++) {
		need("create a buffer", gem_create(ctx.fd, 4 * MIB, 0, 0, &bo));
		need("bind it", vm_bind(ctx.fd, ctx.vm, bo, USER_VA + i * 4 * MIB, 4 * MIB));
	}
	need("import a syncobj", gpu_ioctl(ctx.fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import));
	need("create a syncobj", syncobj_create(ctx.fd, &syncs[0].handle));
	need("import a fence", syncobj_import_sync_file(ctx.fd, syncs[0].handle, gate));
	/* The last one has the fence of all. */
	syncs[1].handle = import.handle;
	for (int i = 0; i < 3; i++)
		need("submit", submit(&ctx, &command, sizeof(command), syncs, 1, i == 2));
	need("say so", write(ready, "", 1) == 1 ? 0 : -EIO);
	for (;;)
		pause();
}

/*
 * A client is killed whose jobs wait for another one's fence, which does not signal: its memory
 * comes back, and the fences of its jobs signal in their turn.
 */
void test_blocked(void)
{
	struct drm_syncobj_handle export = { 0 };
	int timeline = sw_sync_create(), gate, ready[2], file;
	struct context other;
	long long before;
	pid_t pid;
	char c;

	need("open sw_sync", timeline);
	gate = sw_sync_fence(timeline, 1);
	need("create a fence", gate);
	need("create a pipe", pipe(ready) ? -errno : 0);
	context_init(&other);
	need("create a syncobj", syncobj_create(other.fd, &export.handle));
	need("export it", gpu_ioctl(other.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &export));
	check("a job", run(&other), 0);
	before = meminfo("MemAvailable");

	pid = fork();
	need("fork", pid < 0 ? -errno : 0);
	if (!pid)
		hold(gate, export.fd, ready[1]);
	close(ready[1]);
	need("the client has its jobs", read(ready[0], &c, 1) == 1 ? 0 : -EIO);
	check_true("it has much memory", pinned() > HELD * 3 * KIB_PER_MIB);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check_true("its memory comes back while its jobs wait", is_back("killed", before, 60));
	file = syncobj_export_sync_file(other.fd, export.handle);
	need("export the fence", file);
	check("the fence of its jobs has not signalled", sync_file_wait(file, 0), -ETIME);
	sw_sync_advance(timeline, 1);
	check("it does after the one that they wait for", sync_file_wait(file, 120000), -ECANCELED);
	check("another client works", run(&other), 0);
	close(file);
	close(export.fd);
	close(ready[0]);
	context_fini(&other);
	close(gate);
	close(timeline);
}
