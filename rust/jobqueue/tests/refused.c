// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Queues that C's interface has to refuse.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/limits.h>

#include "../jobqueue.h"
#include "helpers.h"

static void c_submit(void *ring, struct jobqueue_job *job)
{
}

static int c_timed_out(void *ring, struct jobqueue_job *job, unsigned int n)
{
	return 1000;
}

static void c_retire(void *ring, struct jobqueue_job *job)
{
}

static void c_destroy(void *ring)
{
}

/* Whether a queue is refused that is like a good one but for what "change" does to it. */
static bool c_refuses(struct jobqueue_device *device, unsigned int change)
{
	static struct jobqueue_names good = { .driver = "test", .ring = "c" };
	static struct jobqueue_names bad = { .driver = "test" };
	struct jobqueue_ops ops = {
		.submit = c_submit,
		.timed_out = c_timed_out,
		.retire = c_retire,
		.destroy = c_destroy,
	};
	struct jobqueue_config config = {
		.names = &good,
		.credits = 1,
		.jobs = 1,
		.timeout_ms = 1000,
	};
	struct jobqueue *queue;

	switch (change) {
	case 0:
		config.jobs = 0;
		break;
	case 1:
		config.credits = 0;
		break;
	case 2:
		config.timeout_ms = 0;
		break;
	case 3:
		config.on_error = JOBQUEUE_ERRORS_POISON + 1;
		break;
	case 4:
		config.names = NULL;
		break;
	case 5:
		config.names = &bad;
		break;
	case 6:
		ops.submit = NULL;
		break;
	case 7:
		ops.timed_out = NULL;
		break;
	case 8:
		ops.retire = NULL;
		break;
	case 9:
		ops.destroy = NULL;
		break;
	}
	queue = jobqueue_create(change == 10 ? NULL : device, change == 11 ? NULL : &config,
				change == 12 ? NULL : &ops, NULL);
	if (queue == ERR_PTR(-EINVAL))
		return true;
	if (!IS_ERR(queue))
		jobqueue_put(queue);
	return false;
}

/* The error of a job that depends on a fence that is none. */
static long c_depends(struct jobqueue_device *device, struct dma_fence *fence)
{
	static struct jobqueue_names names = { .driver = "test", .ring = "c" };
	static const struct jobqueue_ops ops = {
		.submit = c_submit,
		.timed_out = c_timed_out,
		.retire = c_retire,
		.destroy = c_destroy,
	};
	struct jobqueue_config config = {
		.names = &names,
		.credits = 1,
		.jobs = 1,
		.timeout_ms = 1000,
	};
	struct jobqueue *queue = jobqueue_create(device, &config, &ops, NULL);
	struct jobqueue_job job = { };
	long prepared, submitted;

	if (IS_ERR(queue))
		return 0;
	prepared = PTR_ERR_OR_ZERO(jobqueue_prepare(queue, &job, 1, &fence, 1));
	submitted = PTR_ERR_OR_ZERO(jobqueue_submit(queue, &job, 1, &fence, 1));
	jobqueue_put(queue);
	return prepared == submitted ? prepared : 0;
}

/* A bit for each change that is not refused. */
unsigned int jobqueue_test_c_refuses(void)
{
	struct jobqueue_device *device =
		jobqueue_device_create("jobqueue_test", JOBQUEUE_WORKERS_NORMAL);
	unsigned int change, accepted = 0;

	if (IS_ERR(device))
		return UINT_MAX;
	/* What ends something ignores these. An oops where it does not. */
	jobqueue_close(NULL);
	jobqueue_close(ERR_PTR(-ENOMEM));
	jobqueue_put(NULL);
	jobqueue_put(ERR_PTR(-ENOMEM));
	jobqueue_abandon(NULL);
	jobqueue_abandon(ERR_PTR(-ENOMEM));
	jobqueue_device_destroy(NULL);
	jobqueue_device_destroy(ERR_PTR(-ENOMEM));
	/* The last ones are an oops rather than a wrong answer where they are not checked. */
	for (change = 0; change <= 12; change++)
		if (!c_refuses(device, change))
			accepted |= BIT(change);
	jobqueue_device_destroy(device);
	device = jobqueue_device_create("jobqueue_test", JOBQUEUE_WORKERS_REALTIME + 1);
	if (device != ERR_PTR(-EINVAL)) {
		jobqueue_device_destroy(device);
		accepted |= BIT(change++);
	}
	device = jobqueue_device_create(NULL, JOBQUEUE_WORKERS_NORMAL);
	if (device != ERR_PTR(-EINVAL)) {
		jobqueue_device_destroy(device);
		accepted |= BIT(change++);
	}
	device = jobqueue_device_create("jobqueue_test", JOBQUEUE_WORKERS_NORMAL);
	/* An oops where these are not checked. */
	if (IS_ERR(device) || c_depends(device, NULL) != -EINVAL)
		accepted |= BIT(change++);
	if (IS_ERR(device) || c_depends(device, ERR_PTR(-ENODEV)) != -ENODEV)
		accepted |= BIT(change++);
	jobqueue_device_destroy(device);
	return accepted;
}
