/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef DMA_FENCE_TEST_HELPERS_H
#define DMA_FENCE_TEST_HELPERS_H

#include <linux/types.h>

struct dma_fence;
struct dma_resv;

struct dma_fence *dma_fence_test_foreign(void);
s64 dma_fence_test_deadline(struct dma_fence *fence);
void dma_fence_test_signal(struct dma_fence *fence, int error);

struct dma_resv *dma_fence_test_resv_new(void);
void dma_fence_test_resv_free(struct dma_resv *resv);
void *dma_fence_test_rival_start(struct dma_resv *first, struct dma_resv *second);
int dma_fence_test_rival_end(void *rival);

#endif
