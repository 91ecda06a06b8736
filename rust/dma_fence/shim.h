/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Functions of shim.c for Rust, whose declarations are in ffi.rs. */
#ifndef DMA_FENCE_SHIM_H
#define DMA_FENCE_SHIM_H

#include <linux/types.h>

struct dma_fence;
struct dma_fence_chain;
struct dma_fence_ops;
struct drm_file;
struct drm_syncobj;

void dma_fence_shim_get(struct dma_fence *fence);
void dma_fence_shim_put(struct dma_fence *fence);
bool dma_fence_shim_is_later(struct dma_fence *a, struct dma_fence *b);
void dma_fence_shim_might_wait(void);
int dma_fence_annotated_waits(void);
int dma_fence_module_refcount(void);
bool dma_fence_shim_fatal_signal(void);
void dma_fence_shim_get_module(void);
void dma_fence_shim_put_module(void);
void dma_fence_shim_api_violation(const char *what);
void dma_fence_expect_violations(int n);
int dma_fence_violations_outstanding(void);
int dma_fence_shim_error(struct dma_fence *fence);
void *dma_fence_shim_alloc(void);
void *dma_fence_shim_alloc_block(size_t size);
void dma_fence_shim_arm(struct dma_fence *fence, const struct dma_fence_ops *ops, u64 context,
			u64 seqno);
void dma_fence_shim_finish(struct dma_fence *fence, int error);
unsigned long dma_fence_shim_lock(struct dma_fence *fence);
void dma_fence_shim_unlock(struct dma_fence *fence, unsigned long flags);
void dma_fence_shim_syncobj_put(struct drm_syncobj *object);
struct dma_fence_chain *dma_fence_shim_chain_alloc(void);
void dma_fence_shim_chain_free(struct dma_fence_chain *chain);

#endif
