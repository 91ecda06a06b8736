/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The job queue for drivers in C. What is behind it, and what it promises, is in Documentation/jobqueue.rst: jobs of a queue run and
 * complete in order, a queue may be closed at any time, every fence signals, and none early.
 *
 *	prepare()		may fail, may sleep, leaves no trace
 *	   |  abandon()
 *	commit() -> fence	only fails if the queue is closed
 *	   |
 *	ops->start()		dependencies have signalled, credits are free
 *	   |
 *	jobqueue_complete()	the driver's interrupt says that the job is over
 *	   |
 *	ops->retire()		its fence has signalled
 *
 * call				process		signalling section	hard IRQ
 * jobqueue_device_*, _create	yes		no			no
 * jobqueue_prepare, _submit	yes		no (may wait)		no
 * jobqueue_commit, _abandon	yes		yes			no
 * jobqueue_complete		yes		yes			yes
 * jobqueue_close		yes		yes			no
 * jobqueue_put			yes		yes			no
 */
#ifndef JOBQUEUE_H
#define JOBQUEUE_H

#include <linux/types.h>

struct dma_fence;
struct jobqueue;
struct jobqueue_device;
struct jobqueue_prepared;

/* To be embedded in the driver's job. */
struct jobqueue_job {
	/* How many bytes the job keeps: set by the driver before it is prepared, for jobqueue_config.memory. */
	size_t memory;
	/* Not the driver's. */
	int state;
	int error;
};

/*
 * All are called by the queue's task, one at a time, inside of fence signalling sections: they must not wait for fences, nor for memory in
 * a way that does.
 */
struct jobqueue_ops {
	/* Hands the job to the hardware. If it fails the hardware does not know the job, and never will. */
	int (*start)(void *ring, struct jobqueue_job *job);

	/*
	 * The oldest job in flight has made no sign for so long for the nth time in a row. Returns for how many milliseconds more it may
	 * go on, or 0: the ring was reset, touches no memory of its jobs any more, and is ready for others.
	 */
	unsigned int (*stalled)(void *ring, struct jobqueue_job *job, unsigned int n);

	/* The job is over, and its fence has signalled. It is the driver's again. */
	void (*retire)(void *ring, struct jobqueue_job *job);

	/* Nothing is in flight, and nothing waits to be. May be NULL. */
	void (*idle)(void *ring);

	/* The queue is closed, and all is over: the last call, after which "ring" is the driver's again. */
	void (*end)(void *ring);
};

/* What the failure of a job, or of what it depends on, means to others. */
enum jobqueue_on_error {
	JOBQUEUE_ERRORS_IGNORED,
	JOBQUEUE_ERRORS_PROPAGATE,
	JOBQUEUE_ERRORS_POISON,
};

/* Of the driver, and of the kind of ring. To be static, and zero but for the names. */
struct jobqueue_names {
	const char *driver;
	const char *ring;
	/* Not the driver's. */
	const void *copy;
};

struct jobqueue_config {
	/* They have to stay as long as the module. */
	struct jobqueue_names *names;
	/* How much may be in flight, and how many jobs may be in the queue at all. */
	unsigned int credits;
	unsigned int jobs;
	/* How many bytes the jobs in the queue may keep, in units of 4 KiB; 0: any number. One that keeps more is refused. */
	size_t memory;
	/* After how long the driver is asked about the oldest job in flight. */
	unsigned int patience_ms;
	enum jobqueue_on_error on_error;
};

/*
 * What the queues of a device run on. Destroying it closes all of its queues and waits until they have ended: a module has to do so before it
 * goes. "name" has to stay as long as the module. Errors are ERR_PTRs.
 */
struct jobqueue_device *jobqueue_device_create(const char *name);
void jobqueue_device_destroy(struct jobqueue_device *device);

/* Makes a queue. If it fails "ring" is still the driver's, and nothing was called. */
struct jobqueue *jobqueue_create(struct jobqueue_device *device, const struct jobqueue_config *config,
				 const struct jobqueue_ops *ops, void *ring);

/* Takes no more jobs, and cancels those that the hardware has not seen. The others go on, and then comes ops->end(). */
void jobqueue_close(struct jobqueue *queue);

/*
 * Closes it, and gives the reference back. To be called when nobody calls jobqueue_complete() for it any more, that is, once the
 * interrupt is off, or has no job of it.
 */
void jobqueue_put(struct jobqueue *queue);

/*
 * Everything about a job that may fail; may wait for a place in the queue, or for memory. References to the dependencies are taken. If it fails the job is
 * still the driver's.
 */
struct jobqueue_prepared *jobqueue_prepare(struct jobqueue *queue, struct jobqueue_job *job,
					   unsigned int credits,
					   struct dma_fence *const *dependencies,
					   size_t count);

/* Undoes jobqueue_prepare(). */
void jobqueue_abandon(struct jobqueue_prepared *prepared);

/* Returns the job's fence, with a reference, or ERR_PTR(-ECANCELED) if the queue is closed: then the job is still the driver's. */
struct dma_fence *jobqueue_commit(struct jobqueue_prepared *prepared);

/* Both. */
struct dma_fence *jobqueue_submit(struct jobqueue *queue, struct jobqueue_job *job,
				  unsigned int credits, struct dma_fence *const *dependencies,
				  size_t count);

/*
 * The hardware is through with a job that was started: with 0, or a negative errno for its fence. The job may be gone when this returns.
 */
void jobqueue_complete(struct jobqueue *queue, struct jobqueue_job *job, int error);

#endif
