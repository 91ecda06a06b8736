/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Random calls of the kernel, most of them almost right: an argument is first made as it ought to
 * be, then now and then one word of it is replaced.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../uapi/uapi.h"

/* Open files of the device that all threads share; the last is the primary node. */
#define CLIENTS 4
/* Other files: buffers, fences, timelines. */
#define FILES 32
/* Of a timeline of sw_sync's, which has no header of its own. */
#define SW_SYNC_IOC_INC _IOW('W', 1, uint32_t)
/* What a thread has its arrays, commands and streams in. */
#define SCRATCH (4 * PAGE)
/* Where its buffers are bound. */
#define SLOT_SIZE 0x100000ull

struct thread {
	uint64_t random;
	/* SCRATCH bytes, then a page that cannot be accessed, then one that cannot be written. */
	uint8_t *scratch;
	unsigned long calls;
	/* Allocations that failed because they were to. */
	unsigned long failed;
};

/* A kind of call, and how often it went through. */
struct kind {
	const char *name;
	int (*call)(struct thread *t, int fd);
	/* Of all calls, in relation to others. */
	unsigned int weight;
	/* It may or may not. */
	bool may_always_fail;
	unsigned long done;
	unsigned long refused;
};

extern struct kind driver_kinds[];
extern struct kind core_kinds[];
/* Jobs that were accepted. */
extern unsigned long submitted;

uint64_t random_word(struct thread *t);
/* Less than @limit. */
uint64_t below(struct thread *t, uint64_t limit);
/* True once in @n times. */
bool once_in(struct thread *t, unsigned int n);
/* A number that often is a handle. */
uint32_t some_handle(struct thread *t);
/* A number that likes to be a limit of something. */
uint64_t some_value(struct thread *t);
/* A page-aligned address that often has something bound, and a size. */
uint64_t some_address(struct thread *t);
uint64_t some_size(struct thread *t);
/*
 * The thread's memory, with @size bytes of @data in it if those are given; now and then another
 * address.
 */
uint64_t some_pointer(struct thread *t, const void *data, size_t size);

/* A file of the pool, or a negative number; and one more for it, in place of another. */
int some_file(struct thread *t);
void keep_file(struct thread *t, int fd);

/*
 * Calls @request, with an argument that may be wrong. 0 or a negative errno, with the thread's own
 * argument updated.
 */
int fuzzed_ioctl(struct thread *t, int fd, unsigned long request, void *arg);

#endif
