// SPDX-License-Identifier: MIT OR Apache-2.0
/* The file of an exported buffer: mmap, SYNC, poll, lseek, with the device and without it. */
#define _GNU_SOURCE
#include "sharing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 4
#define SIZE (PAGES * PAGE)

static int sync_range(int file, uint64_t flags)
{
	struct dma_buf_sync args = { .flags = flags };

	return ioctl(file, DMA_BUF_IOCTL_SYNC, &args) ? -errno : 0;
}

/* Which of @events have come. */
static int ready(int file, short events, int ms)
{
	struct pollfd poller = { .fd = file, .events = events };

	return poll(&poller, 1, ms) < 0 ? -errno : poller.revents;
}

static int fail_seek(int file, off_t offset, int whence)
{
	return lseek(file, offset, whence) < 0 ? -errno : 0;
}

static int fail_map(int file, size_t size, int prot, int flags, off_t offset)
{
	void *map = mmap(NULL, size, prot, flags, file, offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, size);
	return 0;
}

static void check_sync(int file)
{
	static const uint64_t forms[] = { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		check("SYNC, start", sync_range(file, forms[i] | DMA_BUF_SYNC_START), 0);
		check("SYNC, end", sync_range(file, forms[i] | DMA_BUF_SYNC_END), 0);
	}
	check("SYNC of nothing", sync_range(file, DMA_BUF_SYNC_START), -EINVAL);
	check("SYNC with a bit that there is not", sync_range(file, 0x80 | DMA_BUF_SYNC_READ),
	      -EINVAL);
}

/* A child that advances @timeline as soon as its parent, which is about to wait, sleeps. */
static pid_t advance_when_asleep(int timeline)
{
	pid_t child = fork();

	need("start a child", child < 0 ? -errno : 0);
	if (child)
		return child;
	if (!process_sleeps(getppid(), SECONDS * 1000))
		_exit(1);
	sw_sync_advance(timeline, 1);
	_exit(0);
}

/* With a fence of another driver's in the buffer. */
static void check_poll(int file)
{
	int timeline = sw_sync_create(), fence, status;
	pid_t child;
	struct dma_buf_import_sync_file args = { .flags = DMA_BUF_SYNC_WRITE };

	need("a timeline", timeline);
	check_true("poll: no job uses it", ready(file, POLLIN | POLLOUT, 0) == (POLLIN | POLLOUT));
	fence = sw_sync_fence(timeline, 1);
	need("a fence", fence);
	args.fd = fence;
	check("a fence goes in", ioctl(file, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &args) ? -errno : 0,
	      0);
	check_true("poll: a job writes", ready(file, POLLIN | POLLOUT, 0) == 0);
	child = advance_when_asleep(timeline);
	check_true("poll: wakes up when that is over",
		   ready(file, POLLOUT, SECONDS * 1000) == POLLOUT);
	need("wait for the child", waitpid(child, &status, 0) < 0 ? -errno : 0);
	check("it was over while poll slept", status, 0);
	close(fence);
	close(timeline);
}

static sigjmp_buf no_page;

static void on_bus(int signal)
{
	(void)signal;
	siglongjmp(no_page, 1);
}

/* Touches all pages; returns how many could be. */
static int touch(volatile uint32_t *map, bool write)
{
	volatile int pages = 0;

	for (volatile int i = 0; i < PAGES; i++) {
		if (sigsetjmp(no_page, 1))
			continue;
		if (write)
			map[i * (PAGE / 4)] = i + 1;
		else if (map[i * (PAGE / 4)] != (uint32_t)i + 1)
			continue;
		pages++;
	}
	return pages;
}

static void check_mappings(int file, uint32_t *ours)
{
	uint32_t *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), *part;

	check("mmap of the file", map == MAP_FAILED ? -errno : 0, 0);
	if (map == MAP_FAILED)
		return;
	check_true("what was written is there", touch(map, false) == PAGES);
	map[5] = 0x600d;
	check_true("what is written, too", ((volatile uint32_t *)ours)[5] == 0x600d);
	munmap(map, SIZE);
	part = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 2 * PAGE);
	check("mmap of a page in it, to read", part == MAP_FAILED ? -errno : 0, 0);
	if (part != MAP_FAILED) {
		check_true("it is that page", ((volatile uint32_t *)part)[0] == 3);
		munmap(part, PAGE);
	}
	/* Nothing of it was touched yet when a part of it goes, or gets other rights. */
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	check("mmap again", map == MAP_FAILED ? -errno : 0, 0);
	if (map != MAP_FAILED) {
		munmap(map, PAGE);
		check("mprotect of a part",
		      mprotect((char *)map + 2 * PAGE, PAGE, PROT_READ) ? -errno : 0, 0);
		check_true("behind what was unmapped: its page",
			   ((volatile uint32_t *)map)[1 * (PAGE / 4)] == 2);
		check_true("with other rights: its page",
			   ((volatile uint32_t *)map)[2 * (PAGE / 4)] == 3);
		check_true("behind that: its page",
			   ((volatile uint32_t *)map)[3 * (PAGE / 4)] == 4);
		munmap((char *)map + PAGE, SIZE - PAGE);
	}
	check("mmap past its end", fail_map(file, SIZE, PROT_READ, MAP_SHARED, PAGE), -EINVAL);
	check("mmap of more than there is",
	      fail_map(file, SIZE + PAGE, PROT_READ, MAP_SHARED, 0), -EINVAL);
	check("mmap private, to write",
	      fail_map(file, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0), -EINVAL);
}

/* The same after its device is gone: whatever is said, there is no oops, and data or SIGBUS. */
static void check_without_device(int file, uint32_t *map)
{
	struct context ctx;
	uint32_t handle;
	int old, pages;

	check("unbind the device", unbind_device(), 0);
	pages = touch(map, false);
	printf("# %d of %d pages are there without the device\n", pages, PAGES);
	check_true("all pages, or none", pages == 0 || pages == PAGES);
	pages = touch(map, true);
	check_true("written: all pages, or none", pages == 0 || pages == PAGES);
	check_true("lseek knows its size", lseek(file, 0, SEEK_END) == (off_t)SIZE);
	old = sync_range(file, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);
	printf("# SYNC without the device: %d\n", old);
	check("SYNC ends as it began", sync_range(file, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END), old);
	check_true("poll does not wait", ready(file, POLLIN, 0) != 0);
	old = fail_map(file, SIZE, PROT_READ, MAP_SHARED, 0);
	printf("# mmap without the device: %d\n", old);
	check_either("mmap: its pages, or that there are none", old, 0, -ENODEV);

	check("bind the device", bind_device(), 0);
	context_init(&ctx);
	old = import(ctx.fd, file, &handle);
	printf("# import of the old device's buffer: %d\n", old);
	check_either("import by the new one: works, or says that there is no device", old, 0,
		     -ENODEV);
	if (!old)
		check("and is bound", vm_bind(ctx.fd, ctx.vm, handle, SHARED_VA, SIZE), 0);
	context_fini(&ctx);
	check("a job", new_job(SECONDS), 0);
}

void test_exported(void)
{
	struct sigaction action = { .sa_handler = on_bus };
	uint32_t handle, private, *ours, *map;
	struct context ctx;
	int file;

	sigaction(SIGBUS, &action, NULL);
	context_init(&ctx);
	need("create a buffer", gem_create(ctx.fd, SIZE, DRM_ASAHI_GEM_WRITEBACK, 0, &handle));
	ours = gem_map(ctx.fd, handle, SIZE);
	need("map it", ours ? 0 : -ENOMEM);
	touch(ours, true);
	file = export(ctx.fd, handle);
	need("export it", file);
	need("create a private buffer",
	     gem_create(ctx.fd, PAGE, DRM_ASAHI_GEM_VM_PRIVATE, ctx.vm, &private));
	check("export a private buffer", export(ctx.fd, private), -EINVAL);

	check_true("lseek to its end", lseek(file, 0, SEEK_END) == (off_t)SIZE);
	check("lseek to its start", fail_seek(file, 0, SEEK_SET), 0);
	check("lseek elsewhere", fail_seek(file, PAGE, SEEK_SET), -EINVAL);
	check("lseek from here", fail_seek(file, 0, SEEK_CUR), -EINVAL);
	check("a name", ioctl(file, DMA_BUF_SET_NAME_B, (uint64_t)(uintptr_t)"test") ? -errno : 0,
	      0);
	check_sync(file);
	check_poll(file);
	check_mappings(file, ours);

	/* The client's file is closed before its mapping is touched. */
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	need("map the file", map == MAP_FAILED ? -errno : 0);
	munmap(ours, SIZE);
	context_fini(&ctx);
	check_true("without the client: every page", touch(map, false) == PAGES);
	check_without_device(file, map);
	munmap(map, SIZE);
	close(file);
}
