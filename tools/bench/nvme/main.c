// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Reads 4 KiB at a time from a disk, at random places, with 1, 8 and 64 commands at a time: by
 * the batches of samples/rust/nvme_async, or by the kernel's asynchronous I/O. Each depth is a
 * region of the profile; interrupts and wakes of this thread are printed.
 *
 * usage: nvme-bench DEVICE READS
 */
#define _GNU_SOURCE
#include "../../tests/nvme/nvme.h"
#include "../plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Within which it reads. */
#define SPAN (64ull << 20)

#define hint(word) __asm__ volatile(".inst %0" : : "i"(word) : "memory")

static int disk;
static bool with_batches;
static aio_context_t context;
static char *data;
static uint64_t random_state = 1;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t place(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % (SPAN / BLOCK) * BLOCK;
}

/* As many reads at a time, and waits for all of them. */
static void read_some(int depth)
{
	if (depth == 1) {
		if (pread(disk, data, BLOCK, (off_t)place()) != BLOCK)
			fail("pread");
	} else if (with_batches) {
		struct nvme_request requests[BATCH];
		struct nvme_batch batch = { (uintptr_t)requests, depth };

		for (int i = 0; i < depth; i++)
			requests[i] = (struct nvme_request){
				.address = (uintptr_t)data + i * BLOCK,
				.offset = place(),
				.bytes = BLOCK,
			};
		if (ioctl(disk, NVME_BATCH, &batch) != depth)
			fail("batch");
	} else {
		struct iocb blocks[BATCH], *pointers[BATCH];
		struct io_event events[BATCH];

		for (int i = 0; i < depth; i++) {
			blocks[i] = (struct iocb){
				.aio_lio_opcode = IOCB_CMD_PREAD,
				.aio_fildes = disk,
				.aio_buf = (uintptr_t)data + i * BLOCK,
				.aio_nbytes = BLOCK,
				.aio_offset = (int64_t)place(),
			};
			pointers[i] = &blocks[i];
		}
		if (syscall(SYS_io_submit, context, (long)depth, pointers) != depth)
			fail("io_submit");
		if (syscall(SYS_io_getevents, context, (long)depth, (long)depth, events, NULL) !=
		    depth)
			fail("io_getevents");
		for (int i = 0; i < depth; i++)
			if (events[i].res != BLOCK)
				fail("read");
	}
}

/* The interrupts of all lines that have the disk's name. */
static uint64_t interrupts(void)
{
	char line[1024];
	uint64_t sum = 0;
	FILE *file = fopen("/proc/interrupts", "r");

	if (!file)
		fail("/proc/interrupts");
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "nvme")) {
			char *at = strchr(line, ':');

			sum += at ? strtoull(at + 1, NULL, 10) : 0;
		}
	fclose(file);
	return sum;
}

/* How often this thread has waited, and so was woken. */
static uint64_t waits(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

int main(int argc, char **argv)
{
	static const int depths[] = { 1, 8, 64 };
	int reads = argc > 2 ? atoi(argv[2]) : 0;
	struct nvme_info info;

	if (reads < BATCH)
		return 2;
	disk = open(argv[1], O_RDWR | O_DIRECT);
	if (disk < 0)
		disk = open(argv[1], O_RDWR);
	if (disk < 0)
		fail(argv[1]);
	with_batches = !ioctl(disk, NVME_INFO, &info);
	if (syscall(SYS_io_setup, BATCH, &context))
		fail("io_setup");
	data = aligned_alloc(BLOCK, BATCH * BLOCK);
	memset(data, 1, BATCH * BLOCK);
	for (unsigned int d = 0; d < sizeof(depths) / sizeof(*depths); d++) {
		int depth = depths[d], rounds = reads / depth;
		uint64_t irqs, woken;

		for (int i = 0; i < 20; i++)
			read_some(depth);
		irqs = interrupts();
		woken = waits();
		hint(HINT_BEGIN);
		for (int i = 0; i < rounds; i++)
			read_some(depth);
		hint(HINT_END);
		woken = waits() - woken;
		irqs = interrupts() - irqs;
		printf("depth %d reads %d interrupts %llu wakes %llu\n", depth, rounds * depth,
		       (unsigned long long)irqs, (unsigned long long)woken);
	}
	return 0;
}
