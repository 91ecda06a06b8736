/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef TORTURE_HELPERS_H
#define TORTURE_HELPERS_H

#include <linux/types.h>

struct dma_fence;
struct torture_engine;
struct torture_job;

/* Threads. */
int torture_threads(unsigned int n, int (*fn)(void *data, unsigned int n), void *data);

/* Calls that happen after a time. */
struct torture_later;
struct torture_later *torture_later(u64 ns, void (*fn)(void *data), void *data);
void torture_later_wait(struct torture_later *later);

/* Failures and counters. */
void torture_failed(const char *what, u64 a, u64 b);
unsigned int torture_failures(void);
unsigned int torture_checked(void);
void torture_live_add(int n);
int torture_live(void);
void torture_barrier(void);

/* Memory. */
bool torture_fail_nth(u32 n);
u32 torture_fail_left(void);

/* Of the module that keeps fences. */
void torture_keep(struct dma_fence *fence);

/* Hardware that checks. */
struct torture_engine *torture_engine_create(void (*changed)(void *context), void *context,
					     u32 seed, bool hangs);
void torture_engine_destroy(struct torture_engine *engine);
bool torture_engine_gone(struct torture_engine *engine);
u64 torture_engine_start(struct torture_engine *engine, struct torture_job *job);
u64 torture_engine_done(struct torture_engine *engine);
bool torture_engine_idle(struct torture_engine *engine);
int torture_engine_result(struct torture_engine *engine, u64 number);
void torture_engine_stop(struct torture_engine *engine, bool forever);

/* Jobs. */
struct torture_job *torture_job_create(struct torture_engine *engine);
bool torture_job_depends(struct torture_job *job, struct dma_fence *fence);
void torture_job_committed(struct torture_job *job, struct dma_fence *fence);
void torture_job_get(struct torture_job *job);
void torture_job_put(struct torture_job *job);

/* A fence of another driver, signalled by a timer. */
struct dma_fence *torture_foreign_fence(u64 ns, int error);

#endif
