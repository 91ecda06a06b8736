// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Pages that are taken from the page allocator directly, as page tables of the GPU's are. No list
 * has those that leak: kmemleak looks for objects of the slab's. What is left of all memory without
 * what is free, without what the kernel counts, and without what its checkers have for stacks, is
 * what others hold, and does not grow by itself.
 */
#define _GNU_SOURCE
#include "pages.h"

#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB_PER_PAGE (PAGE / 1024)
/* A pool of stacks is of so many pages (DEPOT_POOL_ORDER). */
#define POOL_PAGES 4
#define TAKEN 64

/* What /proc/meminfo has of memory that is accounted for; each page is in one of them. */
static const char *const counted[] = {
	"MemFree:", "Active:", "Inactive:", "Unevictable:", "Slab:", "KernelStack:",
	"ShadowCallStack:", "PageTables:", "SecPageTables:", "VmallocUsed:", "Percpu:",
};

static FILE *open_text(const char *path)
{
	FILE *file = fopen(path, "r");

	need(path, file ? 0 : -errno);
	return file;
}

/* The sum of the numbers behind @name in @path, at any place of a line. */
static long sum_of(const char *path, const char *name)
{
	FILE *file = open_text(path);
	char line[256];
	long sum = 0;

	while (fgets(line, sizeof(line), file)) {
		char *at = line + strspn(line, " ");

		if (!strncmp(at, name, strlen(name)))
			sum += strtol(at + strlen(name), NULL, 10);
	}
	fclose(file);
	return sum;
}

/* Adds what each processor has counted for itself, which may be dozens of pages, to the sums. */
static void refresh_counts(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);

	need("open stat_refresh", fd < 0 ? -errno : 0);
	need("refresh counts", write(fd, "1", 1) < 0 ? -errno : 0);
	close(fd);
}

long held_pages(void)
{
	long kib;

	refresh_counts();
	kib = sum_of("/proc/meminfo", "MemTotal:");
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
		kib -= sum_of("/proc/meminfo", counted[i]);
	/* Free pages that a processor keeps. */
	return kib / (long)KIB_PER_PAGE - sum_of("/proc/zoneinfo", "count:") -
	       sum_of("/sys/kernel/debug/stackdepot/stats", "pools:") * POOL_PAGES;
}

/* What waits in a pipe has pages that nobody counts. */
void check_held_pages(void)
{
	static char page[PAGE];
	long before, taken, back;
	int ends[2];

	need("a pipe", pipe2(ends, O_CLOEXEC) ? -errno : 0);
	need("make it long", fcntl(ends[1], F_SETPIPE_SZ, TAKEN * PAGE) < 0 ? -errno : 0);
	before = held_pages();
	for (int i = 0; i < TAKEN; i++)
		need("fill it", write(ends[1], page, PAGE) == PAGE ? 0 : -errno);
	taken = held_pages() - before;
	close(ends[0]);
	close(ends[1]);
	back = held_pages() - before;
	printf("# %d pages are taken: %ld more; given back: %ld more\n", TAKEN, taken, back);
	check_true("pages that are taken are seen", taken >= TAKEN / 2 && back < TAKEN / 2);
}
