// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The hardware: an interrupt that says that what was run is over.
 */
#include "bench.h"

bool bench_paused;

static void bench_irq(struct irq_work *irq)
{
	struct bench_hw *hw = container_of(irq, struct bench_hw, irq);
	struct llist_node *job, *next;

	llist_for_each_safe(job, next, llist_reverse_order(llist_del_all(&hw->jobs)))
		hw->done(job);
}

void bench_hw_init(struct bench_hw *hw, void (*done)(struct llist_node *job))
{
	hw->irq = IRQ_WORK_INIT_HARD(bench_irq);
	init_llist_head(&hw->jobs);
	hw->done = done;
}

void bench_hw_fini(struct bench_hw *hw)
{
	irq_work_sync(&hw->irq);
}

void bench_hw_kick(struct bench_hw *hw)
{
	irq_work_queue(&hw->irq);
}

void bench_hw_run(struct bench_hw *hw, struct llist_node *job)
{
	llist_add(job, &hw->jobs);
	if (!READ_ONCE(bench_paused))
		bench_hw_kick(hw);
}

static const char *bench_fence_name(struct dma_fence *fence)
{
	return "bench";
}

const struct dma_fence_ops bench_fence_ops = {
	.get_driver_name = bench_fence_name,
	.get_timeline_name = bench_fence_name,
};
