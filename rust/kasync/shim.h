/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* See shim.c and queue.c. */
#ifndef KASYNC_SHIM_H
#define KASYNC_SHIM_H

#include <linux/spinlock_types.h>
#include <linux/workqueue.h>

struct kasync_queue;

int kasync_queue_new(const char *name, unsigned int priority, struct kasync_queue **result);
void kasync_queue_destroy(struct kasync_queue *queue);
bool kasync_queue_work(struct kasync_queue *queue, struct work_struct *work);
bool kasync_work_pending(struct kasync_queue *queue, const struct work_struct *work);
void kasync_work_init(struct work_struct *work, work_func_t run);
unsigned long kasync_thread_id(void);
unsigned long kasync_blocking_thread_id(void);
unsigned long kasync_blocking_preempt_disable(void);
void kasync_preempt_disable(void);
void kasync_preempt_enable(void);
void kasync_lock_init(raw_spinlock_t *lock);
unsigned long kasync_lock(raw_spinlock_t *lock);
void kasync_unlock(raw_spinlock_t *lock, unsigned long flags);
unsigned long kasync_current_lock(void);
void kasync_current_unlock(unsigned long flags);
bool kasync_section_begin(void);
void kasync_section_end(bool cookie);
void kasync_api_violation(const char *what);
void kasync_reap(struct work_struct *work, work_func_t close);
void kasync_defer(struct llist_node *node, void (*run)(void *node));
void kasync_defer_flush(void);
void kasync_free_later(void *memory);
void kasync_get_module(void);
void kasync_put_module(void);
int kasync_reaper_start(void);
void kasync_reaper_flush(void);
void kasync_reaper_stop(void);
int kasync_watch_modules(void (*going)(const void *mod));
void kasync_unwatch_modules(void);
void kasync_watch_start(unsigned int ms, void (*check)(void));
void kasync_watch_stop(void);
bool kasync_is_in(const void *address, const void *mod);

#if IS_ENABLED(CONFIG_KUNIT)
int kasync_module_refcount(void);
void kasync_expect_api_violations(int n);
int kasync_api_violations_outstanding(void);
#endif

#endif
