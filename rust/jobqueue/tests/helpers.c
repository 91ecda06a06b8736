// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the tests need from C: threads, interrupts, and fences as other drivers make them, whose
 * locks are not in the fence.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/jump_label.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <drm/drm_print.h>

#include "helpers.h"

/* Calls fn in n threads at once, and waits. */
struct test_thread {
	struct completion *go;
	struct completion done;
	int (*fn)(void *data, unsigned int n);
	void *data;
	unsigned int n;
	int ret;
};

static int run_thread(void *data)
{
	struct test_thread *thread = data;

	wait_for_completion_state(thread->go, TASK_IDLE);
	thread->ret = thread->fn(thread->data, thread->n);
	kthread_complete_and_exit(&thread->done, 0);
}

int jobqueue_test_threads(unsigned int n, int (*fn)(void *data, unsigned int n), void *data)
{
	struct test_thread *threads = kcalloc(n, sizeof(*threads), GFP_KERNEL);
	DECLARE_COMPLETION_ONSTACK(go);
	unsigned int i, started;
	int ret = 0;

	if (!threads)
		return -ENOMEM;
	for (started = 0; started < n; started++) {
		struct test_thread *thread = &threads[started];
		struct task_struct *task;

		init_completion(&thread->done);
		thread->go = &go;
		thread->fn = fn;
		thread->data = data;
		thread->n = started;
		task = kthread_run(run_thread, thread, "jobqueue_test/%u", started);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}
	}
	complete_all(&go);
	for (i = 0; i < started; i++) {
		wait_for_completion_state(&threads[i].done, TASK_IDLE);
		if (!ret)
			ret = threads[i].ret;
	}
	kfree(threads);
	return ret;
}

/*
 * Calls fn in hard interrupt context, where that may take the locks of fences: not on PREEMPT_RT.
 * Waits.
 */
struct irq_call {
	struct irq_work work;
	jobqueue_test_fn fn;
	void *data;
};

static void run_irq_work(struct irq_work *work)
{
	struct irq_call *irq = container_of(work, struct irq_call, work);

	irq->fn(irq->data);
}

void jobqueue_test_in_irq(jobqueue_test_fn fn, void *data)
{
	struct irq_call irq = { .fn = fn, .data = data };

	irq.work = IRQ_WORK_INIT(run_irq_work);
	irq_work_queue(&irq.work);
	irq_work_sync(&irq.work);
}

bool jobqueue_test_in_hardirq(void)
{
	return in_hardirq();
}

bool jobqueue_test_preemptible(void)
{
	return preemptible();
}

struct jobqueue_test_watch {
	struct dma_fence_cb cb;
	int thread;
};

static void note_thread(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct jobqueue_test_watch *watch = container_of(cb, struct jobqueue_test_watch, cb);

	WRITE_ONCE(watch->thread, current->pid);
}

/* NULL if the fence has signalled. */
struct jobqueue_test_watch *jobqueue_test_watch_create(struct dma_fence *fence)
{
	struct jobqueue_test_watch *watch = kzalloc(sizeof(*watch), GFP_KERNEL);

	if (watch && dma_fence_add_callback(fence, &watch->cb, note_thread)) {
		kfree(watch);
		return NULL;
	}
	return watch;
}

/* 0 if it has not signalled. */
int jobqueue_test_watch_thread(struct jobqueue_test_watch *watch)
{
	return READ_ONCE(watch->thread);
}

void jobqueue_test_watch_free(struct jobqueue_test_watch *watch, struct dma_fence *fence)
{
	dma_fence_remove_callback(fence, &watch->cb);
	kfree(watch);
}

/*
 * The lock of an issuer, in memory of its own: the issuer may free it one grace period after its
 * fences have signalled.
 */
struct jobqueue_test_lock {
	/* The lock of the issuer's fences. */
	spinlock_t lock;
	struct rcu_head rcu;
};

static atomic_t live = ATOMIC_INIT(0);

struct jobqueue_test_lock *jobqueue_test_lock_create(void)
{
	struct jobqueue_test_lock *lock = kzalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return NULL;
	spin_lock_init(&lock->lock);
	atomic_inc(&live);
	return lock;
}

static void free_lock(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct jobqueue_test_lock, rcu));
	atomic_dec(&live);
}

/* One grace period from now. */
void jobqueue_test_lock_free(struct jobqueue_test_lock *lock)
{
	call_rcu(&lock->rcu, free_lock);
}

struct test_fence {
	/* First, as the kernel frees it. */
	struct dma_fence base;
	/* What enable_signaling() is to say, and whether it was asked. */
	bool over;
	bool enabled;
	struct hrtimer timer;
	int error;
};

static const char *fence_name(struct dma_fence *fence)
{
	return "foreign";
}

static bool fence_enable(struct dma_fence *fence)
{
	struct test_fence *foreign = container_of(fence, struct test_fence, base);

	WRITE_ONCE(foreign->enabled, true);
	return !foreign->over;
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

/* One that has to be asked, or it may never signal. */
static const struct dma_fence_ops enabled_fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
	.enable_signaling = fence_enable,
};

/*
 * enable: 0: has no enable_signaling(); 1: has one; 2: has one, which says that it is over already.
 */
struct dma_fence *jobqueue_test_fence_create(struct jobqueue_test_lock *lock, u64 context,
					     u64 seqno, int enable)
{
	struct test_fence *foreign = kzalloc(sizeof(*foreign), GFP_KERNEL);

	if (!foreign)
		return NULL;
	foreign->over = enable == 2;
	dma_fence_init64(&foreign->base, enable ? &enabled_fence_ops : &fence_ops, &lock->lock,
			 context, seqno);
	return &foreign->base;
}

/* Of a fence that has enable_signaling(). */
bool jobqueue_test_fence_enabled(struct dma_fence *fence)
{
	return READ_ONCE(container_of(fence, struct test_fence, base)->enabled);
}

/* Signals in any context; together: with the lock held over all of them. */
void jobqueue_test_fences_signal(struct jobqueue_test_lock *lock, struct dma_fence **fences,
				 size_t n, int error, bool together)
{
	unsigned long flags;

	if (together)
		spin_lock_irqsave(&lock->lock, flags);
	for (size_t i = 0; i < n; i++) {
		if (error)
			dma_fence_set_error(fences[i], error);
		if (together)
			dma_fence_signal_locked(fences[i]);
		else
			dma_fence_signal(fences[i]);
	}
	if (together)
		spin_unlock_irqrestore(&lock->lock, flags);
}

static enum hrtimer_restart signal_irq(struct hrtimer *timer)
{
	struct test_fence *foreign = container_of(timer, struct test_fence, timer);

	if (foreign->error)
		dma_fence_set_error(&foreign->base, foreign->error);
	dma_fence_signal(&foreign->base);
	/* The timer's. Memory goes after a grace period, so it outlives this callback. */
	dma_fence_put(&foreign->base);
	return HRTIMER_NORESTART;
}

/* In hard interrupt context. Once. */
void jobqueue_test_fence_signal_after(struct dma_fence *fence, u64 ns, int error)
{
	struct test_fence *foreign = container_of(fence, struct test_fence, base);

	foreign->error = error;
	dma_fence_get(fence);
	hrtimer_setup(&foreign->timer, signal_irq, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_start(&foreign->timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
}

u64 jobqueue_test_contexts(unsigned int n)
{
	return dma_fence_context_alloc(n);
}

/* Locks that have not been freed. */
int jobqueue_test_live(void)
{
	return atomic_read(&live);
}

void jobqueue_test_barrier(void)
{
	rcu_barrier();
}

/* A driver's lock, held around whatever it does. */
static DEFINE_SPINLOCK(outer_lock);

void jobqueue_test_outer_with(jobqueue_test_fn fn, void *data)
{
	unsigned long flags;

	spin_lock_irqsave(&outer_lock, flags);
	fn(data);
	spin_unlock_irqrestore(&outer_lock, flags);
}

DECLARE_STATIC_KEY_FALSE(jobqueue_trace_key);

void jobqueue_test_trace_key(bool on)
{
	if (on)
		static_branch_inc(&jobqueue_trace_key);
	else
		static_branch_dec(&jobqueue_trace_key);
}

struct printed {
	char *to;
	size_t size;
	size_t length;
};

static void print_to(struct drm_printer *printer, struct va_format *vaf)
{
	struct printed *printed = printer->arg;
	size_t at = min(printed->length, printed->size);

	printed->length += snprintf(printed->to + at, printed->size - at, "%pV", vaf);
}

size_t jobqueue_test_printed(void (*show)(void *printer, void *data), void *data, char *to,
			     size_t size)
{
	struct printed printed = { .to = to, .size = size };
	struct drm_printer printer = { .printfn = print_to, .arg = &printed };

	show(&printer, data);
	return printed.length;
}
