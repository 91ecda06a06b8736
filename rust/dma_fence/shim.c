// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Functions for the Rust code of fences: inline functions of C, and DRM's sync objects.
 *
 * All are exported, as generic Rust code that ends up in the users of the module may inline a
 * caller of these functions.
 */
#include <linux/build_bug.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_syncobj.h>

#include "shim.h"

/* UnwrapCursor in ffi.rs. */
static_assert(offsetof(struct dma_fence_unwrap, chain) == 0);
static_assert(offsetof(struct dma_fence_unwrap, array) == sizeof(void *));
static_assert(offsetof(struct dma_fence_unwrap, index) == 2 * sizeof(void *));
static_assert(sizeof(struct dma_fence_unwrap) == 3 * sizeof(void *));

void dma_fence_shim_get(struct dma_fence *fence)
{
	dma_fence_get(fence);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_get);

void dma_fence_shim_put(struct dma_fence *fence)
{
	dma_fence_put(fence);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_put);

bool dma_fence_shim_is_later(struct dma_fence *a, struct dma_fence *b)
{
	return dma_fence_is_later(a, b);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_is_later);

static atomic_t dma_fence_annotated;

#ifdef CONFIG_LOCKDEP
/*
 * Tells lockdep that this thread may wait for a fence, as dma_fence_wait() does. In a poll or
 * another signalling section it does not: there nothing waits, and the first of the functions
 * returns true.
 */
void dma_fence_shim_might_wait(void)
{
	bool nested = dma_fence_begin_signalling();
	struct dma_fence *stub;

	dma_fence_end_signalling(nested);
	if (nested)
		return;
	stub = dma_fence_get_stub();
	dma_fence_wait(stub, false);
	dma_fence_put(stub);
	atomic_inc(&dma_fence_annotated);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_might_wait);
#endif

/* How often a thread has been annotated as waiting, for tests. */
int dma_fence_annotated_waits(void)
{
	return atomic_read(&dma_fence_annotated);
}
EXPORT_SYMBOL_GPL(dma_fence_annotated_waits);

/* Whether a long walk is to stop, as the thread is going to be killed. May sleep. */
bool dma_fence_shim_fatal_signal(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_fatal_signal);

/* A context may have fences for which this module's code is needed. */
void dma_fence_shim_get_module(void)
{
	__module_get(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_get_module);

void dma_fence_shim_put_module(void)
{
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_put_module);

/* How many API violations a test is going to make. */
#if IS_ENABLED(CONFIG_KUNIT)
static atomic_t dma_fence_expected;

void dma_fence_expect_violations(int n)
{
	atomic_set(&dma_fence_expected, n);
}
EXPORT_SYMBOL_GPL(dma_fence_expect_violations);

/* How many of them were not made. */
int dma_fence_violations_outstanding(void)
{
	return atomic_xchg(&dma_fence_expected, 0);
}
EXPORT_SYMBOL_GPL(dma_fence_violations_outstanding);

/* How often the module is in use, by other modules and by contexts; -1 if it is not counted. */
int dma_fence_module_refcount(void)
{
#ifdef CONFIG_MODULE_UNLOAD
	struct module *module = THIS_MODULE;

	if (module)
		return module_refcount(module);
#endif
	return -1;
}
EXPORT_SYMBOL_GPL(dma_fence_module_refcount);

static bool dma_fence_violation_expected(void)
{
	return atomic_dec_if_positive(&dma_fence_expected) >= 0;
}
#else
static bool dma_fence_violation_expected(void)
{
	return false;
}
#endif

void dma_fence_shim_api_violation(const char *what)
{
	if (!dma_fence_violation_expected())
		WARN_ONCE(1, "dma_fence: %s\n", what);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_api_violation);

/* The error of a fence whose signalled flag was seen. */
int dma_fence_shim_error(struct dma_fence *fence)
{
	/* Pairs with the barrier of the atomic operation that sets the flag. */
	smp_rmb();
	return READ_ONCE(fence->error);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_error);

/* OwnFence in own.rs. */
struct dma_fence_shim_own {
	struct dma_fence base;
	const void *names;
	const void *context;
	void *next;
	void *dependencies;
};

/* Memory for a fence: of its own, as the kernel frees the fence by its address. */
void *dma_fence_shim_alloc(void)
{
	return kmalloc(sizeof(struct dma_fence_shim_own), GFP_KERNEL_ACCOUNT);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_alloc);

/* Memory whose size userspace controls, for kvfree_atomic(). May sleep. */
void *dma_fence_shim_alloc_block(size_t size)
{
	const gfp_t flags = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;

	/* kvmalloc() does the same for these, by more calls. */
	if (size <= PAGE_SIZE)
		return kmalloc(size, flags);
	return kvmalloc(size, flags);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_alloc_block);

/* Makes a fence with an inline lock, and two references. */
void dma_fence_shim_arm(struct dma_fence *fence, const struct dma_fence_ops *ops, u64 context,
			u64 seqno)
{
	dma_fence_init64(fence, ops, NULL, context, seqno);
	/* Nobody else has the fence yet. */
	refcount_set(&fence->refcount.refcount, 2);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_arm);

/* Signals a fence, and drops a reference to it. */
void dma_fence_shim_finish(struct dma_fence *fence, int error)
{
	if (error)
		dma_fence_set_error(fence, error);
	dma_fence_signal(fence);
	dma_fence_put(fence);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_finish);

unsigned long dma_fence_shim_lock(struct dma_fence *fence)
{
	unsigned long flags;

	dma_fence_lock_irqsave(fence, flags);
	return flags;
}
EXPORT_SYMBOL_GPL(dma_fence_shim_lock);

void dma_fence_shim_unlock(struct dma_fence *fence, unsigned long flags)
{
	dma_fence_unlock_irqrestore(fence, flags);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_unlock);

void dma_fence_shim_syncobj_put(struct drm_syncobj *object)
{
	drm_syncobj_put(object);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_syncobj_put);

struct dma_fence_chain *dma_fence_shim_chain_alloc(void)
{
	return dma_fence_chain_alloc();
}
EXPORT_SYMBOL_GPL(dma_fence_shim_chain_alloc);

void dma_fence_shim_chain_free(struct dma_fence_chain *chain)
{
	dma_fence_chain_free(chain);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_chain_free);
