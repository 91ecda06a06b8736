// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Exports the functions of c.rs, checks them against the header, and checks the types that c.rs
 * mirrors.
 */
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/jump_label.h>
#include <linux/kconfig.h>
#include <linux/stddef.h>

#include "jobqueue.h"

/* c.rs has the same figures. */
static_assert(sizeof(struct jobqueue_names) == 3 * sizeof(void *));
static_assert(sizeof(struct jobqueue_job) == sizeof(size_t) + 2 * sizeof(int));
static_assert(offsetof(struct jobqueue_job, state) == sizeof(size_t));
static_assert(sizeof(struct jobqueue_ops) == 7 * sizeof(void *));
static_assert(offsetof(struct jobqueue_config, memory) == sizeof(void *) + 2 * sizeof(int));
static_assert(offsetof(struct jobqueue_config, on_error) ==
	      offsetof(struct jobqueue_config, memory) + sizeof(size_t) + sizeof(int));
static_assert(JOBQUEUE_DECIDING == 1 << 30);
static_assert(JOBQUEUE_ERRORS_IGNORED == 0);
static_assert(JOBQUEUE_ERRORS_PROPAGATE == 1);
static_assert(JOBQUEUE_ERRORS_POISON == 2);

#if IS_ENABLED(CONFIG_KUNIT)
/*
 * What a test does in jobqueue_complete() and jobqueue_ready(). They call it if the key is enabled,
 * which costs nothing while it is not.
 */
static void (*jobqueue_window)(void);
extern struct static_key_false jobqueue_window_key;
struct static_key_false jobqueue_window_key = STATIC_KEY_FALSE_INIT;

void jobqueue_test_window(void (*test)(void));
void jobqueue_test_window(void (*test)(void))
{
	if (test) {
		WRITE_ONCE(jobqueue_window, test);
		static_branch_enable(&jobqueue_window_key);
	} else {
		static_branch_disable(&jobqueue_window_key);
	}
}
EXPORT_SYMBOL_GPL(jobqueue_test_window);

/* Called by these before their last access to the queue. */
void jobqueue_enter_window(void);
void jobqueue_enter_window(void)
{
	READ_ONCE(jobqueue_window)();
}
#endif

EXPORT_SYMBOL_GPL(jobqueue_device_create);
EXPORT_SYMBOL_GPL(jobqueue_device_destroy);
EXPORT_SYMBOL_GPL(jobqueue_create);
EXPORT_SYMBOL_GPL(jobqueue_close);
EXPORT_SYMBOL_GPL(jobqueue_put);
EXPORT_SYMBOL_GPL(jobqueue_prepare);
EXPORT_SYMBOL_GPL(jobqueue_abandon);
EXPORT_SYMBOL_GPL(jobqueue_commit);
EXPORT_SYMBOL_GPL(jobqueue_submit);
EXPORT_SYMBOL_GPL(jobqueue_complete);
EXPORT_SYMBOL_GPL(jobqueue_ready);
