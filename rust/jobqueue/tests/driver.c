// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Drivers in C: a ring whose resets take long, and queues that end under an interrupt.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../jobqueue.h"
#include "helpers.h"

#define LIMIT (60 * HZ)

struct test_ring {
	struct completion submitted, expired, ended;
	/* The second job was committed, and the ring was asked again after that. */
	bool committed, asked;
	/* A reset is under way, and a job was submitted meanwhile. */
	bool resetting, early;
	/* The job of the first call of @timed_out, and whether a later one had another. */
	struct jobqueue_job *late;
	bool other;
	unsigned int retired;
};

static void ring_submit(void *data, struct jobqueue_job *job)
{
	struct test_ring *ring = data;

	if (READ_ONCE(ring->resetting))
		WRITE_ONCE(ring->early, true);
	complete(&ring->submitted);
}

/* Starts a reset, and is done with it after a second job was committed. */
static int ring_timed_out(void *data, struct jobqueue_job *job, unsigned int n)
{
	struct test_ring *ring = data;

	if (!READ_ONCE(ring->resetting)) {
		ring->late = job;
		WRITE_ONCE(ring->resetting, true);
		complete(&ring->expired);
		return jobqueue_deciding(5);
	}
	ring->other |= job != ring->late || n != 1;
	if (!ring->asked) {
		ring->asked = READ_ONCE(ring->committed);
		return jobqueue_deciding(5);
	}
	WRITE_ONCE(ring->resetting, false);
	return 0;
}

static void ring_retire(void *data, struct jobqueue_job *job)
{
	struct test_ring *ring = data;

	WRITE_ONCE(ring->retired, ring->retired + 1);
}

static void ring_destroy(void *data)
{
	struct test_ring *ring = data;

	complete(&ring->ended);
}

static const struct jobqueue_ops ring_ops = {
	.submit = ring_submit,
	.timed_out = ring_timed_out,
	.retire = ring_retire,
	.destroy = ring_destroy,
};

static struct jobqueue *create(struct jobqueue_device *device, struct test_ring *ring,
			       unsigned int timeout_ms)
{
	static struct jobqueue_names names = { .driver = "test", .ring = "queue" };
	struct jobqueue_config config = {
		.names = &names,
		.credits = 2,
		.jobs = 2,
		.timeout_ms = timeout_ms,
	};

	init_completion(&ring->submitted);
	init_completion(&ring->expired);
	init_completion(&ring->ended);
	return jobqueue_create(device, &config, &ring_ops, ring);
}

/* The error with which a fence signals. Gives it back. */
static int error_of(struct dma_fence *fence)
{
	int error;

	if (IS_ERR(fence))
		return PTR_ERR(fence);
	error = dma_fence_wait_timeout(fence, false, LIMIT) > 0 ? fence->error : -EBUSY;
	dma_fence_put(fence);
	return error;
}

/* A job is committed during a reset, and is submitted when that is over. */
int jobqueue_test_c_reset(void)
{
	struct jobqueue_device *device =
		jobqueue_device_create("jobqueue_test", JOBQUEUE_WORKERS_NORMAL);
	struct test_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL);
	struct jobqueue_job jobs[2] = { };
	struct dma_fence *first, *second;
	struct jobqueue *queue;
	int line = 0;

	if (IS_ERR(device) || !ring) {
		line = __LINE__;
		goto out;
	}
	queue = create(device, ring, 20);
	if (IS_ERR(queue)) {
		line = __LINE__;
		goto out;
	}
	first = jobqueue_submit(queue, &jobs[0], 1, NULL, 0);
	if (!wait_for_completion_timeout(&ring->expired, LIMIT))
		line = __LINE__;
	second = jobqueue_submit(queue, &jobs[1], 1, NULL, 0);
	WRITE_ONCE(ring->committed, true);
	if (error_of(first) != -ETIME)
		line = __LINE__;
	/* Both are submitted in the end, unless the second was lost with the first. */
	if (!wait_for_completion_timeout(&ring->submitted, LIMIT) ||
	    !wait_for_completion_timeout(&ring->submitted, LIMIT))
		line = __LINE__;
	else if (ring->retired == 1)
		jobqueue_complete(queue, &jobs[1], 0);
	if (error_of(second))
		line = __LINE__;
	jobqueue_device_destroy(device);
	device = NULL;
	jobqueue_put(queue);
	if (ring->early || ring->other || ring->late != &jobs[0] || ring->retired != 2)
		line = __LINE__;
out:
	jobqueue_device_destroy(device);
	kfree(ring);
	return line;
}

static struct window {
	struct jobqueue *queue;
	struct test_ring ring;
	struct jobqueue_job job;
	bool completes;
	/* A thread is about to wake the queue, which was put while the thread was there. */
	struct completion open;
	bool put, seen;
} *window;

/* Called by jobqueue_complete() and jobqueue_ready() before their last access to the queue. */
static void wait_in_window(void)
{
	unsigned long end = jiffies + 5 * HZ;

	complete(&window->open);
	while (!READ_ONCE(window->put) && time_before(jiffies, end))
		cpu_relax();
	window->seen = READ_ONCE(window->put);
}

static int in_window(void *data, unsigned int n)
{
	if (n == 0) {
		if (window->completes)
			jobqueue_complete(window->queue, &window->job, 0);
		else
			jobqueue_ready(window->queue);
		return 0;
	}
	if (!wait_for_completion_timeout(&window->open, LIMIT))
		return -ETIME;
	jobqueue_close(window->queue);
	if (!wait_for_completion_timeout(&window->ring.ended, LIMIT))
		return -ETIME;
	jobqueue_put(window->queue);
	WRITE_ONCE(window->put, true);
	return 0;
}

/* A queue ends and is put between the store that lets it end and the wake. */
int jobqueue_test_c_window(bool completes)
{
	struct jobqueue_device *device =
		jobqueue_device_create("jobqueue_test", JOBQUEUE_WORKERS_NORMAL);
	struct dma_fence *fence;
	int line = 0;

	window = kzalloc_obj(*window);
	if (IS_ERR(device) || !window) {
		line = __LINE__;
		goto out;
	}
	init_completion(&window->open);
	window->completes = completes;
	window->queue = create(device, &window->ring, 60000);
	if (IS_ERR(window->queue)) {
		line = __LINE__;
		goto out;
	}
	if (completes) {
		fence = jobqueue_submit(window->queue, &window->job, 1, NULL, 0);
		if (IS_ERR(fence) || !wait_for_completion_timeout(&window->ring.submitted, LIMIT))
			line = __LINE__;
	}
	jobqueue_test_window(wait_in_window);
	if (jobqueue_test_threads(2, in_window, NULL))
		line = __LINE__;
	jobqueue_test_window(NULL);
	/* Where the thread in the window keeps the only processor, nothing can be put meanwhile. */
	if (num_online_cpus() > 1 && !window->seen)
		line = __LINE__;
	if (completes && error_of(fence))
		line = __LINE__;
out:
	jobqueue_device_destroy(device);
	kfree(window);
	return line;
}
