// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Hardware that checks what it is asked to do, and a callback that checks each fence when it
 * signals. In C, so that neither depends on the code under test.
 *
 * A job's memory belongs to the hardware from the job's start to its end. A fence that signals in
 * between is a failure, as the memory could be reused. Other failures are a job that starts
 * before its dependencies have signalled, and a fence that signals before an older one of its
 * queue.
 */
#include <linux/atomic.h>
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "helpers.h"

#define MAX_DEPS 4

static atomic_t checked = ATOMIC_INIT(0);

/* The number of fences that were checked while they signalled. */
unsigned int torture_checked(void)
{
	return atomic_read(&checked);
}

/*
 * Hardware. Takes jobs, and a timer's interrupt says that some of them are over. Jobs are numbered
 * from 1 as they are started.
 */
struct torture_engine {
	/* Guards all below. Taken with fence locks held: takes none itself. */
	spinlock_t lock;
	struct hrtimer timer;
	void (*changed)(void *context);
	void *context;
	u64 started;
	u64 done;
	/* The jobs that the last stop has ended: after the first, up to the second. */
	u64 stopped_from;
	u64 stopped_to;
	/* The last fence that has signalled. */
	u64 signalled;
	u32 random;
	/* Now and then it hangs until it is stopped. */
	bool hangs;
	bool armed;
	/* The jobs are to be ended. */
	bool stop;
	/* There is no hardware any more. */
	bool dead;
};

struct torture_job {
	refcount_t refs;
	struct torture_engine *engine;
	/* 0 until started. */
	u64 number;
	struct dma_fence *fence;
	struct dma_fence_cb cb;
	struct dma_fence *deps[MAX_DEPS];
};

static u32 engine_random(struct torture_engine *engine)
{
	engine->random ^= engine->random << 13;
	engine->random ^= engine->random >> 17;
	engine->random ^= engine->random << 5;
	return engine->random;
}

/* Under the lock. */
static void engine_arm(struct torture_engine *engine)
{
	if (engine->armed || (engine->started == engine->done && !engine->stop))
		return;
	if (engine->hangs && !engine->stop && engine_random(engine) % 64 == 0)
		return;
	engine->armed = true;
	hrtimer_start(&engine->timer, ns_to_ktime(engine_random(engine) % 100000),
		      HRTIMER_MODE_REL);
}

static enum hrtimer_restart engine_irq(struct hrtimer *timer)
{
	struct torture_engine *engine = container_of(timer, struct torture_engine, timer);
	unsigned long flags;

	spin_lock_irqsave(&engine->lock, flags);
	engine->armed = false;
	if (engine->stop) {
		/*
		 * What has not been finished is lost. The word that nothing runs any more comes as
		 * that of a job's end does.
		 */
		engine->stop = false;
		engine->stopped_from = engine->done;
		engine->stopped_to = engine->started;
		engine->done = engine->started;
	} else if (engine->started > engine->done) {
		engine->done += 1 + engine_random(engine) % (engine->started - engine->done);
	}
	engine_arm(engine);
	spin_unlock_irqrestore(&engine->lock, flags);
	engine->changed(engine->context);
	return HRTIMER_NORESTART;
}

struct torture_engine *torture_engine_create(void (*changed)(void *context), void *context,
					     u32 seed, bool hangs)
{
	struct torture_engine *engine = kzalloc(sizeof(*engine), GFP_KERNEL);

	if (!engine)
		return NULL;
	spin_lock_init(&engine->lock);
	hrtimer_setup(&engine->timer, engine_irq, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	engine->changed = changed;
	engine->context = context;
	engine->random = seed | 1;
	engine->hangs = hangs;
	return engine;
}

void torture_engine_destroy(struct torture_engine *engine)
{
	hrtimer_cancel(&engine->timer);
	if (engine->started != engine->done)
		torture_failed("hardware is given up that still writes", engine->started,
			       engine->done);
	kfree(engine);
}

/* Whether there is no hardware any more. */
bool torture_engine_gone(struct torture_engine *engine)
{
	return READ_ONCE(engine->dead);
}

/* Returns the job's number. If there is no hardware any more the job is lost soon. */
u64 torture_engine_start(struct torture_engine *engine, struct torture_job *job)
{
	unsigned long flags;
	u64 number;

	for (int i = 0; i < MAX_DEPS && job->deps[i]; i++) {
		if (!dma_fence_test_signaled_flag(job->deps[i]))
			torture_failed("a job starts before its dependency", job->deps[i]->context,
				       job->deps[i]->seqno);
	}
	spin_lock_irqsave(&engine->lock, flags);
	number = ++engine->started;
	job->number = number;
	if (engine->dead)
		engine->stop = true;
	engine_arm(engine);
	spin_unlock_irqrestore(&engine->lock, flags);
	return number;
}

u64 torture_engine_done(struct torture_engine *engine)
{
	unsigned long flags;
	u64 done;

	spin_lock_irqsave(&engine->lock, flags);
	done = engine->done;
	spin_unlock_irqrestore(&engine->lock, flags);
	return done;
}

/* Whether all that was started is over. */
bool torture_engine_idle(struct torture_engine *engine)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&engine->lock, flags);
	idle = engine->done == engine->started;
	spin_unlock_irqrestore(&engine->lock, flags);
	return idle;
}

/* Of a job that is over. */
int torture_engine_result(struct torture_engine *engine, u64 number)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&engine->lock, flags);
	ret = number > engine->stopped_from && number <= engine->stopped_to ? -EIO : 0;
	spin_unlock_irqrestore(&engine->lock, flags);
	return ret;
}

/* Asks for an early end of what runs, and of the hardware if it is forever. */
void torture_engine_stop(struct torture_engine *engine, bool forever)
{
	unsigned long flags;

	spin_lock_irqsave(&engine->lock, flags);
	engine->stop = true;
	if (forever)
		WRITE_ONCE(engine->dead, true);
	engine_arm(engine);
	spin_unlock_irqrestore(&engine->lock, flags);
}

/* Jobs. */
struct torture_job *torture_job_create(struct torture_engine *engine)
{
	struct torture_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;
	refcount_set(&job->refs, 1);
	job->engine = engine;
	torture_live_add(1);
	return job;
}

void torture_job_put(struct torture_job *job)
{
	if (!refcount_dec_and_test(&job->refs))
		return;
	for (int i = 0; i < MAX_DEPS; i++)
		dma_fence_put(job->deps[i]);
	kfree(job);
	torture_live_add(-1);
}

void torture_job_get(struct torture_job *job)
{
	refcount_inc(&job->refs);
}

/* Before it is committed. False if it depends on too many already. */
bool torture_job_depends(struct torture_job *job, struct dma_fence *fence)
{
	for (int i = 0; i < MAX_DEPS; i++) {
		if (!job->deps[i]) {
			job->deps[i] = dma_fence_get(fence);
			return true;
		}
	}
	return false;
}

/*
 * Of a fence that signals, or has: the hardware is through with its job, and what it depends on is
 * over.
 */
static void check_end(struct torture_job *job, struct dma_fence *fence, bool now)
{
	struct torture_engine *engine = job->engine;
	unsigned long flags;

	spin_lock_irqsave(&engine->lock, flags);
	if (job->number > engine->done)
		torture_failed("a fence signals while the hardware writes", job->number,
			       engine->done);
	if (now) {
		if (fence->seqno < engine->signalled)
			torture_failed("a fence signals before an older one", fence->seqno,
				       engine->signalled);
		engine->signalled = fence->seqno;
	}
	spin_unlock_irqrestore(&engine->lock, flags);
	for (int i = 0; i < MAX_DEPS && job->deps[i]; i++) {
		if (!dma_fence_test_signaled_flag(job->deps[i]))
			torture_failed("a fence signals before a dependency", job->deps[i]->context,
				       fence->seqno);
	}
}

/* Under the fence's lock. The engine is there as long as a fence of its jobs is not signalled. */
static void job_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct torture_job *job = container_of(cb, struct torture_job, cb);

	check_end(job, fence, true);
	atomic_inc(&checked);
	torture_job_put(job);
}

/* The caller keeps the engine. */
void torture_job_committed(struct torture_job *job, struct dma_fence *fence)
{
	refcount_inc(&job->refs);
	if (dma_fence_add_callback(fence, &job->cb, job_signalled)) {
		/* It was over before that. */
		check_end(job, fence, false);
		torture_job_put(job);
	}
}
