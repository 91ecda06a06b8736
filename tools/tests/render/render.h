/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tests of render commands: what is in common. */
#ifndef RENDER_TEST_H
#define RENDER_TEST_H

#include "uapi.h"

#define SECONDS 120

/* Where the queues of the tests have their shaders. */
#define USC_BASE 0x1100000000ull
/* In the context's buffer: an empty stream of the vertex data master, and one that never ends. */
#define VDM_EMPTY (USER_VA + 0x100)
#define VDM_ENDLESS (USER_VA + 0x200)
/* Nothing is bound there. */
#define NOWHERE (USER_VA + 0x40000000ull)

/* VDM blocks: type in bits 31:29 of the first word. */
#define VDM_LINK (4u << 29)

/* A context with the streams, and with something bound at the base of the shaders. */
void render_init(struct context *ctx);
/* One render; signals @out, unless that is 0. */
int submit_render(struct context *ctx, struct render_command command, uint32_t out);
/* The result of a job, by way of its fence. */
int run(struct context *ctx, const void *commands, size_t size);
int run_render(struct context *ctx, struct render_command command);

/* Records of attachments, of both halves. */
void check_attachments(struct context *ctx);
/* The engines in fdinfo, of a client of its own. */
void check_engines(void);

void test_fields(void);
void test_jobs(void);
void test_sizes(void);
/* Wants a guest of 4 GiB if the GPU has clusters. */
void test_layers(void);
void test_faults(void);
void test_hostile(void);
/* With "--tvb-pages 1". */
void test_partial(void);
/* With "--tvb-pages 1 --tvb-overflow grow". */
void test_growing(void);
/* With "--job-budget". */
void test_endless(void);

#endif
