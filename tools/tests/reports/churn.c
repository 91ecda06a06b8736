// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Buffers of a page to 4 MiB are made, bound and closed again and again, with some of them alive at
 * any time. The last ones take about as long as the first, in units of what memory takes that is
 * not the device's: this machine may have other things to do, now or then. And memory is what it
 * was.
 */
#include "reports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS 20000
#define ALIVE 200
/* Each has as much room in the address space. */
#define ROOM (4ull << 20)
/* A part of all rounds, whose time is compared. */
#define PART (ROUNDS / 10)
/* What the slab may have grown by, in KiB: far less than 16 bytes a round. */
#define GROWTH 2048

static uint32_t alive[ALIVE], state = 1;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* As much memory of the same sizes, of the process alone. */
static void plain(uint64_t size)
{
	volatile char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need("map memory", map == MAP_FAILED ? -ENOMEM : 0);
	for (uint64_t at = 0; at < size; at += PAGE)
		map[at] = 1;
	munmap((void *)map, size);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* What the kernel has in its slab, in KiB, without what it can do without. */
static long slab(void)
{
	long kib;

	drop_caches();
	kib = meminfo("Slab");
	need("read meminfo", kib < 0 ? -ENOENT : 0);
	return kib;
}

/* Closes what is in a place, which takes its mapping with it, and makes another one. */
static int replace(struct context *ctx, unsigned int place)
{
	uint64_t size = (1ull + rnd(rnd(16) ? 8 : ROOM / PAGE)) * PAGE;
	int ret = 0;

	if (alive[place])
		ret = gem_close(ctx->fd, alive[place]);
	alive[place] = 0;
	if (!ret)
		ret = gem_create(ctx->fd, size, 0, 0, &alive[place]);
	if (!ret)
		ret = vm_bind(ctx->fd, ctx->vm, alive[place], USER_VA + 0x10000000 + place * ROOM,
			      size);
	return ret;
}

void test_churn(void)
{
	double part[ROUNDS / PART] = {}, unit[ROUNDS / PART] = {}, start;
	const unsigned int last = ROUNDS / PART - 1;
	long before, after;
	struct context ctx;
	int ret = 0;

	context_init(&ctx);
	for (unsigned int i = 0; i < ALIVE; i++)
		need("make the first ones", replace(&ctx, i));
	before = slab();
	for (unsigned int i = 0; i < ROUNDS && !ret; i++) {
		start = now();
		ret = replace(&ctx, rnd(ALIVE));
		part[i / PART] += now() - start;
		start = now();
		plain(PAGE * 16);
		unit[i / PART] += now() - start;
	}
	check("make, bind and close", ret, 0);
	after = slab();
	printf("# us a round: %.0f at first, %.0f at last; of plain memory %.0f, %.0f\n",
	       part[1] / PART * 1e6, part[last] / PART * 1e6, unit[1] / PART * 1e6,
	       unit[last] / PART * 1e6);
	printf("# slab %ld KiB, then %ld\n", before, after);
	check_true("the last take as long as the first",
		   part[last] / unit[last] < 2 * part[1] / unit[1]);
	check_true("the slab does not grow", after - before < GROWTH);
	check("a job afterwards", new_job(SECONDS), 0);
	context_fini(&ctx);
}
