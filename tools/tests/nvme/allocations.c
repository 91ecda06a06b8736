// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Each allocation of each call fails once: the call says that there is no memory, or does without;
 * the same call succeeds at once; and in the end nothing is left in flight.
 */
#define _GNU_SOURCE
#include "nvme.h"

#include "../failnth/nth.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST 500
#define BYTES (512 << 10)

static int disk;
static char *data;

/* Of the fault injection: something that cannot fail has. */
void need(const char *what, int error)
{
	if (!error)
		return;
	say(false, "%s: %s", what, strerror(-error));
	exit(1);
}

/* What each call returns is 0, or a negative errno. */
static int result(ssize_t got, ssize_t wanted)
{
	if (got < 0)
		return -errno;
	/* What had been done before the allocation failed stays done. */
	return got == wanted ? 0 : got > 0 ? -ENOMEM : -EIO;
}

static int reads(void)
{
	return result(pread(disk, data, BYTES, 0), BYTES);
}

static int reads_a_block(void)
{
	return result(pread(disk, data, BLOCK, 0), BLOCK);
}

static int writes(void)
{
	return result(pwrite(disk, data, BYTES, 0), BYTES);
}

static int batch(void)
{
	struct nvme_request requests[BATCH];
	struct nvme_batch all = { (uintptr_t)requests, BATCH };

	for (int i = 0; i < BATCH; i++)
		requests[i] = (struct nvme_request){ (uintptr_t)(data + i * BLOCK), i * BLOCK,
						     BLOCK, i % 2 };
	return result(ioctl(disk, NVME_BATCH, &all), BATCH);
}

static int flushes(void)
{
	return result(ioctl(disk, NVME_FLUSH), 0);
}

static int resets(void)
{
	return result(ioctl(disk, NVME_RESET), 0);
}

static int asks(void)
{
	struct nvme_info info;

	return result(ioctl(disk, NVME_INFO, &info), 0);
}

static int warns(void)
{
	uint32_t high = 400;

	return result(ioctl(disk, NVME_TEMPERATURE, &high), 0);
}

static int opens(void)
{
	int another = open("/dev/nvme_async0", O_RDWR | O_CLOEXEC);

	if (another < 0)
		return -errno;
	close(another);
	return 0;
}

static const struct call {
	const char *name;
	int (*run)(void);
	/* Whether it needs memory, at all. */
	bool allocates;
} calls[] = {
	{ "open", opens, true },
	{ "read", reads, true },
	{ "read of a block", reads_a_block, true },
	{ "write", writes, true },
	{ "batch", batch, true },
	{ "flush", flushes, true },
	{ "reset", resets, true },
	{ "info", asks, false },
	{ "temperature", warns, true },
};

static void fail_each(const struct call *call)
{
	int failed = 0, wrong = 0, again = 0, n;
	bool hit = true;

	if (call->run())
		return say(false, "%s without a fault: %s", call->name, strerror(errno));
	for (n = 1; n < MOST && hit; n++) {
		int nth = fail_nth(n), error = call->run();

		hit = fail_nth_end(nth);
		if (error && (!hit || error != -ENOMEM)) {
			printf("# %s, allocation %d: %s\n", call->name, n, strerror(-error));
			wrong++;
		}
		failed += error != 0;
		if (call->run())
			again++;
	}
	say(!hit && !wrong && !again && (failed > 0) == call->allocates,
	    "%s: of %d allocations %d end it; %d wrong, %d times it fails again", call->name,
	    n - 2, failed, wrong, again);
}

int allocations(void)
{
	disk = open_disk();
	data = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		    -1, 0);
	need("memory", data == MAP_FAILED ? -errno : 0);
	fail_nth_init();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		fail_each(&calls[i]);
	say(ioctl(disk, NVME_FLUSH) == 0 && info(disk).in_flight == 0, "nothing is in flight");
	return 0;
}
