// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What happens to DRM's scheduler if it goes before its jobs do: the counterpart of
 * jobqueue_teardown.rs, step by step.
 *
 * A driver whose firmware schedules has a scheduler per queue, which goes when userspace closes the
 * queue. The job that the hardware has then ends when the hardware says so, and its fence is in
 * others' hands.
 */
#include <linux/completion.h>
#include <linux/device/faux.h>
#include <linux/dma-fence.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/gpu_scheduler.h>

static int step;
module_param(step, int, 0);
MODULE_PARM_DESC(
	step,
	"1: the hardware finishes the job afterwards; 2: somebody asks for the name of the job's fence; "
	"3: the hardware was reset, and somebody waits for the fence; 4: it was reset, and nobody does; "
	"5: the submitter commits one more job");

/* How long a job may take. */
#define PATIENCE HZ

struct queue {
	struct drm_gpu_scheduler sched;
	struct drm_sched_entity entity;
};

struct job {
	/* First, so that the fence's memory is the job's. */
	struct dma_fence hw_fence;
	struct drm_sched_job base;
	struct completion running;
};

static struct faux_device *device;

static const char *fence_name(struct dma_fence *fence)
{
	return "teardown";
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

static struct dma_fence *run_job(struct drm_sched_job *base)
{
	struct job *job = container_of(base, struct job, base);

	complete(&job->running);
	return dma_fence_get(&job->hw_fence);
}

/* The hardware was reset, or is now. */
static enum drm_gpu_sched_stat timedout_job(struct drm_sched_job *base)
{
	struct job *job = container_of(base, struct job, base);

	dma_fence_set_error(&job->hw_fence, -ETIME);
	dma_fence_signal(&job->hw_fence);
	drm_sched_job_cleanup(base);
	dma_fence_put(&job->hw_fence);
	return DRM_GPU_SCHED_STAT_RESET;
}

static void free_job(struct drm_sched_job *base)
{
	struct job *job = container_of(base, struct job, base);

	drm_sched_job_cleanup(base);
	dma_fence_put(&job->hw_fence);
}

static const struct drm_sched_backend_ops ops = {
	.run_job = run_job,
	.timedout_job = timedout_job,
	.free_job = free_job,
};

/*
 * The queue, its scheduler that is, goes before the entity does, which the submitter still has.
 */
static int teardown_entity(struct queue *queue)
{
	struct drm_sched_entity *entity = kzalloc(sizeof(*entity), GFP_KERNEL);
	struct drm_gpu_scheduler *sched = &queue->sched;
	struct job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!entity || !job)
		goto free;
	ret = drm_sched_entity_init(entity, DRM_SCHED_PRIORITY_KERNEL, &sched, 1, NULL);
	if (ret)
		goto free;
	pr_info("teardown: the queue goes, whoever submits does not know\n");
	drm_sched_fini(sched);
	kfree(queue);
	ret = drm_sched_job_init(&job->base, entity, 1, NULL, 0);
	if (!ret) {
		drm_sched_job_arm(&job->base);
		pr_info("teardown: one more job has a fence\n");
		drm_sched_job_cleanup(&job->base);
	}
	drm_sched_entity_destroy(entity);
	kfree(entity);
	kfree(job);
	return 0;
free:
	drm_sched_fini(sched);
	kfree(entity);
	kfree(job);
	kfree(queue);
	return ret;
}

static int teardown(void)
{
	const struct drm_sched_init_args args = {
		.ops = &ops,
		.num_rqs = 1,
		.credit_limit = 4,
		.timeout = step == 3 || step == 4 ? PATIENCE : MAX_SCHEDULE_TIMEOUT,
		.name = "teardown",
		.dev = &device->dev,
	};
	struct queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	struct job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	struct drm_gpu_scheduler *sched;
	struct dma_fence *fence;
	int ret = -ENOMEM;

	if (!queue || !job)
		goto free;
	sched = &queue->sched;
	ret = drm_sched_init(sched, &args);
	if (ret)
		goto free;
	if (step == 5) {
		kfree(job);
		return teardown_entity(queue);
	}
	ret = drm_sched_entity_init(&queue->entity, DRM_SCHED_PRIORITY_KERNEL, &sched, 1, NULL);
	if (ret)
		goto fini;
	init_completion(&job->running);
	dma_fence_init64(&job->hw_fence, &fence_ops, NULL, dma_fence_context_alloc(1), 1);
	ret = drm_sched_job_init(&job->base, &queue->entity, 1, NULL, 0);
	if (ret)
		goto fini;

	drm_sched_job_arm(&job->base);
	fence = dma_fence_get(&job->base.s_fence->finished);
	drm_sched_entity_push_job(&job->base);
	wait_for_completion(&job->running);
	pr_info("teardown: the hardware has the job, the queue goes\n");
	drm_sched_entity_destroy(&queue->entity);
	drm_sched_fini(&queue->sched);
	kfree(queue);

	if (step == 2) {
		rcu_read_lock();
		pr_info("teardown: the fence is %s\n",
			(__force const char *)dma_fence_timeline_name(fence));
		rcu_read_unlock();
	} else if (step == 3) {
		dma_fence_wait(fence, false);
		pr_info("teardown: the hardware was reset, the fence has signalled\n");
	} else if (step == 4) {
		pr_info("teardown: the hardware was reset, nobody waits\n");
	} else {
		dma_fence_signal(&job->hw_fence);
		pr_info("teardown: the hardware has finished, the fence %s signalled\n",
			dma_fence_is_signaled(fence) ? "has" : "has not");
	}
	dma_fence_put(fence);
	return 0;

fini:
	drm_sched_fini(&queue->sched);
free:
	kfree(queue);
	kfree(job);
	return ret;
}

static int __init teardown_init(void)
{
	int ret = 0;

	device = faux_device_create("drm_sched_teardown", NULL, NULL);
	if (!device)
		return -ENODEV;
	if (step)
		ret = teardown();
	if (ret)
		faux_device_destroy(device);
	return ret;
}

static void __exit teardown_exit(void)
{
	faux_device_destroy(device);
}

module_init(teardown_init);
module_exit(teardown_exit);
MODULE_DESCRIPTION("DRM's scheduler goes before its jobs do");
MODULE_LICENSE("Dual MIT/GPL");
