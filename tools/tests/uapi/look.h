/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The GPU's word for what is bound in a window of pages: a shader reads the first word of each. It
 * finds 0 where nothing is bound.
 */
#ifndef LOOK_TEST_H
#define LOOK_TEST_H

#include "uapi.h"

#define LOOK_PAGES 64

struct look {
	/* Its own queue, in the address space of all looks. */
	struct context ctx;
	uint64_t stream;
	size_t stream_size;
	void *stream_map;
	/* What it found last. */
	volatile uint32_t *found;
};

/* A buffer of one page that is bound at @va and mapped here, for good. */
void *bound_page(const struct context *ctx, uint64_t va);
/* The page of shaders of an address space, which all its looks need. */
void *look_shader(const struct context *ctx);
/* The @n-th look of that address space, at the window at @window. */
void look_init(struct look *look, const struct context *ctx, void *shader, int n, uint64_t window);
/* Ends what would keep the file; the file has the rest. */
void look_fini(struct look *look);
/* The command that looks. Forgets what was found last. */
struct compute_command look_command(struct look *look);
/* Looks. The result of the job. */
int look_at(struct look *look);

#endif
