// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Random calls of the device from several threads, which are interrupted again and again, while
 * files of theirs are closed. Prints TAP: that calls of all kinds went through, and that the device
 * works afterwards. Whether the kernel has something to say is for the rig to tell.
 *
 * usage: fuzz SECONDS|calls:N [THREADS [SEED [faults]]]
 *
 * for so long, or until there were N calls; by default with 4 threads, and a seed that is different
 * each time.
 *
 * With "faults" an allocation of the kernel's fails in each fourth call.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include "../failnth/nth.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define MOST_THREADS 16

static int clients[CLIENTS];
static int files[FILES];
static bool stop;
/* How many calls there are to be, and how many have begun. */
static unsigned long wanted = ULONG_MAX, begun;
/* Allocations fail. */
static bool faults;
/* Few calls have more allocations. */
#define MOST_ALLOCATIONS 64

uint64_t random_word(struct thread *t)
{
	/* Xorshift, with a multiplication behind it. */
	t->random ^= t->random >> 12;
	t->random ^= t->random << 25;
	t->random ^= t->random >> 27;
	return t->random * 0x2545f4914f6cdd1dull;
}

uint64_t below(struct thread *t, uint64_t limit)
{
	return (random_word(t) >> 16) % limit;
}

bool once_in(struct thread *t, unsigned int n)
{
	return below(t, n) == 0;
}

uint32_t some_handle(struct thread *t)
{
	return once_in(t, 64) ? some_value(t) :
				below(t, once_in(t, 4) ? 16 : 4) + (once_in(t, 16) ? 0 : 1);
}

uint64_t some_value(struct thread *t)
{
	static const uint64_t limits[] = {
		0,
		1,
		2,
		8,
		0x3fff,
		0x4000,
		0x4001,
		0xffff,
		0x10000,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x7fffffffff,
		0x8000000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffffffffffffffff,
		KERNEL_START,
		KERNEL_END,
		USER_VA,
		0x20000000,
	};

	switch (below(t, 4)) {
	case 0:
		return random_word(t);
	case 1:
		return 1ull << below(t, 64);
	case 2:
		return below(t, 256);
	default:
		return limits[below(t, ARRAY_SIZE(limits))];
	}
}

uint64_t some_address(struct thread *t)
{
	if (once_in(t, 32))
		return some_value(t);
	if (once_in(t, 8))
		return below(t, 0x8000000000 / PAGE) * PAGE;
	return USER_VA + below(t, 4) * SLOT_SIZE + (once_in(t, 4) ? below(t, 8) * PAGE : 0);
}

uint64_t some_size(struct thread *t)
{
	if (once_in(t, 64))
		return some_value(t);
	return once_in(t, 3) ? PAGE * (1 + below(t, 32)) : PAGE;
}

uint64_t some_pointer(struct thread *t, const void *data, size_t size)
{
	if (data)
		memcpy(t->scratch, data, size);
	if (!once_in(t, 32))
		return (uintptr_t)t->scratch;
	switch (below(t, 5)) {
	case 0:
		return 0;
	case 1:
		/* Its end is behind the last byte that there is. */
		return (uintptr_t)t->scratch + SCRATCH - below(t, 64);
	case 2:
		return (uintptr_t)t->scratch + SCRATCH + PAGE;
	case 3:
		return 0xffff800000000000ull;
	default:
		return random_word(t);
	}
}

int some_file(struct thread *t)
{
	return __atomic_load_n(&files[below(t, FILES)], __ATOMIC_RELAXED);
}

/*
 * If it is a timeline of sw_sync's, all of its fences signal first: closed with some that do not,
 * it signals those under the lock that the last reference of one needs (seen with Linux 7.3: a
 * callback of a syncobj's eventfd has that).
 */
static void close_file(int fd)
{
	ioctl(fd, SW_SYNC_IOC_INC, &(uint32_t){ 16 });
	close(fd);
}

void keep_file(struct thread *t, int fd)
{
	int old;

	if (fd <= 2)
		return;
	old = __atomic_exchange_n(&files[below(t, FILES)], fd, __ATOMIC_RELAXED);
	if (old >= 0)
		close_file(old);
}

/*
 * Some arguments are more than a machine can stand with any driver: a buffer as large as can be,
 * all of whose memory is there at once when it is mapped. DRM itself warns of two others: more
 * syncobjs than memory can be allocated for, and a timeline's fence that becomes part of another
 * timeline.
 */
static void tame(unsigned int number, uint8_t *arg)
{
	static const struct {
		unsigned int number, at;
	} counts[] = {
		{ _IOC_NR(DRM_IOCTL_SYNCOBJ_WAIT),
		  offsetof(struct drm_syncobj_wait, count_handles) },
		{ _IOC_NR(DRM_IOCTL_SYNCOBJ_RESET),
		  offsetof(struct drm_syncobj_array, count_handles) },
		{ _IOC_NR(DRM_IOCTL_SYNCOBJ_SIGNAL),
		  offsetof(struct drm_syncobj_array, count_handles) },
		{ _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT),
		  offsetof(struct drm_syncobj_timeline_wait, count_handles) },
		{ _IOC_NR(DRM_IOCTL_SYNCOBJ_QUERY),
		  offsetof(struct drm_syncobj_timeline_array, count_handles) },
		{ _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL),
		  offsetof(struct drm_syncobj_timeline_array, count_handles) },
	};
	const size_t flags = offsetof(struct drm_syncobj_handle, flags);
	uint64_t size;

	if (number == _IOC_NR(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE))
		arg[flags] &= ~DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE;
	if (number == _IOC_NR(DRM_IOCTL_ASAHI_GEM_CREATE)) {
		memcpy(&size, arg, sizeof(size));
		/* An address space has less than 2^40 bytes. */
		if (size < 1ull << 40)
			size %= 1ull << 21;
		memcpy(arg, &size, sizeof(size));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++)
		/* Little-endian: below 65536. */
		if (number == counts[i].number)
			memset(arg + counts[i].at + 2, 0, 2);
}

int fuzzed_ioctl(struct thread *t, int fd, unsigned long request, void *arg)
{
	const size_t size = _IOC_SIZE(request);
	uint8_t room[256] = { 0 };
	void *use = room;
	int ret;

	if (arg)
		memcpy(room, arg, size);
	if (size >= 4 && once_in(t, 12))
		((uint32_t *)room)[below(t, size / 4)] = some_value(t);
	if (once_in(t, 64)) {
		/*
		 * Another size, so that the kernel has to fill up or cut off; or another direction.
		 */
		request = _IOC(once_in(t, 4) ? below(t, 4) : _IOC_DIR(request), _IOC_TYPE(request),
			       _IOC_NR(request), below(t, 200));
	}
	if (_IOC_TYPE(request) == DRM_IOCTL_BASE)
		tame(_IOC_NR(request), room);
	if (once_in(t, 64))
		use = (void *)(uintptr_t)some_pointer(t, room, sizeof(room));
	if (faults && once_in(t, 4)) {
		int nth = fail_nth(1 + below(t, 1 + below(t, MOST_ALLOCATIONS)));

		ret = ioctl(fd, request, use) < 0 ? -errno : 0;
		t->failed += fail_nth_end(nth);
	} else {
		ret = ioctl(fd, request, use) < 0 ? -errno : 0;
	}
	if (arg)
		memcpy(arg, room, size);
	return ret;
}

/* Another client in place of one whose jobs may still run. */
static void reopen(struct thread *t)
{
	unsigned int index = below(t, CLIENTS);
	int fd = index == CLIENTS - 1 ? card_open("asahi") : gpu_open(), old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&clients[index], fd, __ATOMIC_RELAXED);
	close(old);
}

static unsigned int total_weight(const struct kind *kinds)
{
	unsigned int sum = 0;

	for (; kinds->name; kinds++)
		sum += kinds->weight;
	return sum;
}

static struct kind *some_kind(struct thread *t)
{
	unsigned int of_driver = total_weight(driver_kinds);
	unsigned int at = below(t, of_driver + total_weight(core_kinds));
	struct kind *kind = driver_kinds;

	if (at >= of_driver) {
		at -= of_driver;
		kind = core_kinds;
	}
	for (; at >= kind->weight; kind++)
		at -= kind->weight;
	return kind;
}

static void *run(void *arg)
{
	struct thread *t = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) &&
	       __atomic_fetch_add(&begun, 1, __ATOMIC_RELAXED) < wanted) {
		struct kind *kind = some_kind(t);
		int fd = __atomic_load_n(&clients[below(t, CLIENTS)], __ATOMIC_RELAXED);
		int ret = kind->call(t, fd);

		__atomic_add_fetch(ret ? &kind->refused : &kind->done, 1, __ATOMIC_RELAXED);
		t->calls++;
		if (once_in(t, 300))
			reopen(t);
	}
	return NULL;
}

static void interrupted(int number)
{
	(void)number;
}

/*
 * The memory of a thread is all that there is within four gigabytes: a pointer with half of it
 * replaced does not lead the kernel to the program's own.
 */
static void init_thread(struct thread *t, unsigned int index, uint64_t seed)
{
	void *at = (void *)(0x200000000000ull + ((uint64_t)index << 32));

	t->random = (seed + index) * 0x9e3779b97f4a7c15ull | 1;
	t->scratch = mmap(at, SCRATCH + 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	need("memory", t->scratch == MAP_FAILED ? -ENOMEM : 0);
	mprotect(t->scratch + SCRATCH, PAGE, PROT_NONE);
	mprotect(t->scratch + SCRATCH + PAGE, PAGE, PROT_READ);
}

static void report_kinds(const struct kind *kind)
{
	char what[100];

	for (; kind->name; kind++) {
		printf("# %s: %lu done, %lu refused\n", kind->name, kind->done, kind->refused);
		snprintf(what, sizeof(what), "some went through: %s", kind->name);
		check_true(what, kind->done > 0 || kind->may_always_fail);
	}
}

/* A new client's job ends well. */
static void check_device(void)
{
	struct context ctx;
	uint32_t sync;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	check("the device takes a job", submit_one(&ctx, sync), 0);
	check("and does it", syncobj_wait(ctx.fd, sync, 120), 0);
	context_fini(&ctx);
}

static void start_clients(void)
{
	for (unsigned int i = 0; i < CLIENTS; i++) {
		clients[i] = i == CLIENTS - 1 ? card_open("asahi") : gpu_open();
		need("open the device", clients[i]);
	}
	for (unsigned int i = 0; i < FILES; i++)
		files[i] = -1;
}

static void close_all(void)
{
	for (unsigned int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	for (unsigned int i = 0; i < FILES; i++)
		if (files[i] >= 0)
			close_file(files[i]);
}

/* Until @end, or until all calls that are wanted have begun. */
static bool goes_on(time_t end)
{
	if (wanted != ULONG_MAX)
		return __atomic_load_n(&begun, __ATOMIC_RELAXED) < wanted;
	return time(NULL) < end;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = interrupted };
	static struct thread threads[MOST_THREADS];
	pthread_t ids[MOST_THREADS];
	unsigned int count = argc > 2 ? atoi(argv[2]) : 4;
	unsigned long calls = 0, failed = 0;
	uint64_t seed;
	time_t end;

	if (argc > 1 && !strncmp(argv[1], "calls:", 6))
		wanted = strtoul(argv[1] + 6, NULL, 0);
	if (argc < 2 || count < 1 || count > MOST_THREADS || !wanted) {
		fprintf(stderr, "usage: fuzz SECONDS|calls:N [THREADS [SEED [faults]]]\n");
		return 2;
	}
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		need("a seed", -errno);
	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : seed & 0xffffffff;
	faults = argc > 4 && !strcmp(argv[4], "faults");
	if (faults)
		fail_nth_init();
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	sigaction(SIGALRM, &action, NULL);
	start_clients();
	for (unsigned int i = 0; i < count; i++) {
		init_thread(&threads[i], i, seed);
		need("start a thread", -pthread_create(&ids[i], NULL, run, &threads[i]));
	}
	/* Interrupts waits: one thread each two milliseconds. */
	end = time(NULL) + atoi(argv[1]);
	for (unsigned int i = 0; goes_on(end); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		pthread_kill(ids[i % count], SIGALRM);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < count; i++) {
		/* It may wait for something, once more. */
		while (pthread_tryjoin_np(ids[i], NULL)) {
			pthread_kill(ids[i], SIGALRM);
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		}
		calls += threads[i].calls;
		failed += threads[i].failed;
	}
	close_all();
	printf("# %lu calls, %lu times jobs, %lu allocations failed\n", calls, submitted, failed);
	if (wanted != ULONG_MAX)
		check_true("all calls that were wanted", calls == wanted);
	if (faults)
		check_true("allocations failed", failed > 0);
	report_kinds(driver_kinds);
	report_kinds(core_kinds);
	check_device();
	return finish();
}
