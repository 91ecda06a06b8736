// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the executor needs from C: macros, inline functions and lock classes.
 *
 * Everything is exported, as generic Rust code that ends up in the users of the module may inline a
 * caller of these functions.
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "shim.h"

/*
 * One own queue per executor. Fence signalling depends on it, hence WQ_MEM_RECLAIM; tasks never block,
 * so the one rescuer that comes with it gives forward progress to all of them.
 *
 * All executors share a lockdep map that is taught once to nest inside the fence signalling map: who holds
 * it (a task, or a thread that flushes the queue) may not allocate in a way that waits for fences, even
 * outside of a poll.
 */
#define KASYNC_WQ_FLAGS (WQ_UNBOUND | WQ_MEM_RECLAIM)

#ifdef CONFIG_LOCKDEP
static struct lock_class_key kasync_wq_key;
static struct lockdep_map kasync_wq_map = STATIC_LOCKDEP_MAP_INIT("kasync", &kasync_wq_key);

static void kasync_prime(void)
{
	bool cookie = dma_fence_begin_signalling();

	lock_map_acquire(&kasync_wq_map);
	lock_map_release(&kasync_wq_map);
	dma_fence_end_signalling(cookie);
}

struct workqueue_struct *kasync_queue_new(const char *name)
{
	kasync_prime();
	return alloc_workqueue_lockdep_map("kasync/%s", KASYNC_WQ_FLAGS, 0, &kasync_wq_map, name);
}
#else
struct workqueue_struct *kasync_queue_new(const char *name)
{
	return alloc_workqueue("kasync/%s", KASYNC_WQ_FLAGS, 0, name);
}
#endif
EXPORT_SYMBOL_GPL(kasync_queue_new);

bool kasync_queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	return queue_work(wq, work);
}
EXPORT_SYMBOL_GPL(kasync_queue_work);

void kasync_work_init(struct work_struct *work, work_func_t run)
{
	INIT_WORK(work, run);
}
EXPORT_SYMBOL_GPL(kasync_work_init);

/* Who runs this: 0 in an interrupt, as that is not the interrupted thread's doing. */
unsigned long kasync_thread_id(void)
{
	return in_task() ? (unsigned long)current : 0;
}
EXPORT_SYMBOL_GPL(kasync_thread_id);

/* One class for all: these are leaf locks, none nests in another. */
void kasync_lock_init(raw_spinlock_t *lock)
{
	raw_spin_lock_init(lock);
}
EXPORT_SYMBOL_GPL(kasync_lock_init);

unsigned long kasync_lock(raw_spinlock_t *lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	return flags;
}
EXPORT_SYMBOL_GPL(kasync_lock);

void kasync_unlock(raw_spinlock_t *lock, unsigned long flags)
{
	raw_spin_unlock_irqrestore(lock, flags);
}
EXPORT_SYMBOL_GPL(kasync_unlock);

bool kasync_section_begin(void)
{
	return dma_fence_begin_signalling();
}
EXPORT_SYMBOL_GPL(kasync_section_begin);

void kasync_section_end(bool cookie)
{
	dma_fence_end_signalling(cookie);
}
EXPORT_SYMBOL_GPL(kasync_section_end);

/*
 * Broken rules of the API. Tests that break one on purpose announce it first, and the report is then
 * counted instead of printed.
 */
#if IS_ENABLED(CONFIG_KUNIT)
static atomic_t kasync_expected;

void kasync_expect_misuse(int n)
{
	atomic_set(&kasync_expected, n);
}
EXPORT_SYMBOL_GPL(kasync_expect_misuse);

/* How many of the announced reports have not come. */
int kasync_misuse_outstanding(void)
{
	return atomic_xchg(&kasync_expected, 0);
}
EXPORT_SYMBOL_GPL(kasync_misuse_outstanding);

static bool kasync_misuse_expected(void)
{
	return atomic_dec_if_positive(&kasync_expected) >= 0;
}
#else
static bool kasync_misuse_expected(void)
{
	return false;
}
#endif

void kasync_misuse(const char *what)
{
	if (kasync_misuse_expected())
		return;
	WARN(1, "kasync: %s\n", what);
}
EXPORT_SYMBOL_GPL(kasync_misuse);

void kasync_pin_module(void)
{
	__module_get(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(kasync_pin_module);
