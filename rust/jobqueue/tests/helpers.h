/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef JOBQUEUE_TEST_HELPERS_H
#define JOBQUEUE_TEST_HELPERS_H

#include <linux/types.h>

struct dma_fence;
struct jobqueue_test_lock;

typedef void (*jobqueue_test_fn)(void *data);

/* Contexts. */
int jobqueue_test_threads(unsigned int n, int (*fn)(void *data, unsigned int n), void *data);
void jobqueue_test_in_irq(jobqueue_test_fn fn, void *data);
bool jobqueue_test_in_hardirq(void);
bool jobqueue_test_preemptible(void);

/* Which thread signals a fence. */
struct jobqueue_test_watch;
struct jobqueue_test_watch *jobqueue_test_watch_create(struct dma_fence *fence);
int jobqueue_test_watch_thread(struct jobqueue_test_watch *watch);
void jobqueue_test_watch_free(struct jobqueue_test_watch *watch, struct dma_fence *fence);

/* Arguments that the functions for drivers in C refuse. */
unsigned int jobqueue_test_c_refuses(void);

/* Drivers in C: 0, or the line of a check that has failed. */
int jobqueue_test_c_reset(void);
int jobqueue_test_c_window(bool completes);

/* Of c_exports.c: has a function called in jobqueue_complete() and jobqueue_ready(). */
void jobqueue_test_window(void (*test)(void));

/* Whether the code of trace events runs. */
void jobqueue_test_trace_key(bool on);

/* Fences of another driver. */
struct jobqueue_test_lock *jobqueue_test_lock_create(void);
void jobqueue_test_lock_free(struct jobqueue_test_lock *lock);
struct dma_fence *jobqueue_test_fence_create(struct jobqueue_test_lock *lock, u64 context,
					     u64 seqno, int enable);
bool jobqueue_test_fence_enabled(struct dma_fence *fence);
void jobqueue_test_fences_signal(struct jobqueue_test_lock *lock, struct dma_fence **fences,
				 size_t n, int error, bool together);
void jobqueue_test_fence_signal_after(struct dma_fence *fence, u64 ns, int error);
u64 jobqueue_test_contexts(unsigned int n);
int jobqueue_test_live(void);
void jobqueue_test_barrier(void);

/* What show() prints, up to size bytes. Returns how many it would be. */
size_t jobqueue_test_printed(void (*show)(void *printer, void *data), void *data, char *to,
			     size_t size);

/* A lock that is held while a fence is signalled. */
void jobqueue_test_outer_with(jobqueue_test_fn fn, void *data);

#endif
