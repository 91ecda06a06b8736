// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What cannot be avoided: a fence for each job, callbacks on those that it waits for, and either a
 * worker ("floor") or none ("direct") that hands it to the hardware. No credits, no timeout, no
 * error handling, no teardown.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "bench.h"

struct floor_queue {
	struct work_struct work;
	struct llist_head jobs;
	struct bench_hw hw;
	bool direct;
	u64 context;
	u64 seqno;
};

struct floor_job {
	/* First, so that the fence's memory is the job's. */
	struct dma_fence fence;
	struct llist_node node;
	struct floor_queue *queue;
	atomic_t missing;
	struct floor_dep {
		struct dma_fence_cb cb;
		struct floor_job *job;
	} deps[];
};

static struct workqueue_struct *workqueue;

static void floor_done(struct llist_node *node)
{
	struct floor_job *job = llist_entry(node, struct floor_job, node);

	dma_fence_signal(&job->fence);
	dma_fence_put(&job->fence);
}

static void floor_work(struct work_struct *work)
{
	struct floor_queue *queue = container_of(work, struct floor_queue, work);
	struct llist_node *node, *next;

	llist_for_each_safe(node, next, llist_reverse_order(llist_del_all(&queue->jobs)))
		bench_hw_run(&queue->hw, node);
}

static void floor_ready(struct floor_job *job)
{
	struct floor_queue *queue = job->queue;

	if (!atomic_dec_and_test(&job->missing))
		return;
	if (queue->direct) {
		bench_hw_run(&queue->hw, &job->node);
	} else {
		llist_add(&job->node, &queue->jobs);
		queue_work(workqueue, &queue->work);
	}
}

static void floor_dep_done(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	floor_ready(container_of(cb, struct floor_dep, cb)->job);
}

static struct dma_fence *floor_submit(void *data, struct dma_fence **deps, unsigned int count)
{
	struct floor_queue *queue = data;
	struct floor_job *job = kzalloc(struct_size(job, deps, count), GFP_KERNEL);
	struct dma_fence *fence;

	if (!job)
		return NULL;
	dma_fence_init64(&job->fence, &bench_fence_ops, NULL, queue->context, ++queue->seqno);
	fence = dma_fence_get(&job->fence);
	job->queue = queue;
	atomic_set(&job->missing, 1 + count);
	for (unsigned int i = 0; i < count; i++) {
		job->deps[i].job = job;
		if (dma_fence_add_callback(deps[i], &job->deps[i].cb, floor_dep_done))
			atomic_dec(&job->missing);
	}
	floor_ready(job);
	return fence;
}

static void *create(bool direct)
{
	struct floor_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);

	if (!queue)
		return NULL;
	INIT_WORK(&queue->work, floor_work);
	init_llist_head(&queue->jobs);
	bench_hw_init(&queue->hw, floor_done);
	queue->direct = direct;
	queue->context = dma_fence_context_alloc(1);
	return queue;
}

static void *floor_create(void)
{
	return create(false);
}

static void *direct_create(void)
{
	return create(true);
}

static void floor_destroy(void *data)
{
	struct floor_queue *queue = data;

	flush_work(&queue->work);
	bench_hw_fini(&queue->hw);
	kfree(queue);
}

static void floor_settle(void)
{
}

static void floor_kick(void *data)
{
	struct floor_queue *queue = data;

	bench_hw_kick(&queue->hw);
}

static int floor_init(void)
{
	workqueue = alloc_workqueue("bench_floor", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return workqueue ? 0 : -ENOMEM;
}

static void floor_exit(void)
{
	destroy_workqueue(workqueue);
}

static int direct_init(void)
{
	return 0;
}

static void direct_exit(void)
{
}

const struct bench_backend bench_floor = {
	.name = "floor",
	.init = floor_init,
	.exit = floor_exit,
	.create = floor_create,
	.destroy = floor_destroy,
	.settle = floor_settle,
	.submit = floor_submit,
	.kick = floor_kick,
};

const struct bench_backend bench_direct = {
	.name = "direct",
	.init = direct_init,
	.exit = direct_exit,
	.create = direct_create,
	.destroy = floor_destroy,
	.settle = floor_settle,
	.submit = floor_submit,
	.kick = floor_kick,
};
