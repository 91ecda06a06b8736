// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver in C on the job queue, whose hardware is an irq_work: it takes up to four jobs, and ends
 * them in a hard interrupt, in order, except for those that hang until the ring is reset. Loading
 * the module runs some jobs and says what became of them.
 *
 * A job that is committed is not in flight yet: the queue's task may have to run first. Where that
 * matters the sample waits until the hardware has the job.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../../rust/jobqueue/jobqueue.h"

#define CREDITS 4
/* How long the sample waits for what has to happen. */
#define LIMIT (60 * HZ)
/* What the jobs in the queue may keep. */
#define MEMORY SZ_64K

/* How long a job takes. */
enum duration {
	RUNS,
	/* Until the sample says that it is over. */
	SLOW,
	/* Until the ring is reset. */
	HANGS,
};

struct sample_job {
	struct jobqueue_job base;
	/* What its fence is to signal with. */
	int error;
	enum duration duration;
};

struct sample {
	struct jobqueue *queue;
	/* The hardware: the jobs that it has, oldest first. */
	struct irq_work irq;
	/* Protects @jobs, @count, and what is in the jobs that the hardware has. */
	spinlock_t lock;
	struct sample_job *jobs[CREDITS];
	unsigned int count;
	/* The hardware has a job that is slow. */
	struct completion slow;
	/* The ring is being reset, and a job was submitted meanwhile. For callbacks. */
	bool resetting, early;
	/* What has happened so far. */
	unsigned int started, retired, resets;
	bool ended;
};

static struct sample_job *to_job(struct jobqueue_job *job)
{
	return container_of(job, struct sample_job, base);
}

/* The hardware has finished all that just runs, and nothing that comes after what does not. */
static void sample_irq(struct irq_work *irq)
{
	struct sample *sample = container_of(irq, struct sample, irq);
	struct sample_job *over[CREDITS];
	unsigned int i, n = 0;
	unsigned long flags;

	spin_lock_irqsave(&sample->lock, flags);
	while (n < sample->count && sample->jobs[n]->duration == RUNS) {
		over[n] = sample->jobs[n];
		n++;
	}
	sample->count -= n;
	memmove(sample->jobs, sample->jobs + n, sample->count * sizeof(*sample->jobs));
	spin_unlock_irqrestore(&sample->lock, flags);

	for (i = 0; i < n; i++)
		jobqueue_complete(sample->queue, &over[i]->base, over[i]->error);
}

static void sample_submit(void *ring, struct jobqueue_job *job)
{
	struct sample *sample = ring;
	unsigned long flags;

	spin_lock_irqsave(&sample->lock, flags);
	sample->jobs[sample->count++] = to_job(job);
	sample->started++;
	sample->early |= sample->resetting;
	if (to_job(job)->duration == SLOW)
		complete(&sample->slow);
	spin_unlock_irqrestore(&sample->lock, flags);
	irq_work_queue(&sample->irq);
}

/* Waits until the hardware has a job that is slow. Returns false if that takes too long. */
static bool wait_slow(struct sample *sample)
{
	return wait_for_completion_timeout(&sample->slow, LIMIT) > 0;
}

/* Ends the job that is slow, which is the oldest that the hardware has. */
static void end_slow(struct sample *sample)
{
	unsigned long flags;

	spin_lock_irqsave(&sample->lock, flags);
	if (sample->count)
		sample->jobs[0]->duration = RUNS;
	spin_unlock_irqrestore(&sample->lock, flags);
	irq_work_queue(&sample->irq);
}

/*
 * The second time the ring is reset, which takes a while: what is in it is lost. A job that is slow
 * is waited for.
 */
static int sample_timed_out(void *ring, struct jobqueue_job *job, unsigned int n)
{
	struct sample *sample = ring;
	unsigned long flags;
	bool hangs;

	if (n < 2)
		return 20;
	irq_work_sync(&sample->irq);
	spin_lock_irqsave(&sample->lock, flags);
	hangs = sample->count && sample->jobs[0]->duration == HANGS;
	if (sample->resetting) {
		sample->count = 0;
		sample->resets++;
	}
	spin_unlock_irqrestore(&sample->lock, flags);
	if (sample->resetting) {
		sample->resetting = false;
		return 0;
	}
	if (!hangs)
		return 20;
	/* Nothing is submitted before this was called again, and has returned 0. */
	sample->resetting = true;
	return jobqueue_deciding(20);
}

static void sample_retire(void *ring, struct jobqueue_job *job)
{
	struct sample *sample = ring;

	sample->retired++;
	kfree(to_job(job));
}

static void sample_destroy(void *ring)
{
	struct sample *sample = ring;

	sample->ended = true;
}

static const struct jobqueue_ops sample_ops = {
	.submit = sample_submit,
	.timed_out = sample_timed_out,
	.retire = sample_retire,
	.destroy = sample_destroy,
};

static struct dma_fence *submit_with(struct sample *sample, int error, enum duration duration,
				     unsigned int credits, struct dma_fence *after, size_t memory)
{
	struct sample_job *job = kzalloc_obj(*job);
	struct dma_fence *fence;

	if (!job)
		return ERR_PTR(-ENOMEM);
	job->error = error;
	job->duration = duration;
	job->base.memory = memory;
	fence = jobqueue_submit(sample->queue, &job->base, credits, &after, after ? 1 : 0);
	if (IS_ERR(fence))
		kfree(job);
	return fence;
}

static struct dma_fence *submit(struct sample *sample, int error, enum duration duration,
				unsigned int credits, struct dma_fence *after)
{
	return submit_with(sample, error, duration, credits, after, 0);
}

/* Whether a fence signals with "want". Gives it back. */
static bool ends_with(struct dma_fence *fence, int want)
{
	int error;

	if (IS_ERR(fence))
		return false;
	error = dma_fence_wait_timeout(fence, false, LIMIT) > 0 ? fence->error : -ETIME;
	dma_fence_put(fence);
	return error == want;
}

static int failures;

static void check(const char *what, bool held)
{
	failures += !held;
	pr_info("%s %s\n", held ? "ok" : "not ok", what);
}

static void run(struct sample *sample)
{
	struct dma_fence *slow, *first, *second, *third, *stub;
	struct jobqueue_prepared *prepared;
	struct sample_job *job;

	check("a job runs", ends_with(submit(sample, 0, RUNS, 1, NULL), 0));
	check("a job fails", ends_with(submit(sample, -EIO, RUNS, 1, NULL), -EIO));

	/*
	 * A job that hangs, one behind it that is lost with it, and one that needs the whole ring,
	 * and so runs afterwards. All wait for one that is slow and has the whole ring: so the
	 * hardware gets the first two at the same time, however long this thread takes.
	 */
	slow = submit(sample, 0, SLOW, CREDITS, NULL);
	first = submit(sample, 0, HANGS, 1, NULL);
	second = submit(sample, 0, RUNS, 1, NULL);
	third = submit(sample, 0, RUNS, CREDITS, second);
	check("the hardware has a job that is slow", wait_slow(sample));
	end_slow(sample);
	check("it is over in the end", ends_with(slow, 0));
	check("a job that hangs is given up", ends_with(first, -ETIME));
	check("what was lost with it is cancelled", ends_with(second, -ECANCELED));
	check("the queue goes on", ends_with(third, 0));
	check("the ring was reset once", sample->resets == 1);

	/*
	 * Memory for one of two: the second is not prepared before the first, which hangs, has been
	 * given up.
	 */
	first = submit_with(sample, 0, HANGS, 1, NULL, MEMORY / 4 * 3);
	second = submit_with(sample, 0, RUNS, 1, NULL, MEMORY / 2);
	check("a job waits for the memory of another",
	      !IS_ERR(first) && dma_fence_is_signaled(first));
	check("which was given up", ends_with(first, -ETIME));
	check("and runs then", ends_with(second, 0));
	check("one that keeps more than there may be is refused",
	      submit_with(sample, 0, RUNS, 1, NULL, MEMORY + 1) == ERR_PTR(-EINVAL));

	/* One that is not committed leaves nothing. */
	job = kzalloc_obj(*job);
	stub = dma_fence_get_stub();
	if (job && stub) {
		prepared = jobqueue_prepare(sample->queue, &job->base, 1, &stub, 1);
		check("a job is prepared", !IS_ERR(prepared));
		if (!IS_ERR(prepared))
			jobqueue_abandon(prepared);
		prepared = jobqueue_prepare(sample->queue, &job->base, CREDITS + 1, NULL, 0);
		check("one that is too large is refused", prepared == ERR_PTR(-EINVAL));
		prepared = jobqueue_prepare(sample->queue, &job->base, CREDITS, NULL, 0);
	} else {
		prepared = ERR_PTR(-ENOMEM);
	}
	dma_fence_put(stub);

	/*
	 * Closed with one that the hardware has, one behind it, and one that is prepared. The slow
	 * one ends only when it is told to, so that it is in flight all the while.
	 */
	first = submit(sample, 0, SLOW, 1, NULL);
	second = submit(sample, 0, RUNS, CREDITS, first);
	check("the hardware has another one that is slow", wait_slow(sample));
	jobqueue_close(sample->queue);
	third = IS_ERR(prepared) ? NULL : jobqueue_commit(prepared);
	check("nothing is committed once it is closed", third == ERR_PTR(-ECANCELED));
	/* One that was committed all the same is the queue's. */
	if (IS_ERR_OR_NULL(third))
		kfree(job);
	else
		dma_fence_put(third);
	check("what the hardware has is not cancelled",
	      !IS_ERR(first) && !dma_fence_is_signaled(first));
	end_slow(sample);
	check("it is awaited", ends_with(first, 0));
	check("what the hardware does not have is cancelled", ends_with(second, -ECANCELED));
}

static int __init sample_init(void)
{
	static struct jobqueue_names names = {
		.driver = "jobqueue_sample",
		.ring = "sample",
	};
	static const struct jobqueue_config config = {
		.names = &names,
		.credits = CREDITS,
		.jobs = 16,
		.memory = MEMORY,
		.timeout_ms = 50,
		.on_error = JOBQUEUE_ERRORS_IGNORED,
	};
	struct jobqueue_device *device;
	struct sample *sample;
	int ret = 0;

	sample = kzalloc_obj(*sample);
	if (!sample)
		return -ENOMEM;
	spin_lock_init(&sample->lock);
	init_completion(&sample->slow);
	/* In an interrupt; with PREEMPT_RT in a thread, where the lock may be taken. */
	sample->irq = IRQ_WORK_INIT(sample_irq);

	device = jobqueue_device_create("jobqueue_sample", JOBQUEUE_WORKERS_NORMAL);
	if (IS_ERR(device)) {
		ret = PTR_ERR(device);
		goto free;
	}
	sample->queue = jobqueue_create(device, &config, &sample_ops, sample);
	if (IS_ERR(sample->queue)) {
		ret = PTR_ERR(sample->queue);
		jobqueue_device_destroy(device);
		goto free;
	}
	run(sample);

	/* Waits for all; then nobody completes anything any more. */
	jobqueue_device_destroy(device);
	irq_work_sync(&sample->irq);
	check("the queue has ended", sample->ended);
	/*
	 * Two that ran, four around the reset, two with memory, one that the hardware had and one
	 * behind it.
	 */
	check("nothing was submitted during a reset", !sample->early);
	check("all jobs came back", sample->retired == 10);
	check("those that should have run did", sample->started == 9);
	jobqueue_put(sample->queue);
	if (failures)
		ret = -EIO;
free:
	kfree(sample);
	return ret;
}
module_init(sample_init);

static void __exit sample_exit(void)
{
}
module_exit(sample_exit);

MODULE_AUTHOR("The asahi-async authors");
MODULE_DESCRIPTION("A driver in C on the job queue");
MODULE_LICENSE("Dual MIT/GPL");
