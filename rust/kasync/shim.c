// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the executor needs from C: macros, inline functions and lock classes.
 *
 * Everything is exported, as generic Rust code that ends up in the users of the module may inline a
 * caller of these functions.
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/cpumask.h>
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "shim.h"

/* The thread that runs this; 0 in an interrupt, which is not the interrupted thread's doing. */
unsigned long kasync_thread_id(void)
{
	return in_task() ? (unsigned long)current : 0;
}
EXPORT_SYMBOL_GPL(kasync_thread_id);

/*
 * The same, but 0 where the caller may not sleep. Disabled preemption is not seen without
 * CONFIG_PREEMPT_COUNT.
 */
unsigned long kasync_blocking_thread_id(void)
{
	if (in_atomic() || irqs_disabled() || rcu_preempt_depth())
		return 0;
	return (unsigned long)current;
}
EXPORT_SYMBOL_GPL(kasync_blocking_thread_id);

/* The same. Unless it returns 0, preemption is disabled from now on. */
unsigned long kasync_blocking_preempt_disable(void)
{
	unsigned long thread = kasync_blocking_thread_id();

	if (thread)
		preempt_disable();
	return thread;
}
EXPORT_SYMBOL_GPL(kasync_blocking_preempt_disable);

void kasync_preempt_disable(void)
{
	preempt_disable();
}
EXPORT_SYMBOL_GPL(kasync_preempt_disable);

void kasync_preempt_enable(void)
{
	preempt_enable();
}
EXPORT_SYMBOL_GPL(kasync_preempt_enable);

/* One class for all: these are leaf locks, none nests in another. */
void kasync_lock_init(raw_spinlock_t *kasync_leaf_lock)
{
	/* The argument's name is the class's name in reports. */
	raw_spin_lock_init(kasync_leaf_lock);
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

/* Guards the list of threads that have no slot in the table of those inside of polls. */
static DEFINE_RAW_SPINLOCK(kasync_current_list_lock);

unsigned long kasync_current_lock(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&kasync_current_list_lock, flags);
	return flags;
}
EXPORT_SYMBOL_GPL(kasync_current_lock);

void kasync_current_unlock(unsigned long flags)
{
	raw_spin_unlock_irqrestore(&kasync_current_list_lock, flags);
}
EXPORT_SYMBOL_GPL(kasync_current_unlock);

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

/* An armed timer will call this module's code, whatever becomes of its owner. */
void kasync_get_module(void)
{
	__module_get(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(kasync_get_module);

void kasync_put_module(void)
{
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(kasync_put_module);

#if IS_ENABLED(CONFIG_KUNIT)
/* How often the module is in use, by other modules and by timers; -1 if it is not counted. */
int kasync_module_refcount(void)
{
#ifdef CONFIG_MODULE_UNLOAD
	struct module *module = THIS_MODULE;

	if (module)
		return module_refcount(module);
#endif
	return -1;
}
EXPORT_SYMBOL_GPL(kasync_module_refcount);

/*
 * Violations of the API. A test that makes one on purpose announces it first; the report is then
 * counted and not printed.
 */
static atomic_t kasync_expected;

void kasync_expect_api_violations(int n)
{
	atomic_set(&kasync_expected, n);
}
EXPORT_SYMBOL_GPL(kasync_expect_api_violations);

/* How many of the announced reports have not come. */
int kasync_api_violations_outstanding(void)
{
	return atomic_xchg(&kasync_expected, 0);
}
EXPORT_SYMBOL_GPL(kasync_api_violations_outstanding);

static bool kasync_api_violation_expected(void)
{
	return atomic_dec_if_positive(&kasync_expected) >= 0;
}
#else
static bool kasync_api_violation_expected(void)
{
	return false;
}
#endif

void kasync_api_violation(const char *what)
{
	if (kasync_api_violation_expected())
		return;
	WARN(1, "kasync: %s\n", what);
}
EXPORT_SYMBOL_GPL(kasync_api_violation);

/*
 * Executors whose last handle was dropped where the caller may not sleep are closed here. This is
 * not a queue of the reclaim path: only the module's exit waits for it.
 */
static struct workqueue_struct *kasync_reaper;

int kasync_reaper_start(void)
{
	kasync_reaper = alloc_workqueue("kasync_reaper", WQ_UNBOUND, 0);
	return kasync_reaper ? 0 : -ENOMEM;
}

/* Waits until the executors are closed that were given to it. */
void kasync_reaper_flush(void)
{
	flush_workqueue(kasync_reaper);
}

void kasync_reaper_stop(void)
{
	destroy_workqueue(kasync_reaper);
}

void kasync_reap(struct work_struct *work, work_func_t close)
{
	INIT_WORK(work, close);
	queue_work(kasync_reaper, work);
}
EXPORT_SYMBOL_GPL(kasync_reap);

/* What is left to a thread that may sleep. */
static LLIST_HEAD(kasync_deferred_list);
static void (*kasync_deferred_run)(void *node);

static void kasync_deferred_work(struct work_struct *work)
{
	struct llist_node *node, *next;

	llist_for_each_safe(node, next, llist_del_all(&kasync_deferred_list))
		READ_ONCE(kasync_deferred_run)(node);
}

static DECLARE_WORK(kasync_deferred, kasync_deferred_work);

/*
 * Has run() called with the node. It is the same function at all times. Its type is that of a
 * function in Rust, to which the node is of no type: kCFI compares them.
 */
void kasync_defer(struct llist_node *node, void (*run)(void *node))
{
	WRITE_ONCE(kasync_deferred_run, run);
	llist_add(node, &kasync_deferred_list);
	queue_work(kasync_reaper, &kasync_deferred);
}
EXPORT_SYMBOL_GPL(kasync_defer);

void kasync_defer_flush(void)
{
	flush_work(&kasync_deferred);
}

/* Memory that is not used any more, and is large enough for this. */
struct kasync_freed {
	struct rcu_head rcu;
};

/* Frees memory of kmalloc() after a grace period. Any context but NMI. */
void kasync_free_later(void *memory)
{
	struct kasync_freed *freed = memory;

	kfree_rcu(freed, rcu);
}
EXPORT_SYMBOL_GPL(kasync_free_later);

/* Calls kasync_check() once in a period, for the watch over stalled tasks. */
static void (*kasync_check)(void);
static unsigned long kasync_watch_period;

static void kasync_watch_work(struct work_struct *work)
{
	kasync_check();
	queue_delayed_work(kasync_reaper, to_delayed_work(work), kasync_watch_period);
}

static DECLARE_DELAYED_WORK(kasync_watch, kasync_watch_work);

void kasync_watch_start(unsigned int ms, void (*check)(void))
{
	kasync_check = check;
	kasync_watch_period = max(msecs_to_jiffies(ms), 1UL);
	queue_delayed_work(kasync_reaper, &kasync_watch, kasync_watch_period);
}

void kasync_watch_stop(void)
{
	cancel_delayed_work_sync(&kasync_watch);
}

/*
 * Calls going() for each module that is about to go, after its exit function. Its memory is freed
 * after a grace period: see free_module().
 */
static void (*kasync_going)(const void *mod);

static int kasync_module_event(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event == MODULE_STATE_GOING)
		kasync_going(data);
	return NOTIFY_DONE;
}

static struct notifier_block kasync_module_nb = {
	.notifier_call = kasync_module_event,
};

int kasync_watch_modules(void (*going)(const void *mod))
{
	kasync_going = going;
	return register_module_notifier(&kasync_module_nb);
}

void kasync_unwatch_modules(void)
{
	unregister_module_notifier(&kasync_module_nb);
}

/* Code or data. */
bool kasync_is_in(const void *address, const void *mod)
{
	return within_module((unsigned long)address, mod);
}
