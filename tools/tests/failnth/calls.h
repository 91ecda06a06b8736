/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calls whose allocations fail. */
#ifndef FAILNTH_CALLS_H
#define FAILNTH_CALLS_H

#include "../uapi/uapi.h"
#include "nth.h"

/* Where the big buffer is bound. */
#define BIG_VA (USER_VA + 0x40000000ull)
/* More fences than a job has room for without memory of its own. */
#define WAITS 6

/* What the calls work on, and what the last one has made. */
struct state {
	struct context ctx;
	uint32_t big, sync_in, sync_out, timestamps, made;
	int file;
	/* The big buffer as a dma-buf, and another file of the device. */
	int exported, other;
	/*
	 * Of syncs.c: a buffer of vgem's and its device's file, a fence that has signalled, a
	 * timeline and its last point.
	 */
	int foreign, vgem, fence, event;
	uint32_t timeline;
	uint64_t point;
	void *map;
	/* Of waits.c. */
	uint32_t other_queue;
	/* Of pages.c: a buffer of a process's pages. */
	int pages;
	/* Of submits.c: timelines of sw_sync's, how far they are, and what waits for them. */
	int timelines[2];
	uint32_t value, pending[WAITS];
};

struct call {
	const char *name;
	/* Makes the call. Returns 0 or a negative errno. */
	int (*make)(struct state *s);
	/* Takes back what a call has made that was successful. */
	void (*undo)(struct state *s);
	/* How many allocations it cannot do without, at least. */
	unsigned int least;
	/* Makes what the call takes away, with all the memory that it needs. */
	void (*prepare)(struct state *s);
	/* It frees something, so it cannot fail. What has failed is made anew by prepare(). */
	bool never;
	/* What DRM says of it instead of ENOMEM, as a negative errno; or 0. */
	int other;
	/* It gives a buffer its pages, which may stay when it fails; what is pinned agrees. */
	bool pins;
	/* What of its failures has to be seen besides, or NULL. */
	const unsigned int *counted;
	/* Where struct state has the file that it is a call of: the context's, unless said. */
	size_t fd;
};

/* Each ends with one that has no name. */
extern const struct call calls[];
extern const struct call sync_calls[];
extern const struct call submit_calls[];
extern const struct call object_calls[];
extern const struct call wait_calls[];
extern const struct call page_calls[];

void state_init(struct state *s);
void syncs_init(struct state *s);
void submits_init(struct state *s);
void waits_init(struct state *s);
/* Returns whether the kernel has udmabuf. */
bool pages_init(struct state *s);
/* Unbind and suspend. */
void check_device(void);
/* Arrays of binds, of which the GPU says what was done. */
void check_binds(void);
/* What the kernel copies from the caller, or to it, is not all there. */
void check_copies(struct state *s);
/* A call on whose way garbage is collected. */
void check_garbage(struct state *s);

/* Imports a shared buffer's @file to @fd, as s->made. Returns 0 or a negative errno. */
int import(struct state *s, int fd, int file);
/* The same to the context's file, and binds @size bytes of it at @addr. */
int import_bound(struct state *s, int file, uint64_t addr, uint64_t size);
/* The result of a job. */
int run_job(struct state *s);
/* Submits to a queue that has had no job, which is s->made then. */
int submit_on_new_queue(struct state *s, const void *commands, size_t size);
void prepare_timestamps(struct state *s);
/* What ends what the calls of these names have made. */
void undo_gem_create(struct state *s);
/* The close of the handle unbinds the buffer, too. */
void undo_own_import(struct state *s);
void undo_render(struct state *s);
void undo_submit(struct state *s);
void undo_timestamps(struct state *s);

#endif
