// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Fences of another driver.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/dma-fence.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <drm/drm_syncobj.h>

#include "helpers.h"

struct foreign {
	struct dma_fence base;
	/* The lock of @base. */
	spinlock_t lock;
	ktime_t deadline;
	int deadlines;
};

static const char *foreign_name(struct dma_fence *fence)
{
	return "foreign";
}

static void foreign_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct foreign *foreign = container_of(fence, struct foreign, base);

	WRITE_ONCE(foreign->deadline, deadline);
	WRITE_ONCE(foreign->deadlines, foreign->deadlines + 1);
}

static void foreign_release(struct dma_fence *fence)
{
	kfree_rcu(container_of(fence, struct foreign, base), base.rcu);
}

static const struct dma_fence_ops foreign_ops = {
	.get_driver_name = foreign_name,
	.get_timeline_name = foreign_name,
	.set_deadline = foreign_set_deadline,
	.release = foreign_release,
};

/* A fence on a timeline of its own, which remembers the last deadline. */
struct dma_fence *dma_fence_test_foreign(void)
{
	struct foreign *foreign = kzalloc_obj(*foreign);

	if (!foreign)
		return NULL;
	spin_lock_init(&foreign->lock);
	dma_fence_init(&foreign->base, &foreign_ops, &foreign->lock, dma_fence_context_alloc(1), 1);
	return &foreign->base;
}

s64 dma_fence_test_deadline(struct dma_fence *fence)
{
	return READ_ONCE(container_of(fence, struct foreign, base)->deadline);
}

/* How many deadlines it was told. */
int dma_fence_test_deadlines(struct dma_fence *fence)
{
	return READ_ONCE(container_of(fence, struct foreign, base)->deadlines);
}

/* Whether a callback is on it. */
bool dma_fence_test_is_waited_for(struct dma_fence *fence)
{
	unsigned long flags;
	bool ret;

	dma_fence_lock_irqsave(fence, flags);
	ret = !list_empty(&fence->cb_list);
	dma_fence_unlock_irqrestore(fence, flags);
	return ret;
}

/*
 * What is left of a fence that nothing can signal any more, with the context that it keeps: struct
 * dma_fence_shim_own of shim.c. Signals it, and frees all.
 */
void dma_fence_test_end_forgotten(struct dma_fence *fence)
{
	void *context = ((void **)(fence + 1))[1];

	dma_fence_signal(fence);
	dma_fence_put(fence);
	kfree(context);
}

/* The name of its timeline is "name", and in other memory. */
bool dma_fence_test_has_copied_name(struct dma_fence *fence, const char *name)
{
	const char __rcu *in_rcu;
	const char *has;
	bool ret;

	rcu_read_lock();
	in_rcu = dma_fence_timeline_name(fence);
	has = rcu_dereference(in_rcu);
	ret = has != name && !strcmp(has, name);
	rcu_read_unlock();
	return ret;
}

struct in_irq {
	struct irq_work work;
	void (*f)(void *data);
	void *data;
	bool in_irq;
};

static void in_irq_run(struct irq_work *work)
{
	struct in_irq *call = container_of(work, struct in_irq, work);

	call->in_irq = in_hardirq();
	call->f(call->data);
}

/* Calls "f" in a hard interrupt. */
bool dma_fence_test_in_irq(void (*f)(void *data), void *data)
{
	struct in_irq call = {
		.work = IRQ_WORK_INIT_HARD(in_irq_run),
		.f = f,
		.data = data,
	};

	irq_work_queue(&call.work);
	irq_work_sync(&call.work);
	return call.in_irq;
}

/* This thread is going to be killed, or is not any more. */
void dma_fence_test_kill(bool kill)
{
	if (kill) {
		allow_signal(SIGKILL);
		send_sig(SIGKILL, current, 1);
	} else {
		flush_signals(current);
		disallow_signal(SIGKILL);
	}
}

void dma_fence_test_signal(struct dma_fence *fence, int error)
{
	if (error)
		dma_fence_set_error(fence, error);
	dma_fence_signal(fence);
}

/* One fence for all: an array, unless one of them stands for all. NULL if there is no memory. */
struct dma_fence *dma_fence_test_merge(size_t count, struct dma_fence **fences)
{
	struct dma_fence_unwrap *cursors = kvcalloc(count, sizeof(*cursors), GFP_KERNEL);
	struct dma_fence *merged = NULL;

	if (cursors)
		merged = __dma_fence_unwrap_merge(count, fences, cursors);
	kvfree(cursors);
	return merged;
}

/* A sync object with a fence, or with none if that is NULL. NULL if there is no memory. */
struct drm_syncobj *dma_fence_test_syncobj(struct dma_fence *fence)
{
	struct drm_syncobj *object = NULL;

	return drm_syncobj_create(&object, 0, fence) ? NULL : object;
}

/* The object's fence, with a reference; NULL if it has none. */
struct dma_fence *dma_fence_test_syncobj_fence(struct drm_syncobj *object)
{
	return drm_syncobj_fence_get(object);
}
