// SPDX-License-Identifier: MIT OR Apache-2.0
/* Clients that take all that they can get. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* All addresses of a VM, which is how large a buffer may be. */
#define LARGEST ((1ull << 39) - PAGE)

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
	/*
	 * Nothing is freed or swapped out for a call that is refused: it would be for each, while
	 * something else of the machine holds up one or the other.
	 */
	*at_once = took <= 4 * longest;
	for (int i = 0; i < 10 && !*at_once && ret == want; i++) {
		start = seconds();
		ret = make(fd, arg);
		*at_once = seconds() - start <= 4 * longest;
	}
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

static int bind_new(int fd, uint32_t vm, uint64_t size)
{
	static uint64_t va = USER_VA;
	uint32_t bo;
	int ret = gem_create(fd, size, 0, 0, &bo);

	va += size;
	return ret ? ret : vm_bind(fd, vm, bo, va, size);
}

static int make_bound(int fd, uint32_t vm)
{
	return bind_new(fd, vm, 4 * MIB);
}

/*
 * Binds single pages until there is not even one, and then one page again and again. Returns the
 * address of the last one that was bound.
 */
static uint64_t take_the_rest(struct context *greedy)
{
	uint64_t va = USER_VA;
	int ret, count = 0;

	while (!(ret = bind_new(greedy->fd, greedy->vm, PAGE)))
		count++;
	check("and in pages", ret, -ENOMEM);
	check_true("which are fewer than a buffer has", (uint64_t)count < 4 * MIB / PAGE);
	/* The page of the context is at the first address, and its table has room for more. */
	for (count = 0; !(ret = vm_bind(greedy->fd, greedy->vm, greedy->bo, va + PAGE, PAGE)) &&
			count < 256; count++)
		va += PAGE;
	check("not even a page that is pinned is bound again", ret, -ENOMEM);
	return va;
}

static int unbind(struct context *ctx, uint64_t va)
{
	return vm_bind_op(ctx->fd, ctx->vm, (struct drm_asahi_gem_bind_op){
		.flags = DRM_ASAHI_BIND_UNBIND, .range = PAGE, .addr = va });
}

/* Memory can be given back when there is none. The last page was bound at @va. */
static void check_unbinds(struct context *greedy, uint64_t va, struct context *other)
{
	check("another client unbinds", unbind(other, USER_VA + PAGE), 0);
	check("the one that has all unbinds", unbind(greedy, va), 0);
}

#define TOUCHED (4 * MIB)
#define EXPORTED 300

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

/* The device that buffers are exported to, while it is open. */
static int importer = -1;
static int exported;

static int make_exported(int fd, uint32_t arg)
{
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = gem_create(fd, TOUCHED, 0, 0, &prime.handle);

	(void)arg;
	/* It is pinned as long as the importer has it, so not more than the machine has. */
	if (ret || exported == EXPORTED)
		return ret ? ret : -E2BIG;
	if (importer < 0)
		importer = card_open("vgem");
	need("open vgem", importer);
	ret = gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	if (ret)
		return ret;
	ret = gpu_ioctl(importer, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	close(prime.fd);
	exported += !ret;
	return ret;
}

/* Closes the context, and the mappings and the exports that outlive it. */
static void end(struct context *ctx)
{
	context_fini(ctx);
	if (importer >= 0)
		close(importer);
	importer = -1;
	exported = 0;
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
	long long before = meminfo("MemAvailable"), least = meminfo("MemTotal") / 8;
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
	need("bind its page again",
	     vm_bind(other.fd, other.vm, other.bo, USER_VA + PAGE, PAGE));
	count = count_until(greedy.fd, want, make, buffer ? greedy.bo : greedy.vm, what, &at_once);
	check_true("it is refused in time", count > 0 && count <= limit && at_once);
	if (make == make_bound)
		check_unbinds(&greedy, take_the_rest(&greedy), &other);
	check_true("memory is left", meminfo("MemAvailable") > least);
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

/*
 * Buffers that are larger than the machine and have no memory, with places to be mapped at: all
 * clients' are in one range.
 */
static void check_places(void)
{
	uint64_t size = LARGEST, offset;
	struct context greedy, other;
	uint32_t bo, vm;
	int ret, count = 0;

	context_init(&other);
	context_init(&greedy);
	while (size >= PAGE && count < 1000) {
		ret = gem_create(greedy.fd, size, 0, 0, &bo);
		if (!ret) {
			gem_mmap_offset(greedy.fd, bo, &offset);
			count++;
		} else {
			size = size / 2 & -PAGE;
		}
	}
	printf("# %d buffers, the last one of %llu pages\n", count,
	       (unsigned long long)(size / PAGE));
	check("another client creates a buffer", gem_create(other.fd, PAGE, 0, 0, &bo), 0);
	check("there is a place to map it", gem_mmap_offset(other.fd, bo, &offset), 0);
	check("another client creates a VM", vm_create(other.fd, &vm), 0);
	check("a new client works", new_job(120), 0);
	context_fini(&greedy);
	context_fini(&other);
}

#define SUBMITS 5000

static void *bind_too_much(void *arg)
{
	struct context *ctx = arg;
	uint32_t bo;

	need("create a buffer", gem_create(ctx->fd, LARGEST / 2 & -PAGE, 0, 0, &bo));
	for (;;) {
		int ret = vm_bind(ctx->fd, ctx->vm, bo, USER_VA + MIB, LARGEST / 2 & -PAGE);

		need("a bind of more than there is", ret == -ENOMEM ? 0 : -EPROTO);
	}
	return NULL;
}

/* What is refused to one client is not missing for another one meanwhile. */
static void check_refused(void)
{
	struct context other;
	uint32_t sync;
	pid_t greedy;
	int ret = 0, count, status;

	fflush(stdout);
	greedy = fork();
	need("fork", greedy < 0 ? -errno : 0);
	if (!greedy) {
		struct context ctx;
		pthread_t thread;

		context_init(&ctx);
		need("start a thread", -pthread_create(&thread, NULL, bind_too_much, &ctx));
		bind_too_much(&ctx);
	}
	context_init(&other);
	need("create a syncobj", syncobj_create(other.fd, &sync));
	for (count = 0; !ret && count < SUBMITS; count += !ret)
		ret = submit_one(&other, sync);
	printf("# %d submits\n", count);
	check("submits while binds of another client are refused", ret, 0);
	check("the last one is done", syncobj_wait(other.fd, sync, 120), 0);
	check_true("binds were refused all the time", waitpid(greedy, &status, WNOHANG) == 0);
	kill(greedy, SIGKILL);
	waitpid(greedy, &status, 0);
	context_fini(&other);
}

/*
 * What a client that comes now gets: its first VM, a queue, and a turn for a job. The job's stream
 * is not mapped, as buffers are what is not to be had, so the GPU takes it for a fault.
 */
static void check_newcomer(const char *when)
{
	struct context ctx = { .fd = gpu_open() };
	struct compute_command command = compute_command();
	char text[96];

	snprintf(text, sizeof(text), "%s: a new client opens the device", when);
	check_true(text, ctx.fd >= 0);
	if (ctx.fd < 0)
		return;
	snprintf(text, sizeof(text), "%s: it creates a VM", when);
	check(text, vm_create(ctx.fd, &ctx.vm), 0);
	snprintf(text, sizeof(text), "%s: it creates a queue", when);
	check(text, queue_create(ctx.fd, ctx.vm, &ctx.queue), 0);
	snprintf(text, sizeof(text), "%s: its job has a turn", when);
	check(text, submit_and_wait(&ctx, &command, sizeof(command), 120), -EIO);
	close(ctx.fd);
}

/* Renders that wait for @file, each in a queue of its own, until there is no memory for more. */
static void take_reserve(struct context *greedy, int file)
{
	struct render_command command = render_command();
	struct drm_asahi_sync in = { 0 };
	int ret = 0, queues, renders = 0;

	need("create a syncobj", syncobj_create(greedy->fd, &in.handle));
	need("import a fence", syncobj_import_sync_file(greedy->fd, in.handle, file));
	for (queues = 0; !ret; queues++) {
		uint32_t queue;

		ret = queue_create(greedy->fd, greedy->vm, &queue);
		if (ret)
			break;
		greedy->queue = queue;
		renders += !submit(greedy, &command, sizeof(command), &in, 1, 0);
	}
	/* The last queue may take more. */
	do {
		ret = submit(greedy, &command, sizeof(command), &in, 1, 0);
		renders += !ret;
	} while (!ret && renders < 4096);
	printf("# %d queues with %d renders\n", queues, renders);
	check("one that has all gets no more renders", ret, -ENOMEM);
}

/* One client that has all memory that there is for buffers, and then all that it gets for jobs. */
void test_newcomers(void)
{
	int timeline = sw_sync_create(), gate;
	struct context greedy, other;

	need("open sw_sync", timeline);
	gate = sw_sync_fence(timeline, 1);
	need("create a fence", gate);
	context_init(&other);
	context_init(&greedy);
	while (!make_bound(greedy.fd, greedy.vm))
		;
	take_the_rest(&greedy);
	check_newcomer("no buffers");
	take_reserve(&greedy, gate);
	check_newcomer("no buffers and no jobs");
	check("another client works", run(&other), 0);
	sw_sync_advance(timeline, 1);
	context_fini(&greedy);
	context_fini(&other);
	close(gate);
	close(timeline);
}

void check_greeds(void)
{
	check_places();
	check_refused();
	check_greed("VMs", make_vm, false, -ENOSPC, 128);
	check_greed("queues", make_queue, false, -ENOSPC, 2048);
	check_greed("timestamps", make_timestamps, true, -ENOSPC, 1024);
	check_timestamps_of_many();
	check_greed("bound buffers", make_bound, false, -ENOMEM, 300);
	check_greed("mapped buffers", make_touched, false, -ENOMEM, 300);
	check_greed("exported buffers", make_exported, false, -ENOMEM, 290);
}
