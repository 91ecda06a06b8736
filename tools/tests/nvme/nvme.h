/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the driver's file takes (samples/rust/nvme_async/file.rs), and what the tests share. */
#ifndef NVME_TEST_H
#define NVME_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

struct nvme_info {
	uint64_t bytes, block_size, queues, in_flight;
	uint64_t commands, aborts, aborted, resets, retries, events, missed;
};

struct nvme_request {
	uint64_t address, offset;
	uint32_t bytes, write;
};

struct nvme_batch {
	uint64_t requests, count;
};

#define NVME_INFO _IOR('N', 0xa0, struct nvme_info)
#define NVME_RESET _IO('N', 0xa1)
#define NVME_FLUSH _IO('N', 0xa2)
#define NVME_BATCH _IOW('N', 0xa3, struct nvme_batch)
#define NVME_TEMPERATURE _IOW('N', 0xa4, uint32_t)

/* What is written and read at least. */
#define BLOCK 4096
#define SECTOR 512
/* The largest number of requests of a batch. */
#define BATCH 64

struct nvme_info info(int disk);
void say(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
int open_disk(void);

/*
 * What a block has: the generation that is known to be there, one that may be since its write was
 * cut short, and the one that is being written anew after that.
 */
struct block {
	uint32_t there, maybe, anew;
};

void fill(void *data, uint64_t block, uint32_t generation);
bool check(const void *data, uint64_t block, const struct block *expected);

int stress(int argc, char **argv);
int monitored(void);
int unanswered(void);
int gone(const char *device);
int allocations(void);
int held(const char *device);

#endif
