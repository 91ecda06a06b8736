// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Fences of another driver, buffers without a driver, and somebody who wants the same buffers.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "helpers.h"

struct foreign {
	struct dma_fence base;
	spinlock_t lock;
	ktime_t deadline;
};

static const char *foreign_name(struct dma_fence *fence)
{
	return "foreign";
}

static void foreign_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct foreign *foreign = container_of(fence, struct foreign, base);

	WRITE_ONCE(foreign->deadline, deadline);
}

static void foreign_release(struct dma_fence *fence)
{
	kfree_rcu(container_of(fence, struct foreign, base), base.rcu);
}

static const struct dma_fence_ops foreign_ops = {
	.get_driver_name = foreign_name,
	.get_timeline_name = foreign_name,
	.set_deadline = foreign_set_deadline,
	.release = foreign_release,
};

/* A fence on a timeline of its own, which remembers the last deadline. */
struct dma_fence *dma_fence_test_foreign(void)
{
	struct foreign *foreign = kzalloc_obj(*foreign);

	if (!foreign)
		return NULL;
	spin_lock_init(&foreign->lock);
	dma_fence_init(&foreign->base, &foreign_ops, &foreign->lock, dma_fence_context_alloc(1), 1);
	return &foreign->base;
}

s64 dma_fence_test_deadline(struct dma_fence *fence)
{
	return READ_ONCE(container_of(fence, struct foreign, base)->deadline);
}

void dma_fence_test_signal(struct dma_fence *fence, int error)
{
	if (error)
		dma_fence_set_error(fence, error);
	dma_fence_signal(fence);
}

struct dma_resv *dma_fence_test_resv_new(void)
{
	struct dma_resv *resv = kzalloc_obj(*resv);

	if (resv)
		dma_resv_init(resv);
	return resv;
}

void dma_fence_test_resv_free(struct dma_resv *resv)
{
	dma_resv_fini(resv);
	kfree(resv);
}

/*
 * Somebody who came before us, has "first", and, once we wait, wants "second" as well. Being younger we have to let go of that
 * before we wait.
 */
struct rival {
	struct dma_resv *first, *second;
	struct task_struct *other;
	struct completion locked, done;
	int result;
};

static int rival_run(void *data)
{
	struct rival *rival = data;
	unsigned long end = jiffies + 10 * HZ;
	struct ww_acquire_ctx ctx;

	ww_acquire_init(&ctx, &reservation_ww_class);
	rival->result = dma_resv_lock(rival->first, &ctx);
	complete(&rival->locked);
	while (task_is_running(rival->other) && time_before(jiffies, end))
		usleep_range(100, 1000);
	rival->result = dma_resv_lock(rival->second, &ctx);
	if (!rival->result)
		dma_resv_unlock(rival->second);
	dma_resv_unlock(rival->first);
	ww_acquire_fini(&ctx);
	if (!time_before(jiffies, end))
		rival->result = -ETIME;
	complete(&rival->done);
	return 0;
}

/* Returns once it has "first"; NULL if there is no memory. */
void *dma_fence_test_rival_start(struct dma_resv *first, struct dma_resv *second)
{
	struct rival *rival = kzalloc_obj(*rival);
	struct task_struct *thread;

	if (!rival)
		return NULL;
	rival->first = first;
	rival->second = second;
	rival->other = current;
	init_completion(&rival->locked);
	init_completion(&rival->done);
	thread = kthread_run(rival_run, rival, "rival");
	if (IS_ERR(thread)) {
		kfree(rival);
		return NULL;
	}
	wait_for_completion(&rival->locked);
	return rival;
}

/* Whether it got both. */
int dma_fence_test_rival_end(void *data)
{
	struct rival *rival = data;
	int result;

	wait_for_completion(&rival->done);
	result = rival->result;
	kfree(rival);
	return result;
}
