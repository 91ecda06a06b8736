// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Our contestant, between the scenarios and ours.rs; and the hardware as Rust uses it: it counts
 * the jobs that it was given, and in an interrupt those that it has finished, as firmware does.
 */
#include <linux/slab.h>

#include "bench.h"

struct bench_counter {
	struct irq_work irq;
	void *context;
	void (*done)(void *context);
	u64 started;
	u64 finished;
};

struct bench_counter *bench_counter_create(void (*done)(void *context), void *context);
void bench_counter_destroy(struct bench_counter *counter);
u64 bench_counter_run(struct bench_counter *counter);
u64 bench_counter_finished(const struct bench_counter *counter);
void bench_counter_kick(struct bench_counter *counter);

int bench_ours_init(u32 priority);
void bench_ours_exit(void);
void *bench_ours_create(void);
void *bench_ours_mock(void);
void bench_ours_mock_destroy(void *mock);
void bench_ours_destroy(void *queue);
void bench_ours_settle(void);
void bench_ours_kick(void *queue);
struct dma_fence *bench_ours_submit(void *queue, struct dma_fence **deps, unsigned int count);

static void counter_irq(struct irq_work *irq)
{
	struct bench_counter *counter = container_of(irq, struct bench_counter, irq);

	/* All that was started is over. */
	smp_store_release(&counter->finished, READ_ONCE(counter->started));
	counter->done(counter->context);
}

struct bench_counter *bench_counter_create(void (*done)(void *context), void *context)
{
	struct bench_counter *counter = kzalloc(sizeof(*counter), GFP_KERNEL);

	if (counter) {
		counter->irq = IRQ_WORK_INIT_HARD(counter_irq);
		counter->done = done;
		counter->context = context;
	}
	return counter;
}

void bench_counter_destroy(struct bench_counter *counter)
{
	irq_work_sync(&counter->irq);
	kfree(counter);
}

/* One job more. Returns its number. */
u64 bench_counter_run(struct bench_counter *counter)
{
	u64 number = counter->started + 1;

	WRITE_ONCE(counter->started, number);
	if (!READ_ONCE(bench_paused))
		irq_work_queue(&counter->irq);
	return number;
}

/* The number of the last job that is over. */
u64 bench_counter_finished(const struct bench_counter *counter)
{
	return smp_load_acquire(&counter->finished);
}

void bench_counter_kick(struct bench_counter *counter)
{
	irq_work_queue(&counter->irq);
}

static int init_normal(void)
{
	return bench_ours_init(0);
}

static int init_high(void)
{
	return bench_ours_init(1);
}

static int init_realtime(void)
{
	return bench_ours_init(2);
}

/* The backends differ in the priority of the executor. */
#define OURS_BACKEND(init_fn) {			\
	.name = "ours",				\
	.init = init_fn,			\
	.exit = bench_ours_exit,		\
	.create = bench_ours_create,		\
	.destroy = bench_ours_destroy,		\
	.settle = bench_ours_settle,		\
	.submit = bench_ours_submit,		\
	.kick = bench_ours_kick,		\
	.mock = bench_ours_mock,		\
	.mock_destroy = bench_ours_mock_destroy,	\
}

const struct bench_backend bench_ours = OURS_BACKEND(init_normal);
const struct bench_backend bench_ours_high = OURS_BACKEND(init_high);
const struct bench_backend bench_ours_realtime = OURS_BACKEND(init_realtime);
