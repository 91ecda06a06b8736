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
 * jobqueue_commit()                yes      yes                no        see below
 * jobqueue_submit()                yes      no (may wait)      no        see below
 * jobqueue_abandon()               yes      yes                no        none
 * jobqueue_complete()              yes      yes                yes       none
 * jobqueue_ready()                 yes      yes                yes       none
 * jobqueue_close()                 yes      yes                no        none
 * jobqueue_put()                   yes      yes                yes       none
 * ===============================  =======  =================  ========  =======================
 *
 * jobqueue_commit() and jobqueue_submit() call poll_ready() and submit() only for the job that they
 * commit, only if nothing is in flight and nothing else waits, and with preemption disabled. If
 * jobqueue_complete() was called for the job by the time that submit() returns, they may also
 * signal its fence, and call retire() and quiesced(). No other fence of a queue signals inside any
 * of these functions. So no callback but @timed_out and @destroy may take a lock that is held
 * around jobqueue_commit().
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
 * The queue calls these, one at a time, in fence signalling sections: they must not wait for
 * a fence, nor allocate memory in a way that does. All but @timed_out and @destroy must not sleep.
 *
 * Those two must not sleep for what a callback, a completion or a fence of another queue of the
 * device provides: while one sleeps, the callbacks of the others may have no thread to run. With
 * &JOBQUEUE_WORKERS_REALTIME there is one thread for all, and under memory pressure one rescuer.
 */
struct jobqueue_ops {
	/**
	 * @poll_ready: Returns 0 if the job can be submitted. Returns -EAGAIN if it cannot be
	 * submitted yet; then jobqueue_ready() has to be called when it can. With any other errno
	 * the job is cancelled. After a result other than 0 it may be called again, for the same
	 * job or another one. Optional: without it the hardware is always ready.
	 */
	int (*poll_ready)(void *ring, struct jobqueue_job *job);

	/**
	 * @withdraw: Ends the wait for readiness: @poll_ready has returned -EAGAIN, and its job is
	 * cancelled, or held. The ring leaves each list in which others wait behind it. Jobs may be
	 * in flight. Optional.
	 */
	void (*withdraw)(void *ring);

	/**
	 * @submit: Submits the job to the hardware, right after @poll_ready has returned 0 for it.
	 */
	void (*submit)(void *ring, struct jobqueue_job *job);

	/**
	 * @timed_out: Handles a time limit that has expired for the nth time in a row. The oldest
	 * job in flight, @job, has not completed within &jobqueue_config.timeout_ms, or the time
	 * that the last call for it has returned. If nothing is in flight, @job is NULL, and
	 * @poll_ready has returned -EAGAIN for that long.
	 *
	 * While it sleeps no other job of the queue completes. A reset that takes long is started
	 * here, and checked for completion in the calls that jobqueue_deciding() asks for.
	 *
	 * Returns one of:
	 *
	 * - the number of milliseconds, less than 2^30, for which @job may go on. Jobs are
	 *   submitted meanwhile. There is no further call if it has completed by then. The jobs
	 *   behind it have their own time limit;
	 * - jobqueue_deciding(), if the ring is being reset, or the driver does not know yet;
	 * - 0 if the ring was reset, does not access memory of its jobs any more, and accepts jobs
	 *   again. No call of jobqueue_complete() for a job in flight is running then, nor will one
	 *   come: an interrupt handler that makes such calls was waited for, by synchronize_irq()
	 *   for example. The jobs are retired next;
	 * - if @job was NULL in the first call, an errno with which the job that cannot be
	 *   submitted is cancelled.
	 */
	int (*timed_out)(void *ring, struct jobqueue_job *job, unsigned int n);

	/**
	 * @retire: Takes back a job whose fence has signalled. The driver owns it again.
	 */
	void (*retire)(void *ring, struct jobqueue_job *job);

	/**
	 * @quiesced: Nothing is in flight: releases the resources that the ring shares with other
	 * rings. Jobs may wait. Not called while @timed_out has yet to decide: a reset may need
	 * what the ring has. Optional.
	 */
	void (*quiesced)(void *ring);

	/**
	 * @destroy: Destroys the ring. The queue is closed, nothing is in flight, and no callback
	 * follows. The driver owns the ring again.
	 */
	void (*destroy)(void *ring);
};

/* private: see jobqueue_deciding() */
#define JOBQUEUE_DECIDING	0x40000000

/**
 * jobqueue_deciding() - have &jobqueue_ops.timed_out called again before it decides
 * @ms: how many milliseconds later, less than a day
 *
 * Until the driver has decided, no job is submitted, so a ring that is being reset gets none. Jobs
 * complete as usual. The following calls are for the same expiry: they have the same n, and the
 * same job, or NULL if it has completed meanwhile. To let jobs go on instead, @timed_out returns
 * the time that it waits for.
 *
 * Return: the value that @timed_out has to return.
 */
static inline int jobqueue_deciding(unsigned int ms)
{
	return JOBQUEUE_DECIDING + (int)(ms < 86400000 ? ms : 86400000);
}

/**
 * enum jobqueue_on_error - the effect of a job's failure on other jobs
 *
 * @JOBQUEUE_ERRORS_IGNORED: none
 * @JOBQUEUE_ERRORS_PROPAGATE: jobs that depend on it do not run, and get the same error
 * @JOBQUEUE_ERRORS_POISON: nor do later jobs of the same queue
 */
enum jobqueue_on_error {
	JOBQUEUE_ERRORS_IGNORED,
	JOBQUEUE_ERRORS_PROPAGATE,
	JOBQUEUE_ERRORS_POISON,
};

/**
 * struct jobqueue_names - names of fences, which have to be a static variable
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
 * struct jobqueue_config - the configuration of a queue
 *
 * @names: names for the fences, valid until the module is unloaded
 * @credits: the number of credits that may be in flight, at least 1
 * @jobs: the number of jobs that may be in the queue, in flight or not, at least 1
 * @memory: the number of bytes that the jobs in the queue may occupy, in pages of 4 KiB; 0 is no
 *	limit
 * @timeout_ms: the time limit after which &jobqueue_ops.timed_out is called, at least 1
 * @on_error: the effect of failures, one of &enum jobqueue_on_error
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
 * enum jobqueue_workers - what starts and retires the jobs of a device's queues
 * @JOBQUEUE_WORKERS_NORMAL: workers with the priority of normal threads
 * @JOBQUEUE_WORKERS_HIGH: workers of a ``WQ_HIGHPRI`` workqueue
 * @JOBQUEUE_WORKERS_REALTIME: one thread with ``SCHED_FIFO``, for devices whose users are real-time
 *	threads themselves. While &jobqueue_ops.timed_out or &jobqueue_ops.destroy of one queue
 *	sleeps, all queues of the device stand still
 */
enum jobqueue_workers {
	JOBQUEUE_WORKERS_NORMAL,
	JOBQUEUE_WORKERS_HIGH,
	JOBQUEUE_WORKERS_REALTIME,
};

/**
 * jobqueue_device_create() - create the executor of a device's queues
 * @name: a name, valid until the module is unloaded
 * @workers: one of &enum jobqueue_workers
 *
 * Return: the device, or an ERR_PTR: -EINVAL without a name or with other workers, -ENOMEM, -EINTR
 * if a thread is to be created and the caller is killed.
 */
struct jobqueue_device *jobqueue_device_create(const char *name, unsigned int workers);

/**
 * jobqueue_device_destroy() - close all queues of a device, and wait until they have ended
 * @device: the device; NULL and ERR_PTRs are ignored
 *
 * A module has to call this before it is unloaded.
 */
void jobqueue_device_destroy(struct jobqueue_device *device);

/**
 * jobqueue_create() - create a queue
 * @device: the device
 * @config: the configuration
 * @ops: the callbacks, which are copied
 * @ring: passed to all callbacks
 *
 * Return: the queue, or an ERR_PTR: -EINVAL if an argument is NULL, an operation is missing, or a
 * value is out of range; -ECANCELED; -ENOMEM. On error no callback was called.
 */
struct jobqueue *jobqueue_create(struct jobqueue_device *device,
				 const struct jobqueue_config *config,
				 const struct jobqueue_ops *ops, void *ring);

/**
 * jobqueue_close() - refuse further jobs, and cancel those that are not in flight
 * @queue: the queue; NULL and ERR_PTRs are ignored
 *
 * Jobs in flight go on. When they have completed, &jobqueue_ops.destroy is called. Does not wait.
 */
void jobqueue_close(struct jobqueue *queue);

/**
 * jobqueue_put() - close a queue, and drop the reference to it
 * @queue: the queue; NULL and ERR_PTRs are ignored
 *
 * From here on neither jobqueue_complete() nor jobqueue_ready() may be called for the queue, and no
 * job may be prepared. So jobs in flight have to be ended by &jobqueue_ops.timed_out. Calls of the
 * two that have begun may still run: their memory is freed an RCU grace period later. A driver that
 * puts a queue once its jobs have ended, in @destroy or after it, need not wait for them.
 */
void jobqueue_put(struct jobqueue *queue);

/**
 * jobqueue_prepare() - prepare a job, with all steps of a submission that can fail
 * @queue: the queue
 * @job: the job
 * @credits: how many credits it costs
 * @dependencies: fences that it depends on, of which references are taken; each may be an ERR_PTR,
 *	so the results of jobqueue_submit() need no check
 * @count: how many these are
 *
 * Waits while the queue has no room. The result must be committed or abandoned before the queue is
 * put.
 *
 * Return: the prepared job, or an ERR_PTR: then @job is still the driver's. It is that of the first
 * dependency that is one; -EINVAL if one is NULL; -EAGAIN if 65,535 other threads wait for room.
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
 * @prepared: the prepared job; an ERR_PTR is returned unchanged
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
 * @dependencies: fences that it depends on, as for jobqueue_prepare()
 * @count: how many these are
 *
 * Return: the job's fence, with a reference, or an ERR_PTR: then @job is still the driver's.
 */
struct dma_fence *jobqueue_submit(struct jobqueue *queue, struct jobqueue_job *job,
				  unsigned int credits, struct dma_fence *const *dependencies,
				  size_t count);

/**
 * jobqueue_complete() - complete a job that the hardware does not access any more
 * @queue: the queue; not checked
 * @job: a job in flight; it may have been retired when this returns
 * @error: 0, or an errno for its fence
 *
 * Called at most once for each job. The call returns before &jobqueue_ops.timed_out returns 0 while
 * the job is in flight.
 */
void jobqueue_complete(struct jobqueue *queue, struct jobqueue_job *job, int error);

/**
 * jobqueue_ready() - have &jobqueue_ops.poll_ready called again
 * @queue: the queue; not checked
 */
void jobqueue_ready(struct jobqueue *queue);

#endif
