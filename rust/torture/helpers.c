// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Hardware that checks what it is asked to do, and a judge that sees each fence signal. In C, as
 * none of it is to depend on what it judges.
 *
 * A job's memory is the hardware's from its start until it is over: a fence that signals in
 * between, which would give the memory to somebody else, is a failure. So is a job that starts
 * before what it depends on has signalled, and a fence that signals before an older one of its
 * queue.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "helpers.h"

#define MAX_DEPS 4

static atomic_t failures = ATOMIC_INIT(0);
static atomic_t live = ATOMIC_INIT(0);
static atomic_t judged = ATOMIC_INIT(0);

void torture_failed(const char *what, u64 a, u64 b)
{
	if (atomic_inc_return(&failures) <= 10)
		pr_err("torture: %s (%llu, %llu)\n", what, a, b);
}

unsigned int torture_failures(void)
{
	return atomic_read(&failures);
}

/* Jobs and foreign fences that there are. */
int torture_live(void)
{
	return atomic_read(&live);
}

/* How many fences have been looked at while they signalled. */
unsigned int torture_judged(void)
{
	return atomic_read(&judged);
}

/* Waits until what RCU still has to free is freed. */
void torture_barrier(void)
{
	rcu_barrier();
}

/* Threads. */
struct torture_thread {
	struct completion done;
	int (*fn)(void *data, unsigned int n);
	void *data;
	unsigned int n;
	int ret;
};

static int run_thread(void *data)
{
	struct torture_thread *thread = data;

	thread->ret = thread->fn(thread->data, thread->n);
	kthread_complete_and_exit(&thread->done, 0);
}

/* Calls fn in n threads at once, and waits. */
int torture_threads(unsigned int n, int (*fn)(void *data, unsigned int n), void *data)
{
	struct torture_thread *threads = kcalloc(n, sizeof(*threads), GFP_KERNEL);
	unsigned int i, started;
	int ret = 0;

	if (!threads)
		return -ENOMEM;
	for (started = 0; started < n; started++) {
		struct torture_thread *thread = &threads[started];
		struct task_struct *task;

		init_completion(&thread->done);
		thread->fn = fn;
		thread->data = data;
		thread->n = started;
		task = kthread_run(run_thread, thread, "torture/%u", started);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}
	}
	for (i = 0; i < started; i++) {
		/* It may be long: not something to be reported as hung. */
		wait_for_completion_state(&threads[i].done, TASK_IDLE);
		if (!ret)
			ret = threads[i].ret;
	}
	kfree(threads);
	return ret;
}

/* Calls fn after a time, in a worker, where it may block. */
struct torture_later {
	struct delayed_work work;
	void (*fn)(void *data);
	void *data;
};

static void run_later(struct work_struct *work)
{
	struct torture_later *later =
		container_of(to_delayed_work(work), struct torture_later, work);

	later->fn(later->data);
}

struct torture_later *torture_later(u64 ns, void (*fn)(void *data), void *data)
{
	struct torture_later *later = kzalloc(sizeof(*later), GFP_KERNEL);

	if (!later)
		return NULL;
	later->fn = fn;
	later->data = data;
	INIT_DELAYED_WORK(&later->work, run_later);
	queue_delayed_work(system_dfl_wq, &later->work, nsecs_to_jiffies(ns));
	return later;
}

/* Waits until it has happened: at once, if it has not begun. */
void torture_later_wait(struct torture_later *later)
{
	flush_delayed_work(&later->work);
	kfree(later);
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
	/* Somebody wants the jobs to be over. */
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
	atomic_inc(&live);
	return job;
}

void torture_job_put(struct torture_job *job)
{
	if (!refcount_dec_and_test(&job->refs))
		return;
	for (int i = 0; i < MAX_DEPS; i++)
		dma_fence_put(job->deps[i]);
	kfree(job);
	atomic_dec(&live);
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
static void judge(struct torture_job *job, struct dma_fence *fence, bool now)
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

	judge(job, fence, true);
	atomic_inc(&judged);
	torture_job_put(job);
}

/* The caller keeps the engine. */
void torture_job_committed(struct torture_job *job, struct dma_fence *fence)
{
	refcount_inc(&job->refs);
	if (dma_fence_add_callback(fence, &job->cb, job_signalled)) {
		/* It was over before that. */
		judge(job, fence, false);
		torture_job_put(job);
	}
}

/* Foreign fences: with their own lock, signalled in hard interrupt context. */
struct foreign_fence {
	struct dma_fence base;
	/* The lock of @base. */
	spinlock_t lock;
	struct hrtimer timer;
	int error;
};

static const char *foreign_name(struct dma_fence *fence)
{
	return "foreign";
}

static void foreign_free(struct rcu_head *rcu)
{
	struct dma_fence *fence = container_of(rcu, struct dma_fence, rcu);

	kfree(container_of(fence, struct foreign_fence, base));
	atomic_dec(&live);
}

static void foreign_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, foreign_free);
}

static const struct dma_fence_ops foreign_ops = {
	.get_driver_name = foreign_name,
	.get_timeline_name = foreign_name,
	.release = foreign_release,
};

static enum hrtimer_restart foreign_irq(struct hrtimer *timer)
{
	struct foreign_fence *foreign = container_of(timer, struct foreign_fence, timer);

	if (foreign->error)
		dma_fence_set_error(&foreign->base, foreign->error);
	dma_fence_signal(&foreign->base);
	/* The timer's. Memory goes after a grace period, so it outlives this callback. */
	dma_fence_put(&foreign->base);
	return HRTIMER_NORESTART;
}

struct dma_fence *torture_foreign_fence(u64 ns, int error)
{
	struct foreign_fence *foreign = kzalloc(sizeof(*foreign), GFP_KERNEL);

	if (!foreign)
		return NULL;
	atomic_inc(&live);
	spin_lock_init(&foreign->lock);
	dma_fence_init64(&foreign->base, &foreign_ops, &foreign->lock, dma_fence_context_alloc(1),
			 1);
	foreign->error = error;
	dma_fence_get(&foreign->base);
	hrtimer_setup(&foreign->timer, foreign_irq, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_start(&foreign->timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
	return &foreign->base;
}

/* The n-th allocation of this thread from now on fails. False if this kernel has no such thing. */
bool torture_fail_nth(u32 n)
{
#ifdef CONFIG_FAULT_INJECTION
	WRITE_ONCE(current->fail_nth, n);
	return true;
#else
	return false;
#endif
}

/* 0 if it has failed. Lets the rest succeed. */
u32 torture_fail_left(void)
{
	u32 left = 0;

#ifdef CONFIG_FAULT_INJECTION
	left = READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
#endif
	return left;
}
