// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Buffers made of a process's own pages (udmabuf), in any order, one of them twice, parts of huge
 * ones; and those of a heap.
 */
#define _GNU_SOURCE
#include "pages.h"
#include "sharing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 8
/* Huge pages that the kernel has on machines with pages of 16 KiB: 128 of them. */
#define HUGE_SIZE "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGE_PAGES HUGE_SIZE "nr_hugepages"
#define HUGE 128

/* Where the pages of a buffer come from. */
struct source {
	/* Of memfd_create(). */
	unsigned int flags;
	unsigned int pages;
};

static void check_order(int device, const struct source *source, const char *name,
			const unsigned int *order, unsigned int pages)
{
	struct context ctx;
	uint32_t handle, *ours;
	void *map;
	int memory = sealed_memory(source->flags, source->pages * PAGE, &map);
	int file = udmabuf_create(device, memory, order, pages);
	bool same = true;
	char text[128];

	need("a buffer of pages", file);
	context_init(&ctx);
	snprintf(text, sizeof(text), "%s: import", name);
	check(text, import(ctx.fd, file, &handle), 0);
	snprintf(text, sizeof(text), "%s: bind", name);
	check(text, vm_bind(ctx.fd, ctx.vm, handle, SHARED_VA, pages * PAGE), 0);
	snprintf(text, sizeof(text), "%s: bind past its end", name);
	check(text, vm_bind(ctx.fd, ctx.vm, handle, SHARED_VA, (pages + 1) * PAGE), -EINVAL);
	snprintf(text, sizeof(text), "%s: the GPU reads and writes each page", name);
	check_true(text, gpu_sees_pages(&ctx, handle, map, order, pages));
	ours = gem_map(ctx.fd, handle, pages * PAGE);
	for (unsigned int i = 0; ours && i < pages; i++) {
		((volatile uint32_t *)map)[order[i] * (PAGE / 4) + 7] = 1000 + i;
		same &= ((volatile uint32_t *)ours)[i * (PAGE / 4) + 7] == 1000 + i;
	}
	snprintf(text, sizeof(text), "%s: so does a mapping through the driver", name);
	check_true(text, ours && same);
	context_fini(&ctx);
	if (ours)
		munmap(ours, pages * PAGE);
	close(file);
	close(memory);
	munmap(map, source->pages * PAGE);
}

void test_udmabuf(void)
{
	static const unsigned int forward[] = { 1, 2, 3, 4, 5 };
	static const unsigned int reverse[] = { 7, 6, 5, 4, 3, 2, 1, 0 };
	static const unsigned int twice[] = { 3, 1, 3, 2 };
	static const struct source small = { .pages = PAGES };
	int device = open(UDMABUF, O_RDWR | O_CLOEXEC), before = attachments(DEVICE);

	if (device < 0) {
		skip("pages of a process", "the kernel has no udmabuf");
		return;
	}
	check_order(device, &small, "a part", forward, ARRAY_SIZE(forward));
	check_order(device, &small, "in reverse", reverse, ARRAY_SIZE(reverse));
	check_order(device, &small, "one page twice", twice, ARRAY_SIZE(twice));
	check_true("no attachment is left", detached(DEVICE, before));
	close(device);
}

/* Whether both huge pages are free again: a buffer's file may end a moment after its last use. */
static bool huge_pages_are_free(void)
{
	char text[8] = "";

	for (int i = 0; i < SECONDS * 100; i++) {
		int file = open(HUGE_SIZE "free_hugepages", O_RDONLY | O_CLOEXEC);

		need("free huge pages", file < 0 ? -errno : 0);
		need("their number", read(file, text, sizeof(text) - 1) < 0 ? -errno : 0);
		close(file);
		if (atoi(text) == 2)
			return true;
		usleep(10000);
	}
	return false;
}

void test_hugetlb(void)
{
	/* Two huge pages. */
	static const struct source huge = { MFD_HUGETLB | MFD_HUGE_2MB, 2 * HUGE };
	unsigned int order[HUGE + 2];
	int device = open(UDMABUF, O_RDWR | O_CLOEXEC), before = attachments(DEVICE);

	if (device < 0 || write_file(HUGE_PAGES, "2")) {
		skip("huge pages of a process", "the kernel has no udmabuf, or no huge pages");
		if (device >= 0)
			close(device);
		return;
	}
	for (unsigned int i = 0; i < HUGE; i++)
		order[i] = i;
	check_order(device, &huge, "a huge page", order, HUGE);
	/* There are no others. */
	check_true("it is given back", detached(DEVICE, before) && huge_pages_are_free());
	for (unsigned int i = 0; i < ARRAY_SIZE(order); i++)
		order[i] = ARRAY_SIZE(order) - 1 - i;
	check_order(device, &huge, "parts of two huge pages, in reverse", order, ARRAY_SIZE(order));
	check_true("no attachment is left", detached(DEVICE, before));
	check("huge pages are given back", write_file(HUGE_PAGES, "0"), 0);
	close(device);
}

/* Whether a process and its child find at @ours, mapped through the driver, what is at @map. */
static bool same_through_driver(const void *ours, const void *map, size_t size)
{
	pid_t child = fork();
	int status;

	need("a process", child < 0 ? -errno : 0);
	if (!child)
		_exit(memcmp(ours, map, size) ? 1 : 0);
	need("its end", waitpid(child, &status, 0) < 0 ? -errno : 0);
	return !memcmp(ours, map, size) && status == 0;
}

void test_heap(void)
{
	static const unsigned int order[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct dma_heap_allocation_data args = {
		.len = PAGES * PAGE, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	int device = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC), before = attachments(DEVICE);
	struct context ctx;
	uint32_t handle;
	void *map, *ours;

	if (device < 0) {
		skip("memory of a heap", "the kernel has no heaps");
		return;
	}
	need("memory of the heap", ioctl(device, DMA_HEAP_IOCTL_ALLOC, &args) ? -errno : 0);
	map = mmap(NULL, args.len, PROT_READ | PROT_WRITE, MAP_SHARED, args.fd, 0);
	need("map it", map == MAP_FAILED ? -errno : 0);
	context_init(&ctx);
	check("import", import(ctx.fd, args.fd, &handle), 0);
	check("bind", vm_bind(ctx.fd, ctx.vm, handle, SHARED_VA, args.len), 0);
	check_true("the GPU reads and writes each page",
		   gpu_sees_pages(&ctx, handle, map, order, PAGES));
	ours = gem_map(ctx.fd, handle, args.len);
	check_true("map it through the driver", ours);
	if (ours) {
		*(uint32_t *)map = 0x600d;
		check_true("it is the same there", same_through_driver(ours, map, args.len));
		((uint32_t *)ours)[args.len / 4 - 1] = 0x600d;
		check_true("and what is written there",
			   ((uint32_t *)map)[args.len / 4 - 1] == 0x600d);
		munmap(ours, args.len);
	}
	context_fini(&ctx);
	munmap(map, args.len);
	close(args.fd);
	close(device);
	check_true("no attachment is left", detached(DEVICE, before));
}
