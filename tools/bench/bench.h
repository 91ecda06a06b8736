/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the contestants have in common: hardware that only exists in memory, and what is measured.
 */
#ifndef ASAHI_BENCH_H
#define ASAHI_BENCH_H

#include <linux/dma-fence.h>
#include <linux/irq_work.h>
#include <linux/llist.h>

/* As many jobs as the hardware takes at once from one queue. */
#define BENCH_CREDITS 64
/* Fences that a job waits for, at most. */
#define BENCH_DEPS 4

/*
 * A ring of the hardware's: each job that is put there is over as soon as interrupts are enabled.
 */
struct bench_hw {
	struct irq_work irq;
	/* Jobs that the hardware has not seen, the last first. */
	struct llist_head jobs;
	void (*done)(struct llist_node *job);
};

/* While it is set no hardware makes progress. */
extern bool bench_paused;

void bench_hw_init(struct bench_hw *hw, void (*done)(struct llist_node *job));
void bench_hw_fini(struct bench_hw *hw);
void bench_hw_run(struct bench_hw *hw, struct llist_node *job);
void bench_hw_kick(struct bench_hw *hw);

/* The operations of fences that need no names of their own. */
extern const struct dma_fence_ops bench_fence_ops;

/* A contestant, which runs jobs. */
struct bench_backend {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
	/* NULL if there is no memory. */
	void *(*create)(void);
	/* Of a queue whose jobs are over. May return early: settle() waits. */
	void (*destroy)(void *queue);
	void (*settle)(void);
	/* Takes no reference to the fences that the job waits for. NULL if there is no memory. */
	struct dma_fence *(*submit)(void *queue, struct dma_fence **deps, unsigned int count);
	/* Starts what is held back by bench_paused. */
	void (*kick)(void *queue);
	/*
	 * The driver's own part of a queue, to be taken off; absent if it has no memory of its own.
	 */
	void *(*mock)(void);
	void (*mock_destroy)(void *mock);
};

extern const struct bench_backend bench_ours, bench_drm_sched, bench_drm_shared, bench_drm_percpu;
extern const struct bench_backend bench_floor, bench_direct;
/* Ours, with workers of another priority: for what depends on that. */
extern const struct bench_backend bench_ours_high, bench_ours_realtime;

/* The executor by itself (executor.rs). Prints as it goes. */
int bench_executor(void);
void bench_report(const char *scenario, const char *who, u64 value);
u64 bench_now(void);

/*
 * What is measured, for the profiler (profile.c): hints without an effect. The nth region of a boot
 * is the nth line of the report.
 */
static inline void bench_region_begin(void)
{
	asm volatile("hint #0x60" ::: "memory");
}

static inline void bench_region_end(void)
{
	asm volatile("hint #0x61" ::: "memory");
}

/* The last region goes on. */
static inline void bench_region_resume(void)
{
	asm volatile("hint #0x63" ::: "memory");
}

/* Bytes that are in use, more or less than at some time. Counted between begin and end. */
s64 bench_memory(void);
int bench_memory_begin(void);
void bench_memory_end(void);

/* Context switches, and wakes of workqueues' threads. Counted between begin and end. */
struct bench_switches {
	u64 switches;
	u64 wakes;
};

int bench_switches_begin(void);
struct bench_switches bench_switches_end(void);

#endif
