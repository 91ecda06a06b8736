// SPDX-License-Identifier: MIT OR Apache-2.0
/* Clients that take all that they can get. */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* Binds single pages until there is not even one. */
static void take_the_rest(struct context *greedy)
{
	int ret, count = 0;

	while (!(ret = bind_new(greedy->fd, greedy->vm, PAGE)))
		count++;
	check("and in pages", ret, -ENOMEM);
	check_true("which are fewer than a buffer has", (uint64_t)count < 4 * MIB / PAGE);
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
	count = count_until(greedy.fd, want, make, buffer ? greedy.bo : greedy.vm, what, &at_once);
	check_true("it is refused in time", count > 0 && count <= limit && at_once);
	if (make == make_bound)
		take_the_rest(&greedy);
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

void check_greeds(void)
{
	check_greed("VMs", make_vm, false, -ENOSPC, 128);
	check_greed("queues", make_queue, false, -ENOSPC, 2048);
	check_greed("timestamps", make_timestamps, true, -ENOSPC, 1024);
	check_timestamps_of_many();
	check_greed("bound buffers", make_bound, false, -ENOMEM, 300);
	check_greed("mapped buffers", make_touched, false, -ENOMEM, 300);
}
