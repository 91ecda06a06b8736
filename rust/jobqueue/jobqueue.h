/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef JOBQUEUE_H
#define JOBQUEUE_H

#include <linux/types.h>

/**
 * DOC: The job queue for drivers in C
 *
 * Jobs of a queue run and complete in the order of their commits. A queue may be closed at any
 * time, every fence signals, and none early: see Documentation/jobqueue.rst.
 *
 * ::
 *
 *	jobqueue_prepare()	may fail, may sleep, leaves no trace
 *	   |  jobqueue_abandon()
 *	jobqueue_commit()	returns the fence; only fails if the queue is closed
 *	   |
 *	ops->poll_ready()	the dependencies have signalled, the credits are free
 *	ops->submit()		the hardware gets the job
 *	   |
 *	jobqueue_complete()	called by the driver's interrupt: the job is over
 *	   |
 *	ops->retire()		the job's fence has signalled
 *
 * ===============================  =======  =================  ========  =======================
 * call                             process  signalling section hard IRQ  callbacks inside
 * ===============================  =======  =================  ========  =======================
 * jobqueue_device_create()         yes      no                 no        none
 * jobqueue_device_destroy()        yes      no                 no        none: waits for workers
 * jobqueue_create()                yes      no                 no        none
 * jobqueue_prepare()               yes      no (may wait)      no        none
 * jobqueue_commit()                yes      yes                no        poll_ready and submit
 * jobqueue_submit()                yes      no (may wait)      no        poll_ready and submit
 * jobqueue_abandon()               yes      yes                no        none
 * jobqueue_complete()              yes      yes                yes       none
 * jobqueue_ready()                 yes      yes                yes       none
 * jobqueue_close()                 yes      yes                no        none
 * jobqueue_put()                   yes      yes                yes       none
 * ===============================  =======  =================  ========  =======================
 *
 * jobqueue_commit() and jobqueue_submit() call poll_ready() and submit() only for the job that they
 * commit, only if nothing is in flight and nothing else waits, and with preemption disabled. No
 * fence of a queue signals inside any of these functions.
 */

struct dma_fence;
struct jobqueue;
struct jobqueue_device;
struct jobqueue_prepared;

/**
 * struct jobqueue_job - a job, to be embedded in the driver's
 *
 * @memory: how many bytes the job keeps, for &jobqueue_config.memory; set by the driver before it
 *	prepares the job
 */
struct jobqueue_job {
	size_t memory;
	/* private: */
	int state;
	int error;
};

/**
 * struct jobqueue_ops - the hardware's side of a queue
 *
 * Called by the queue's task, one at a time, in fence signalling sections: none may wait for a
 * fence, or for memory in a way that does. All but @timed_out and @destroy must not sleep.
 */
struct jobqueue_ops {
	/**
	 * @poll_ready: Returns 0 if the hardware can take the job at once. Returns -EAGAIN if it
	 * cannot yet; then jobqueue_ready() has to be called when that may have changed. With any
	 * other errno the job is cancelled. May be asked again, for the same job or another one,
	 * after each answer but 0. Optional: the hardware is always ready.
	 */
	int (*poll_ready)(void *ring, struct jobqueue_job *job);

	/**
	 * @submit: Hands the job to the hardware: @poll_ready has just returned 0 for it.
	 */
	void (*submit)(void *ring, struct jobqueue_job *job);

	/**
	 * @timed_out: The oldest job in flight is not over after &jobqueue_config.timeout_ms, or
	 * the time that the last call has returned, for the nth time in a row. If nothing is in
	 * flight, @job is NULL, and @poll_ready has returned -EAGAIN for that long.
	 *
	 * While it sleeps no other job of the queue completes. A reset that takes longer is begun
	 * here, and its end is looked for in the next call.
	 *
	 * Returns for how many milliseconds to go on; or 0: the ring was reset, touches no memory
	 * of its jobs any more, and can take others; or, if @job is NULL, an errno for the job that
	 * cannot be submitted.
	 */
	int (*timed_out)(void *ring, struct jobqueue_job *job, unsigned int n);

	/**
	 * @retire: The job's fence has signalled. The job is the driver's again.
	 */
	void (*retire)(void *ring, struct jobqueue_job *job);

	/**
	 * @quiesced: Nothing is in flight, whatever waits: the ring releases what it shares with
	 * other rings. Optional.
	 */
	void (*quiesced)(void *ring);

	/**
	 * @destroy: The queue is closed, and nothing is in flight: the last call, after which the
	 * ring is the driver's again.
	 */
	void (*destroy)(void *ring);
};

/**
 * enum jobqueue_on_error - what the failure of a job means to others
 *
 * @JOBQUEUE_ERRORS_IGNORED: nothing
 * @JOBQUEUE_ERRORS_PROPAGATE: jobs that depend on it do not run, and get the same error
 * @JOBQUEUE_ERRORS_POISON: nor do later jobs of the same queue
 */
enum jobqueue_on_error {
	JOBQUEUE_ERRORS_IGNORED,
	JOBQUEUE_ERRORS_PROPAGATE,
	JOBQUEUE_ERRORS_POISON,
};

/**
 * struct jobqueue_names - names of fences, to be a static variable
 *
 * @driver: name of the driver
 * @ring: name of the kind of ring
 */
struct jobqueue_names {
	const char *driver;
	const char *ring;
	/* private: */
	const void *copy;
};

/**
 * struct jobqueue_config - how a queue behaves
 *
 * @names: names for the fences, which have to stay as long as the module
 * @credits: how many credits may be in flight, at least 1
 * @jobs: how many jobs may be in the queue, in flight or not, at least 1
 * @memory: how many bytes the jobs in the queue may keep, in pages of 4 KiB; 0 is any number
 * @timeout_ms: time limit after which &jobqueue_ops.timed_out is asked, at least 1
 * @on_error: what a failure means to others: one of &enum jobqueue_on_error
 */
struct jobqueue_config {
	struct jobqueue_names *names;
	unsigned int credits;
	unsigned int jobs;
	size_t memory;
	unsigned int timeout_ms;
	unsigned int on_error;
};

/**
 * jobqueue_device_create() - make what the queues of a device run on
 * @name: a name, which has to stay as long as the module
 *
 * Return: the device, or an ERR_PTR.
 */
struct jobqueue_device *jobqueue_device_create(const char *name);

/**
 * jobqueue_device_destroy() - close all queues of a device, and wait until they have ended
 * @device: the device; NULL and ERR_PTRs are ignored
 *
 * A module has to call this before it goes.
 */
void jobqueue_device_destroy(struct jobqueue_device *device);

/**
 * jobqueue_create() - make a queue
 * @device: the device
 * @config: how the queue behaves
 * @ops: the hardware's side, copied
 * @ring: passed to all of @ops
 *
 * Return: the queue, or an ERR_PTR: -EINVAL if an argument is NULL, an operation is missing, or a
 * value is out of range; -ECANCELED; -ENOMEM. Then nothing of @ops was called.
 */
struct jobqueue *jobqueue_create(struct jobqueue_device *device,
				 const struct jobqueue_config *config,
				 const struct jobqueue_ops *ops, void *ring);

/**
 * jobqueue_close() - take no more jobs, and cancel those that the hardware does not have
 * @queue: the queue
 *
 * Jobs in flight go on. When they are over &jobqueue_ops.destroy is called. Only wakes a worker.
 */
void jobqueue_close(struct jobqueue *queue);

/**
 * jobqueue_put() - close a queue, and drop the reference to it
 * @queue: the queue; NULL and ERR_PTRs are ignored
 *
 * Neither jobqueue_complete() nor jobqueue_ready() may be called for the queue from here on: the
 * interrupt is off, or has no job of it. No job may be prepared any more.
 */
void jobqueue_put(struct jobqueue *queue);

/**
 * jobqueue_prepare() - do all of a submission that may fail
 * @queue: the queue
 * @job: the job
 * @credits: how many credits it costs
 * @dependencies: fences that it depends on, of which references are taken
 * @count: how many these are
 *
 * Waits while the queue has no room. The result must be committed or abandoned before the queue is
 * put.
 *
 * Return: the prepared job, or an ERR_PTR: then @job is still the driver's.
 */
struct jobqueue_prepared *jobqueue_prepare(struct jobqueue *queue, struct jobqueue_job *job,
					   unsigned int credits,
					   struct dma_fence *const *dependencies,
					   size_t count);

/**
 * jobqueue_abandon() - undo jobqueue_prepare()
 * @prepared: the prepared job; NULL and ERR_PTRs are ignored
 */
void jobqueue_abandon(struct jobqueue_prepared *prepared);

/**
 * jobqueue_commit() - commit a prepared job
 * @prepared: the prepared job; an ERR_PTR is returned as it is
 *
 * Return: the job's fence, with a reference, or ERR_PTR(-ECANCELED) if the queue is closed: then
 * the job is still the driver's.
 */
struct dma_fence *jobqueue_commit(struct jobqueue_prepared *prepared);

/**
 * jobqueue_submit() - prepare and commit a job
 * @queue: the queue
 * @job: the job
 * @credits: how many credits it costs
 * @dependencies: fences that it depends on, of which references are taken
 * @count: how many these are
 *
 * Return: the job's fence, with a reference, or an ERR_PTR: then @job is still the driver's.
 */
struct dma_fence *jobqueue_submit(struct jobqueue *queue, struct jobqueue_job *job,
				  unsigned int credits, struct dma_fence *const *dependencies,
				  size_t count);

/**
 * jobqueue_complete() - say that the hardware is through with a job
 * @queue: the queue
 * @job: a job that was submitted to the hardware; it may be gone when this returns
 * @error: 0, or an errno for its fence
 */
void jobqueue_complete(struct jobqueue *queue, struct jobqueue_job *job, int error);

/**
 * jobqueue_ready() - say that the hardware may be ready for a job
 * @queue: the queue
 */
void jobqueue_ready(struct jobqueue *queue);

#endif
