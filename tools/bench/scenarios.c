// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What is measured. With "-icount shift=0" a nanosecond is an instruction of the guest's. A
 * scenario is run several times. The first does not count, so that all have their memory warm; of
 * the others the mean does, as what ticks of the clock and ends of grace periods do falls into some
 * of them only.
 */
#include <linux/dma-fence.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "bench.h"

#define MANY_QUEUES 512
#define ROUNDS 9

int asahi_bench_run(void);

static const struct bench_backend *const backends[] = {
	&bench_ours,	   &bench_drm_sched, &bench_drm_shared,
	&bench_drm_percpu, &bench_floor,     &bench_direct,
};

u64 bench_now(void)
{
	return ktime_get_mono_fast_ns();
}

void bench_report(const char *scenario, const char *who, u64 value)
{
	pr_info("bench: %s %s %llu\n", scenario, who, value);
}

/* Frees what waits for that, so that the next scenario does not pay for it. */
static void clean(const struct bench_backend *backend)
{
	backend->settle();
	rcu_barrier();
	/*
	 * kfree_rcu() collects for five seconds; time in which nothing runs costs no instructions.
	 */
	schedule_timeout_uninterruptible(6 * HZ);
}

static int create_all(const struct bench_backend *backend, void **queues, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		queues[i] = backend->create();
		if (!queues[i]) {
			while (i--)
				backend->destroy(queues[i]);
			return -ENOMEM;
		}
	}
	return 0;
}

static void destroy_all(const struct bench_backend *backend, void **queues, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		backend->destroy(queues[i]);
	backend->settle();
}

/* What is between these is measured, and profiled in the last round. */
static u64 begin(int round)
{
	if (round == ROUNDS - 1)
		bench_region_begin();
	return bench_now();
}

/* The same for what is measured in several parts, of which this is not the first. */
static u64 go_on(int round)
{
	if (round == ROUNDS - 1)
		bench_region_resume();
	return bench_now();
}

static u64 end(int round, u64 start)
{
	u64 took = bench_now() - start;

	if (round == ROUNDS - 1)
		bench_region_end();
	return took;
}

/* Of all rounds but the first. */
static u64 mean(const u64 *took)
{
	u64 sum = 0;

	for (int round = 1; round < ROUNDS; round++)
		sum += took[round];
	return sum / (ROUNDS - 1);
}

static int wait(struct dma_fence *fence)
{
	long left = dma_fence_wait_timeout(fence, false, 5 * HZ);

	return left > 0 ? 0 : -ETIMEDOUT;
}

/* Submits @jobs to each of @count queues in turn, and waits for all of them each @every jobs. */
static int run_jobs(const struct bench_backend *backend, void **queues, unsigned int count,
		    unsigned int jobs, unsigned int every)
{
	static struct dma_fence *fences[MANY_QUEUES];
	int ret = 0;

	for (unsigned int i = 1; i <= jobs && !ret; i++) {
		bool waits = i % every == 0 || i == jobs;

		for (unsigned int q = 0; q < count; q++) {
			fences[q] = backend->submit(queues[q], NULL, 0);
			if (!fences[q])
				return -ENOMEM;
			if (!waits)
				dma_fence_put(fences[q]);
		}
		for (unsigned int q = 0; waits && q < count; q++) {
			ret = ret ?: wait(fences[q]);
			dma_fence_put(fences[q]);
		}
	}
	return ret;
}

static int scenario_jobs(const struct bench_backend *backend, const char *name, void **queues,
			 unsigned int count, unsigned int jobs, unsigned int every)
{
	u64 took[ROUNDS];
	int ret;

	for (int round = 0; round < ROUNDS; round++) {
		ret = create_all(backend, queues, count);
		if (ret)
			return ret;
		/* What is allocated at the first job is a part of the queue. */
		ret = run_jobs(backend, queues, count, 1, 1);
		took[round] = begin(round);
		ret = ret ?: run_jobs(backend, queues, count, jobs, every);
		took[round] = end(round, took[round]);
		destroy_all(backend, queues, count);
		clean(backend);
		if (ret)
			return ret;
	}
	bench_report(name, backend->name, mean(took) / (count * jobs));
	return 0;
}

/* Counts with the jobs of scenario_jobs(), for each 1000 of them. */
static int scenario_switches(const struct bench_backend *backend, const char *name, void **queues,
			     unsigned int count, unsigned int jobs, unsigned int every)
{
	struct bench_switches counted;
	char scenario[32];
	int ret;

	ret = create_all(backend, queues, count);
	if (ret)
		return ret;
	ret = run_jobs(backend, queues, count, 1, 1);
	ret = ret ?: bench_switches_begin();
	if (!ret) {
		ret = run_jobs(backend, queues, count, jobs, every);
		counted = bench_switches_end();
	}
	destroy_all(backend, queues, count);
	clean(backend);
	if (ret)
		return ret;
	snprintf(scenario, sizeof(scenario), "switches_%s", name);
	bench_report(scenario, backend->name, counted.switches * 1000 / (count * jobs));
	snprintf(scenario, sizeof(scenario), "wakes_%s", name);
	bench_report(scenario, backend->name, counted.wakes * 1000 / (count * jobs));
	return 0;
}

/* Signals fences one at a time, each in an interrupt of its own. */
struct signaller {
	struct irq_work irq;
	struct dma_fence *fence;
};

static void signal_one(struct irq_work *irq)
{
	dma_fence_signal(container_of(irq, struct signaller, irq)->fence);
}

#define DEPS_BATCH 16
#define DEPS_JOBS 512

static int deps_batch(const struct bench_backend *backend, void *queue, struct signaller *signaller,
		      struct dma_fence **deps)
{
	struct dma_fence *last = NULL;
	int ret;

	for (unsigned int i = 0; i < DEPS_BATCH; i++) {
		struct dma_fence *fence = backend->submit(queue, deps + i * BENCH_DEPS, BENCH_DEPS);

		if (!fence)
			return -ENOMEM;
		dma_fence_put(last);
		last = fence;
	}
	/* A backend that has a worker looks at the first job, and finds that it has to wait. */
	yield();
	for (unsigned int i = 0; i < DEPS_BATCH * BENCH_DEPS; i++) {
		signaller->fence = deps[i];
		irq_work_queue(&signaller->irq);
		irq_work_sync(&signaller->irq);
	}
	ret = wait(last);
	dma_fence_put(last);
	return ret;
}

static int scenario_deps(const struct bench_backend *backend)
{
	struct signaller signaller = { .irq = IRQ_WORK_INIT_HARD(signal_one) };
	struct dma_fence *deps[DEPS_BATCH * BENCH_DEPS];
	u64 contexts = dma_fence_context_alloc(BENCH_DEPS), took[ROUNDS] = {};
	void *queue;
	int ret = 0;

	for (int round = 0; round < ROUNDS && !ret; round++) {
		queue = backend->create();
		if (!queue)
			return -ENOMEM;
		for (unsigned int batch = 0; batch < DEPS_JOBS / DEPS_BATCH && !ret; batch++) {
			u64 start;
			unsigned int i;

			for (i = 0; i < ARRAY_SIZE(deps); i++) {
				deps[i] = kzalloc(sizeof(*deps[i]), GFP_KERNEL | __GFP_NOFAIL);
				dma_fence_init64(deps[i], &bench_fence_ops, NULL,
						 contexts + i % BENCH_DEPS,
						 1 + batch * DEPS_BATCH + i / BENCH_DEPS);
			}
			start = batch ? go_on(round) : begin(round);
			ret = deps_batch(backend, queue, &signaller, deps);
			took[round] += end(round, start);
			while (i--)
				dma_fence_put(deps[i]);
		}
		backend->destroy(queue);
		clean(backend);
	}
	if (!ret)
		bench_report("deps4", backend->name, mean(took) / DEPS_JOBS);
	return ret;
}

#define FRAME_NS (4 * NSEC_PER_MSEC)

/*
 * A real-time thread that does not give the processor away, as a compositor may be, while the fence
 * that its next job waits for is signalled. Returns how long it takes until the job is over.
 */
static int frame(const struct bench_backend *backend, void *queue, u64 context, u64 seqno,
		 u64 *latency)
{
	struct signaller signaller = { .irq = IRQ_WORK_INIT_HARD(signal_one) };
	struct dma_fence *dep = kzalloc(sizeof(*dep), GFP_KERNEL), *job;
	ktime_t signalled;
	u64 start;
	int ret;

	if (!dep)
		return -ENOMEM;
	dma_fence_init64(dep, &bench_fence_ops, NULL, context, seqno);
	signaller.fence = dep;
	job = backend->submit(queue, &dep, 1);
	if (!job) {
		dma_fence_signal(dep);
		dma_fence_put(dep);
		return -ENOMEM;
	}
	/* Workers look at the job, and find that it has to wait. */
	schedule_timeout_uninterruptible(2);
	signalled = ktime_get();
	start = bench_now();
	irq_work_queue(&signaller.irq);
	irq_work_sync(&signaller.irq);
	while (bench_now() - start < FRAME_NS)
		cpu_relax();
	ret = wait(job);
	/* Set by whatever has signalled the fence. */
	*latency = ktime_to_ns(ktime_sub(job->timestamp, signalled));
	dma_fence_put(job);
	dma_fence_put(dep);
	return ret;
}

static int scenario_frame(const struct bench_backend *backend, const char *name)
{
	u64 context = dma_fence_context_alloc(1), took[ROUNDS];
	void *queue = backend->create();
	int ret = 0;

	if (!queue)
		return -ENOMEM;
	sched_set_fifo_low(current);
	for (int round = 0; round < ROUNDS && !ret; round++)
		ret = frame(backend, queue, context, 1 + round, &took[round]);
	sched_set_normal(current, 0);
	backend->destroy(queue);
	clean(backend);
	if (!ret)
		bench_report(name, backend->name, mean(took));
	return ret;
}

/* Workers of other priorities. */
static int run_frame(const struct bench_backend *backend, const char *name)
{
	int ret = backend->init();

	if (ret)
		return ret;
	ret = scenario_frame(backend, name);
	backend->exit();
	return ret;
}

static int scenario_queues(const struct bench_backend *backend, void **queues, unsigned int count)
{
	u64 create[ROUNDS], destroy[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		int ret;

		create[round] = begin(round);
		ret = create_all(backend, queues, count);
		create[round] = end(round, create[round]);
		if (ret)
			return ret;
		ret = run_jobs(backend, queues, count, 1, 1);
		if (ret)
			return ret;
		destroy[round] = begin(round);
		destroy_all(backend, queues, count);
		destroy[round] = end(round, destroy[round]);
		clean(backend);
	}
	bench_report("queue_create", backend->name, mean(create) / count);
	bench_report("queue_destroy", backend->name, mean(destroy) / count);
	return 0;
}

/* Kernel threads but for those that serve all workqueues. */
static unsigned int threads(void)
{
	struct task_struct *task;
	unsigned int count = 0;

	rcu_read_lock();
	for_each_process(task)
		if (task->flags & PF_KTHREAD &&
		    (strncmp(task->comm, "kworker/", 8) || !strncmp(task->comm, "kworker/R", 9)))
			count++;
	rcu_read_unlock();
	return count;
}

/* What the driver's part of a queue takes. */
static s64 mock_memory(const struct bench_backend *backend, void **mocks)
{
	s64 took = bench_memory();
	unsigned int count = 0;

	if (!backend->mock)
		return 0;
	while (count < MANY_QUEUES && (mocks[count] = backend->mock()))
		count++;
	took = bench_memory() - took;
	for (unsigned int i = 0; i < count; i++)
		backend->mock_destroy(mocks[i]);
	return count == MANY_QUEUES ? took : -ENOMEM;
}

static int scenario_memory(const struct bench_backend *backend, void **queues)
{
	const unsigned int jobs = 16;
	struct dma_fence **fences = kvcalloc(MANY_QUEUES * jobs, sizeof(*fences), GFP_KERNEL);
	unsigned int first_threads, n = 0;
	s64 start, queued, mock;
	int ret;

	if (!fences)
		return -ENOMEM;
	clean(backend);
	ret = bench_memory_begin();
	if (ret)
		goto free;
	mock = mock_memory(backend, queues);
	if (mock < 0) {
		ret = mock;
		goto end;
	}
	first_threads = threads();
	start = bench_memory();
	ret = create_all(backend, queues, MANY_QUEUES);
	if (ret)
		goto end;
	queued = bench_memory();
	bench_report("bytes_per_queue", backend->name, (queued - start - mock) / MANY_QUEUES);
	bench_report("kthreads_of_512_queues", backend->name, threads() - first_threads);

	WRITE_ONCE(bench_paused, true);
	for (unsigned int q = 0; q < MANY_QUEUES && !ret; q++) {
		for (unsigned int j = 0; j < jobs && !ret; j++) {
			fences[n] = backend->submit(queues[q], NULL, 0);
			ret = fences[n] ? 0 : -ENOMEM;
			n += !ret;
		}
	}
	/* All that run jobs have run them. */
	for (int i = 0; i < 4; i++)
		yield();
	if (!ret)
		bench_report("bytes_per_job", backend->name, (bench_memory() - queued) / n);
	WRITE_ONCE(bench_paused, false);
	for (unsigned int q = 0; q < MANY_QUEUES; q++)
		backend->kick(queues[q]);
	while (n--) {
		ret = ret ?: wait(fences[n]);
		dma_fence_put(fences[n]);
	}
	destroy_all(backend, queues, MANY_QUEUES);
	clean(backend);
end:
	bench_memory_end();
free:
	kvfree(fences);
	return ret;
}

static int run(const struct bench_backend *backend)
{
	void **queues = kcalloc(MANY_QUEUES, sizeof(*queues), GFP_KERNEL);
	int ret;

	if (!queues)
		return -ENOMEM;
	ret = backend->init();
	if (ret)
		goto free;
	ret = scenario_jobs(backend, "job_batched", queues, 1, 2000, 64);
	ret = ret ?: scenario_jobs(backend, "job_single", queues, 1, 2000, 1);
	ret = ret ?: scenario_jobs(backend, "q16", queues, 16, 500, 16);
	ret = ret ?: scenario_jobs(backend, "q512", queues, MANY_QUEUES, 20, 4);
	ret = ret ?: scenario_deps(backend);
	ret = ret ?: scenario_queues(backend, queues, 64);
	ret = ret ?: scenario_switches(backend, "batched", queues, 1, 2000, 64);
	ret = ret ?: scenario_switches(backend, "single", queues, 1, 2000, 1);
	ret = ret ?: scenario_switches(backend, "q16", queues, 16, 500, 16);
	ret = ret ?: scenario_switches(backend, "q512", queues, MANY_QUEUES, 20, 4);
	ret = ret ?: scenario_memory(backend, queues);
	ret = ret ?: scenario_frame(backend, "frame");
	clean(backend);
	backend->exit();
free:
	kfree(queues);
	if (ret)
		pr_err("bench: %s failed: %d\n", backend->name, ret);
	return ret;
}

int asahi_bench_run(void)
{
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(backends) && !ret; i++)
		ret = run(backends[i]);
	ret = ret ?: run_frame(&bench_ours_high, "frame_high");
	ret = ret ?: run_frame(&bench_ours_realtime, "frame_realtime");
	return ret ?: bench_executor();
}
