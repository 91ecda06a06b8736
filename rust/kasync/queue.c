// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What runs the tasks of an executor: a workqueue, or a real-time thread.
 *
 * Fences depend on both. The workqueue is WQ_MEM_RECLAIM. A poll waits for no other task, though
 * timed_out() and destroy() of a driver in C may sleep in one, see jobqueue.h. So the queue's one
 * rescuer gives forward progress to all tasks. The thread is there from the start.
 *
 * All executors share a lockdep map that is taught once to nest inside of the fence signalling map.
 * So a task, or a thread that flushes the queue, may not allocate in a way that waits for fences,
 * even outside of a poll.
 */
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "shim.h"

/* As in workqueue.rs. */
enum kasync_priority {
	KASYNC_NORMAL,
	KASYNC_HIGH,
	KASYNC_REALTIME,
};

/*
 * The number of polls that run at a time. A poll does not block, so more than a few for each
 * processor gain nothing; the default would let a thousand workers compete when that many tasks are
 * woken at once.
 */
#define KASYNC_WQ_ACTIVE ((int)(4 * num_possible_cpus()))

struct kasync_queue {
	/* NULL if a thread runs the items. */
	struct workqueue_struct *wq;

	/*
	 * Items that wait for the thread, in order, linked by their @entry. An item is pending
	 * while it is in the list.
	 */
	raw_spinlock_t lock;
	struct list_head pending;
	struct kthread_worker *worker;
	struct kthread_work run;
};

#ifdef CONFIG_LOCKDEP
static struct lock_class_key kasync_wq_key;
static struct lockdep_map kasync_wq_map = STATIC_LOCKDEP_MAP_INIT("kasync", &kasync_wq_key);

static void kasync_acquire(void)
{
	lock_map_acquire(&kasync_wq_map);
}

static void kasync_release(void)
{
	lock_map_release(&kasync_wq_map);
}

static void kasync_prime(void)
{
	bool cookie = dma_fence_begin_signalling();

	kasync_acquire();
	kasync_release();
	dma_fence_end_signalling(cookie);
}

static struct workqueue_struct *kasync_alloc_workqueue(const char *name, unsigned int flags)
{
	return alloc_workqueue_lockdep_map("kasync/%s", flags, KASYNC_WQ_ACTIVE, &kasync_wq_map,
					   name);
}
#else
static void kasync_acquire(void) { }
static void kasync_release(void) { }
static void kasync_prime(void) { }

static struct workqueue_struct *kasync_alloc_workqueue(const char *name, unsigned int flags)
{
	return alloc_workqueue("kasync/%s", flags, KASYNC_WQ_ACTIVE, name);
}
#endif

/* Takes the first item out of the list, so that it may be queued again. */
static struct work_struct *kasync_take(struct kasync_queue *queue)
{
	struct work_struct *work;

	guard(raw_spinlock_irqsave)(&queue->lock);
	work = list_first_entry_or_null(&queue->pending, struct work_struct, entry);
	if (work)
		list_del_init(&work->entry);
	return work;
}

/* Runs all items, those that are queued meanwhile included. */
static void kasync_run(struct kthread_work *run)
{
	struct kasync_queue *queue = container_of(run, struct kasync_queue, run);
	struct work_struct *work;

	while ((work = kasync_take(queue))) {
		kasync_acquire();
		/* The item is not accessed once its function was called. */
		work->func(work);
		kasync_release();
		cond_resched();
	}
}

static int kasync_start_thread(struct kasync_queue *queue, const char *name)
{
	queue->worker = kthread_run_worker(0, "kasync/%s", name);
	if (IS_ERR(queue->worker))
		return PTR_ERR(queue->worker);
	sched_set_fifo(queue->worker->task);
	return 0;
}

static int kasync_start(struct kasync_queue *queue, const char *name, unsigned int priority)
{
	unsigned int flags = WQ_UNBOUND | WQ_MEM_RECLAIM;

	if (priority == KASYNC_REALTIME)
		return kasync_start_thread(queue, name);
	if (priority == KASYNC_HIGH)
		flags |= WQ_HIGHPRI;
	queue->wq = kasync_alloc_workqueue(name, flags);
	return queue->wq ? 0 : -ENOMEM;
}

int kasync_queue_new(const char *name, unsigned int priority, struct kasync_queue **result)
{
	struct kasync_queue *queue = kzalloc_obj(*queue);
	int err;

	if (!queue)
		return -ENOMEM;
	raw_spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->pending);
	kthread_init_work(&queue->run, kasync_run);
	kasync_prime();
	err = kasync_start(queue, name, priority);
	if (err) {
		kfree(queue);
		return err;
	}
	*result = queue;
	return 0;
}
EXPORT_SYMBOL_GPL(kasync_queue_new);

/* Runs what is queued, waits for all items to return, and frees the queue. */
void kasync_queue_destroy(struct kasync_queue *queue)
{
	if (queue->wq) {
		destroy_workqueue(queue->wq);
	} else {
		/* As a flush of the workqueue would. */
		kasync_acquire();
		kasync_release();
		kthread_destroy_worker(queue->worker);
		WARN_ON(!list_empty(&queue->pending));
	}
	kfree(queue);
}
EXPORT_SYMBOL_GPL(kasync_queue_destroy);

/*
 * The caller keeps @queue valid, as an item that is run may be the last one.
 *
 * The thread is woken under the lock. A caller that finds the item pending leaves it to the one
 * that has added it, which must not be preempted before it has woken the thread.
 */
static bool kasync_queue_on_thread(struct kasync_queue *queue, struct work_struct *work)
{
	guard(raw_spinlock_irqsave)(&queue->lock);
	if (!list_empty(&work->entry))
		return false;
	list_add_tail(&work->entry, &queue->pending);
	kthread_queue_work(queue->worker, &queue->run);
	return true;
}

bool kasync_queue_work(struct kasync_queue *queue, struct work_struct *work)
{
	if (likely(queue->wq))
		return queue_work(queue->wq, work);
	return kasync_queue_on_thread(queue, work);
}
EXPORT_SYMBOL_GPL(kasync_queue_work);

void kasync_work_init(struct work_struct *work, work_func_t run)
{
	INIT_WORK(work, run);
}
EXPORT_SYMBOL_GPL(kasync_work_init);

bool kasync_work_pending(struct kasync_queue *queue, const struct work_struct *work)
{
	if (likely(queue->wq))
		return work_pending(work);
	guard(raw_spinlock_irqsave)(&queue->lock);
	return !list_empty(&work->entry);
}
EXPORT_SYMBOL_GPL(kasync_work_pending);
