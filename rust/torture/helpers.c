// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What several tests need of C: threads, calls that happen later, foreign fences, failing
 * allocations, and counts.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "helpers.h"

static atomic_t failures = ATOMIC_INIT(0);
static atomic_t live = ATOMIC_INIT(0);

void torture_failed(const char *what, u64 a, u64 b)
{
	if (atomic_inc_return(&failures) <= 10)
		pr_err("torture: %s (%llu, %llu)\n", what, a, b);
}

unsigned int torture_failures(void)
{
	return atomic_read(&failures);
}

void torture_live_add(int n)
{
	atomic_add(n, &live);
}

/* Jobs and foreign fences that there are. */
int torture_live(void)
{
	return atomic_read(&live);
}

/* Waits until what RCU still has to free is freed. */
void torture_barrier(void)
{
	rcu_barrier();
}

/* Threads. */
struct torture_thread {
	struct completion done;
	int (*fn)(void *data, unsigned int n);
	void *data;
	unsigned int n;
	int ret;
};

static int run_thread(void *data)
{
	struct torture_thread *thread = data;

	thread->ret = thread->fn(thread->data, thread->n);
	kthread_complete_and_exit(&thread->done, 0);
}

/* Calls fn in n threads at once, and waits. */
int torture_threads(unsigned int n, int (*fn)(void *data, unsigned int n), void *data)
{
	struct torture_thread *threads = kcalloc(n, sizeof(*threads), GFP_KERNEL);
	unsigned int i, started;
	int ret = 0;

	if (!threads)
		return -ENOMEM;
	for (started = 0; started < n; started++) {
		struct torture_thread *thread = &threads[started];
		struct task_struct *task;

		init_completion(&thread->done);
		thread->fn = fn;
		thread->data = data;
		thread->n = started;
		task = kthread_run(run_thread, thread, "torture/%u", started);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}
	}
	for (i = 0; i < started; i++) {
		/* It may be long: not something to be reported as hung. */
		wait_for_completion_state(&threads[i].done, TASK_IDLE);
		if (!ret)
			ret = threads[i].ret;
	}
	kfree(threads);
	return ret;
}

/* Calls fn after a time, in a worker, where it may block. */
struct torture_later {
	struct delayed_work work;
	void (*fn)(void *data);
	void *data;
};

static void run_later(struct work_struct *work)
{
	struct torture_later *later =
		container_of(to_delayed_work(work), struct torture_later, work);

	later->fn(later->data);
}

struct torture_later *torture_later(u64 ns, void (*fn)(void *data), void *data)
{
	struct torture_later *later = kzalloc(sizeof(*later), GFP_KERNEL);

	if (!later)
		return NULL;
	later->fn = fn;
	later->data = data;
	INIT_DELAYED_WORK(&later->work, run_later);
	queue_delayed_work(system_dfl_wq, &later->work, nsecs_to_jiffies(ns));
	return later;
}

/* Waits until it has happened: at once, if it has not begun. */
void torture_later_wait(struct torture_later *later)
{
	flush_delayed_work(&later->work);
	kfree(later);
}

/* Foreign fences: with their own lock, signalled in hard interrupt context. */
struct foreign_fence {
	struct dma_fence base;
	/* The lock of @base. */
	spinlock_t lock;
	struct hrtimer timer;
	int error;
};

static const char *foreign_name(struct dma_fence *fence)
{
	return "foreign";
}

static void foreign_free(struct rcu_head *rcu)
{
	struct dma_fence *fence = container_of(rcu, struct dma_fence, rcu);

	kfree(container_of(fence, struct foreign_fence, base));
	torture_live_add(-1);
}

static void foreign_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, foreign_free);
}

static const struct dma_fence_ops foreign_ops = {
	.get_driver_name = foreign_name,
	.get_timeline_name = foreign_name,
	.release = foreign_release,
};

static enum hrtimer_restart foreign_irq(struct hrtimer *timer)
{
	struct foreign_fence *foreign = container_of(timer, struct foreign_fence, timer);

	if (foreign->error)
		dma_fence_set_error(&foreign->base, foreign->error);
	dma_fence_signal(&foreign->base);
	/* The timer's. Memory goes after a grace period, so it outlives this callback. */
	dma_fence_put(&foreign->base);
	return HRTIMER_NORESTART;
}

struct dma_fence *torture_foreign_fence(u64 ns, int error)
{
	struct foreign_fence *foreign = kzalloc(sizeof(*foreign), GFP_KERNEL);

	if (!foreign)
		return NULL;
	torture_live_add(1);
	spin_lock_init(&foreign->lock);
	dma_fence_init64(&foreign->base, &foreign_ops, &foreign->lock, dma_fence_context_alloc(1),
			 1);
	foreign->error = error;
	dma_fence_get(&foreign->base);
	hrtimer_setup(&foreign->timer, foreign_irq, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_start(&foreign->timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
	return &foreign->base;
}

/* The n-th allocation of this thread from now on fails. False if this kernel has no such thing. */
bool torture_fail_nth(u32 n)
{
#ifdef CONFIG_FAULT_INJECTION
	WRITE_ONCE(current->fail_nth, n);
	return true;
#else
	return false;
#endif
}

/* 0 if it has failed. Lets the rest succeed. */
u32 torture_fail_left(void)
{
	u32 left = 0;

#ifdef CONFIG_FAULT_INJECTION
	left = READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
#endif
	return left;
}
