// SPDX-License-Identifier: MIT OR Apache-2.0
/* What a client can take of the machine, and that all of it comes back. */
#include "uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB (1ll << 20)
#define KIB_PER_MIB 1024

/* A line of /proc/meminfo, in KiB. */
static long long meminfo(const char *key)
{
	char line[128], name[64];
	long long value, found = -1;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && found < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63[^:]: %lld kB", name, &value) == 2 && !strcmp(name, key))
			found = value;
	if (file)
		fclose(file);
	return found;
}

static long long available(void)
{
	return meminfo("MemAvailable");
}

/*
 * A line of the file's fdinfo in KiB, or -1. It is in the largest unit without a fraction, and 0
 * has none.
 */
static long long fdinfo(int fd, const char *key)
{
	char path[64], line[128], name[64], unit[8];
	long long value, found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	while (file && found < 0 && fgets(line, sizeof(line), file)) {
		unit[0] = 0;
		if (sscanf(line, "%63[^:]: %lld %7s", name, &value, unit) >= 2 &&
		    !strcmp(name, key))
			found = !strcmp(unit, "MiB")	       ? value * KIB_PER_MIB :
				!strcmp(unit, "KiB") || !value ? value :
								 -1;
	}
	if (file)
		fclose(file);
	return found;
}

/*
 * Whether there is as much memory again as before, but for @slack MiB; waits for what comes late.
 */
static bool is_back(const char *what, long long before, long long slack)
{
	long long now = 0;

	for (int i = 0; i < 100; i++) {
		now = available();
		if (now + slack * KIB_PER_MIB >= before)
			return true;
		usleep(100000);
	}
	printf("# %s: %lld KiB before, %lld KiB now\n", what, before, now);
	return false;
}

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
	before = available();
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

/* The result of a job of the context's. */
static int run(struct context *ctx)
{
	uint32_t sync;
	int ret, file;

	need("create a syncobj", syncobj_create(ctx->fd, &sync));
	ret = submit_one(ctx, sync);
	if (!ret) {
		file = syncobj_export_sync_file(ctx->fd, sync);
		need("export a fence", file);
		ret = sync_file_wait(file, 30000);
		close(file);
	}
	syncobj_destroy(ctx->fd, sync);
	return ret;
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
	before = available();
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

static int bind_timestamps(int fd, uint32_t bo, uint64_t size, uint32_t *object)
{
	struct drm_asahi_gem_bind_object args = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .handle = bo, .range = size,
	};
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);

	*object = args.object_handle;
	return ret;
}

static int unbind_timestamps(int fd, uint32_t object)
{
	struct drm_asahi_gem_bind_object args = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND,
		.object_handle = object,
	};

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);
}

/* All keys of fdinfo, of a buffer's life. */
static void check_fdinfo(void)
{
	const long long size = 16 * MIB, kib = size / 1024;
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	long long total, resident, shared;
	struct context ctx, other;
	uint32_t bo, object[2];

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
	close(export.fd);

	total = fdinfo(ctx.fd, "drm-total-memory");
	need("have timestamps in it", bind_timestamps(ctx.fd, bo, PAGE, &object[0]));
	need("have more", bind_timestamps(ctx.fd, bo, 2 * PAGE, &object[1]));
	need("close it", gem_close(ctx.fd, bo));
	check_true("what timestamps keep counts, once",
		   fdinfo(ctx.fd, "drm-total-memory") == total);
	need("end the ones", unbind_timestamps(ctx.fd, object[0]));
	check_true("what other timestamps keep still counts",
		   fdinfo(ctx.fd, "drm-total-memory") == total);
	need("end the others", unbind_timestamps(ctx.fd, object[1]));
	check_true("what nothing keeps does not count",
		   fdinfo(ctx.fd, "drm-total-memory") == total - kib);
	context_fini(&other);
	context_fini(&ctx);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Calls @make until it refuses. Returns how often it did not. */
static int count_until(int fd, int want, int (*make)(int fd, uint32_t arg), uint32_t arg,
		       const char *what, bool *at_once)
{
	int count = 0, ret;
	double start, took, longest = 0;

	do {
		start = seconds();
		ret = make(fd, arg);
		took = seconds() - start;
		count += !ret;
		if (!ret && took > longest)
			longest = took;
	} while (!ret && count < 1 << 17);
	/* Nothing is freed or swapped out for the call that is refused. */
	*at_once = took <= 4 * longest;
	printf("# %s: %d, then %s\n", what, count, strerror(-ret));
	check(what, ret, want);
	return count;
}

static int make_vm(int fd, uint32_t arg)
{
	uint32_t vm;

	(void)arg;
	return vm_create(fd, &vm);
}

static int make_queue(int fd, uint32_t vm)
{
	uint32_t queue;

	return queue_create(fd, vm, &queue);
}

static int make_timestamps(int fd, uint32_t bo)
{
	uint32_t object;

	return bind_timestamps(fd, bo, PAGE, &object);
}

static int make_bound(int fd, uint32_t vm)
{
	static uint64_t va = USER_VA;
	const uint64_t size = 4 * MIB;
	uint32_t bo;
	int ret = gem_create(fd, size, 0, 0, &bo);

	va += size;
	return ret ? ret : vm_bind(fd, vm, bo, va, size);
}

#define TOUCHED (4 * MIB)

static void *touched[1024];
static size_t touched_count;

static int make_touched(int fd, uint32_t arg)
{
	uint32_t bo;
	int ret = gem_create(fd, TOUCHED, 0, 0, &bo);
	void *map;

	(void)arg;
	if (ret || touched_count == ARRAY_SIZE(touched))
		return ret;
	map = gem_map(fd, bo, TOUCHED);
	if (!map)
		return -errno;
	memset(map, 1, TOUCHED);
	touched[touched_count++] = map;
	return 0;
}

/* Closes the context, and the mappings that outlive it. */
static void end(struct context *ctx)
{
	context_fini(ctx);
	while (touched_count)
		munmap(touched[--touched_count], TOUCHED);
}

/*
 * One client that takes all it can get, beside another that goes on. @limit: of how many it is to
 * be refused, which is before the machine has a problem.
 */
static void check_greed(const char *what, int (*make)(int fd, uint32_t arg), bool buffer, int want,
			int limit)
{
	long long before = available(), least = meminfo("MemTotal") / 8;
	struct context greedy, other;
	uint32_t bo, object;
	bool at_once;
	int count, again;

	context_init(&other);
	context_init(&greedy);
	need("create a buffer", gem_create(other.fd, PAGE, 0, 0, &bo));
	/* Its page is pinned from now on: what is left afterwards may be less than a page. */
	need("have timestamps in it", bind_timestamps(other.fd, bo, PAGE, &object));
	need("end them", unbind_timestamps(other.fd, object));
	count = count_until(greedy.fd, want, make, buffer ? greedy.bo : greedy.vm, what, &at_once);
	check_true("it is refused in time", count > 0 && count <= limit && at_once);
	check_true("memory is left", available() > least);
	check("another client works", run(&other), 0);
	check("another client has timestamps", bind_timestamps(other.fd, bo, PAGE, &object), 0);
	end(&greedy);
	check_true("all comes back", is_back(what, before, 60));
	context_init(&greedy);
	again = count_until(greedy.fd, want, make, buffer ? greedy.bo : greedy.vm, what, &at_once);
	check_true("and can be had again", again + 1 >= count);
	end(&greedy);
	/* The next one is to find what this one has had. */
	check_true("all comes back again", is_back(what, before, 60));
	context_fini(&other);
}

/* However many files take what they can, there is something left for one more. */
static void check_timestamps_of_many(void)
{
	int fd[40], ret = 0, i;
	uint32_t bo, object;

	for (i = 0; i < 40 && !ret; i++) {
		fd[i] = gpu_open();
		need("open the render node", fd[i]);
		need("create a buffer", gem_create(fd[i], MIB, 0, 0, &bo));
		ret = bind_timestamps(fd[i], bo, PAGE, &object);
		while (bind_timestamps(fd[i], bo, MIB, &object) == 0)
			;
		while (bind_timestamps(fd[i], bo, PAGE, &object) == 0)
			;
	}
	check("timestamps for the last of many that take all they can", ret, 0);
	while (i--)
		close(fd[i]);
}

void test_memory(void)
{
	check_fdinfo();
	check_greed("VMs", make_vm, false, -ENOSPC, 128);
	check_greed("queues", make_queue, false, -ENOSPC, 2048);
	check_greed("timestamps", make_timestamps, true, -ENOSPC, 1024);
	check_timestamps_of_many();
	check_greed("bound buffers", make_bound, false, -ENOMEM, 300);
	check_greed("mapped buffers", make_touched, false, -ENOMEM, 300);
	check_close(0, "bind and close");
	check_close(DRM_ASAHI_GEM_VM_PRIVATE, "bind and close what is private");
	check_close(DRM_ASAHI_GEM_WRITEBACK, "bind and close what is cached");
	check_close_is_seen();
	check_close_after_destroy();
	check_close_in_pieces();
}
