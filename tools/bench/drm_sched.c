// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * DRM's scheduler as drivers use it whose firmware schedules: one scheduler and one entity for each
 * queue. The schedulers have a workqueue each ("drm_sched", as with xe), or one in common: an
 * unbound one ("drm_shared", as with panthor), or one whose works stay on the processor that queues
 * them ("drm_percpu", as with nouveau).
 */
#include <linux/device/faux.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "bench.h"

struct sched_queue {
	struct drm_gpu_scheduler sched;
	struct drm_sched_entity entity;
	struct bench_hw hw;
	u64 context;
	u64 seqno;
};

struct sched_job {
	/* First, so that the fence's memory is the job's. */
	struct dma_fence hw_fence;
	struct drm_sched_job base;
	struct llist_node node;
	struct sched_queue *queue;
};

static struct faux_device *device;
/* That of all schedulers, or NULL if each has its own. */
static struct workqueue_struct *workqueue;

static void sched_done(struct llist_node *node)
{
	struct sched_job *job = llist_entry(node, struct sched_job, node);

	dma_fence_signal(&job->hw_fence);
}

static struct dma_fence *sched_run(struct drm_sched_job *base)
{
	struct sched_job *job = container_of(base, struct sched_job, base);

	/* One reference for the scheduler, and the first for the job itself. */
	dma_fence_init64(&job->hw_fence, &bench_fence_ops, NULL, job->queue->context,
			 ++job->queue->seqno);
	dma_fence_get(&job->hw_fence);
	bench_hw_run(&job->queue->hw, &job->node);
	return &job->hw_fence;
}

static enum drm_gpu_sched_stat sched_timedout(struct drm_sched_job *base)
{
	pr_err("drm_sched: a job has timed out\n");
	return DRM_GPU_SCHED_STAT_NO_HANG;
}

static void sched_free(struct drm_sched_job *base)
{
	struct sched_job *job = container_of(base, struct sched_job, base);

	drm_sched_job_cleanup(base);
	dma_fence_put(&job->hw_fence);
}

static const struct drm_sched_backend_ops sched_ops = {
	.run_job = sched_run,
	.timedout_job = sched_timedout,
	.free_job = sched_free,
};

static int sched_init(void)
{
	device = faux_device_create("asahi_bench", NULL, NULL);
	return device ? 0 : -ENODEV;
}

static void workqueue_exit(void)
{
	if (workqueue)
		destroy_workqueue(workqueue);
	workqueue = NULL;
}

static int init_with(unsigned int flags)
{
	int ret;

	workqueue = alloc_workqueue("bench_drm", WQ_MEM_RECLAIM | flags, 0);
	if (!workqueue)
		return -ENOMEM;
	ret = sched_init();
	if (ret)
		workqueue_exit();
	return ret;
}

static int shared_init(void)
{
	return init_with(WQ_UNBOUND);
}

static int percpu_init(void)
{
	return init_with(WQ_PERCPU);
}

static void sched_exit(void)
{
	workqueue_exit();
	faux_device_destroy(device);
}

static void *sched_create(void)
{
	const struct drm_sched_init_args args = {
		.ops = &sched_ops,
		.submit_wq = workqueue,
		.num_rqs = 1,
		.credit_limit = BENCH_CREDITS,
		.timeout = 5 * HZ,
		.name = "bench",
		.dev = &device->dev,
	};
	struct sched_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	struct drm_gpu_scheduler *sched;

	if (!queue)
		return NULL;
	bench_hw_init(&queue->hw, sched_done);
	queue->context = dma_fence_context_alloc(1);
	if (drm_sched_init(&queue->sched, &args))
		goto free;
	sched = &queue->sched;
	if (drm_sched_entity_init(&queue->entity, DRM_SCHED_PRIORITY_KERNEL, &sched, 1, NULL))
		goto fini;
	return queue;

fini:
	drm_sched_fini(&queue->sched);
free:
	kfree(queue);
	return NULL;
}

static void sched_destroy(void *data)
{
	struct sched_queue *queue = data;

	drm_sched_entity_destroy(&queue->entity);
	drm_sched_fini(&queue->sched);
	bench_hw_fini(&queue->hw);
	kfree(queue);
}

static void sched_settle(void)
{
}

static struct dma_fence *sched_submit(void *data, struct dma_fence **deps, unsigned int count)
{
	struct sched_queue *queue = data;
	struct sched_job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	struct dma_fence *fence;

	if (!job)
		return NULL;
	job->queue = queue;
	if (drm_sched_job_init(&job->base, &queue->entity, 1, NULL, 0)) {
		kfree(job);
		return NULL;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (drm_sched_job_add_dependency(&job->base, dma_fence_get(deps[i]))) {
			drm_sched_job_cleanup(&job->base);
			kfree(job);
			return NULL;
		}
	}
	drm_sched_job_arm(&job->base);
	fence = dma_fence_get(&job->base.s_fence->finished);
	drm_sched_entity_push_job(&job->base);
	return fence;
}

static void sched_kick(void *data)
{
	struct sched_queue *queue = data;

	bench_hw_kick(&queue->hw);
}

/* The backends differ in the workqueue. */
#define SCHED_BACKEND(backend, init_fn) {	\
	.name = backend,			\
	.init = init_fn,			\
	.exit = sched_exit,			\
	.create = sched_create,			\
	.destroy = sched_destroy,		\
	.settle = sched_settle,			\
	.submit = sched_submit,			\
	.kick = sched_kick,			\
}

const struct bench_backend bench_drm_sched = SCHED_BACKEND("drm_sched", sched_init);
const struct bench_backend bench_drm_shared = SCHED_BACKEND("drm_shared", shared_init);
const struct bench_backend bench_drm_percpu = SCHED_BACKEND("drm_percpu", percpu_init);
