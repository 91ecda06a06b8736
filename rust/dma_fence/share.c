// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Functions for the Rust code of fences: sync files, and reservation objects.
 *
 * All are exported, as generic Rust code that ends up in the users of the module may inline a
 * caller of these functions.
 */
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/sync_file.h>

#include "shim.h"

/* A file that is in no process's table. NULL if there is no memory. */
struct file *dma_fence_shim_sync_file_new(struct dma_fence *fence)
{
	struct sync_file *sync_file = sync_file_create(fence);

	return sync_file ? sync_file->file : NULL;
}
EXPORT_SYMBOL_GPL(dma_fence_shim_sync_file_new);

/*
 * Sets the fence of a sync file that is in no table yet. fd_install() publishes the file with what
 * was written before.
 */
void dma_fence_shim_sync_file_set(struct file *file, struct dma_fence *fence)
{
	struct sync_file *sync_file = file->private_data;
	struct dma_fence *old = sync_file->fence;

	sync_file->fence = dma_fence_get(fence);
	dma_fence_put(old);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_sync_file_set);

int dma_fence_shim_resv_lock(struct dma_resv *resv, struct ww_acquire_ctx *ctx)
{
	return dma_resv_lock_interruptible(resv, ctx);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_resv_lock);

void dma_fence_shim_resv_unlock(struct dma_resv *resv)
{
	dma_resv_unlock(resv);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_resv_unlock);

struct ww_acquire_ctx *dma_fence_shim_resv_context_new(void)
{
	struct ww_acquire_ctx *ctx = kmalloc_obj(*ctx);

	if (ctx)
		ww_acquire_init(ctx, &reservation_ww_class);
	return ctx;
}
EXPORT_SYMBOL_GPL(dma_fence_shim_resv_context_new);

void dma_fence_shim_resv_context_end(struct ww_acquire_ctx *ctx)
{
	ww_acquire_fini(ctx);
	kfree(ctx);
}
EXPORT_SYMBOL_GPL(dma_fence_shim_resv_context_end);

/* Locks all, which are different; on failure none. */
int dma_fence_shim_resv_lock_all(struct ww_acquire_ctx *ctx, struct dma_resv *const *resvs,
				 size_t count)
{
	struct dma_resv *slow = NULL;
	size_t i;
	int ret = 0;

again:
	for (i = 0; i < count; i++) {
		if (resvs[i] == slow)
			continue;
		ret = dma_resv_lock_interruptible(resvs[i], ctx);
		if (ret)
			break;
	}
	if (i == count) {
		ww_acquire_done(ctx);
		return 0;
	}

	/* An older context has it: unlock all, and wait for that one first. */
	for (size_t j = 0; j < i; j++) {
		if (resvs[j] != slow)
			dma_resv_unlock(resvs[j]);
	}
	if (slow)
		dma_resv_unlock(slow);
	if (ret != -EDEADLK)
		return ret;
	slow = resvs[i];
	ret = dma_resv_lock_slow_interruptible(slow, ctx);
	if (ret)
		return ret;
	goto again;
}
EXPORT_SYMBOL_GPL(dma_fence_shim_resv_lock_all);
