/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef DMA_FENCE_TEST_HELPERS_H
#define DMA_FENCE_TEST_HELPERS_H

#include <linux/types.h>

struct dma_fence;
struct drm_syncobj;

struct dma_fence *dma_fence_test_foreign(void);
int dma_fence_test_deadlines(struct dma_fence *fence);
bool dma_fence_test_is_waited_for(struct dma_fence *fence);
void dma_fence_test_end_forgotten(struct dma_fence *fence);
bool dma_fence_test_has_copied_name(struct dma_fence *fence, const char *name);
bool dma_fence_test_in_irq(void (*f)(void *data), void *data);
void dma_fence_test_kill(bool kill);
s64 dma_fence_test_deadline(struct dma_fence *fence);
void dma_fence_test_signal(struct dma_fence *fence, int error);

struct dma_fence *dma_fence_test_merge(size_t count, struct dma_fence **fences);
struct drm_syncobj *dma_fence_test_syncobj(struct dma_fence *fence);
struct dma_fence *dma_fence_test_syncobj_fence(struct drm_syncobj *object);

#endif
