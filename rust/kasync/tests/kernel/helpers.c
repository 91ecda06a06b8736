// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Ways for the tests to get into contexts that are hard to reach from Rust.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "helpers.h"

struct call {
	kasync_test_fn fn;
	void *data;
};

bool kasync_test_in_hardirq(void)
{
	return in_hardirq();
}

/* Of the thread that runs this. */
int kasync_test_nice(void)
{
	return task_nice(current);
}

bool kasync_test_is_fifo(void)
{
	return current->policy == SCHED_FIFO;
}

/* The CPU that runs this, though not for long. */
int kasync_test_cpu(void)
{
	return raw_smp_processor_id();
}

/* Keeps the calling thread on one CPU, or lets it run on all again if @cpu is negative. */
int kasync_test_bind(int cpu)
{
	return set_cpus_allowed_ptr(current, cpu < 0 ? cpu_possible_mask : cpumask_of(cpu));
}

/* Calls fn in hard interrupt context on this CPU, and waits. */
struct irq_call {
	struct irq_work work;
	struct call call;
};

static void run_irq_work(struct irq_work *work)
{
	struct irq_call *irq = container_of(work, struct irq_call, work);

	irq->call.fn(irq->call.data);
}

void kasync_test_irq(kasync_test_fn fn, void *data)
{
	struct irq_call irq = { .call = { fn, data } };

	irq.work = IRQ_WORK_INIT_HARD(run_irq_work);
	irq_work_queue(&irq.work);
	irq_work_sync(&irq.work);
}

/* Calls fn in a thread, with preemption disabled. */
void kasync_test_atomic(kasync_test_fn fn, void *data)
{
	preempt_disable();
	fn(data);
	preempt_enable();
}

/* Calls fn on all CPUs at once, with interrupts disabled, and waits. */
static void run_call(void *data)
{
	struct call *call = data;

	call->fn(call->data);
}

void kasync_test_all_cpus(kasync_test_fn fn, void *data)
{
	struct call call = { fn, data };

	on_each_cpu(run_call, &call, 1);
}

/* Calls fn once from an hrtimer, in hard interrupt context also on PREEMPT_RT if @hard. */
struct timer_call {
	struct hrtimer timer;
	struct call call;
};

static enum hrtimer_restart run_timer(struct hrtimer *timer)
{
	struct timer_call *t = container_of(timer, struct timer_call, timer);

	t->call.fn(t->call.data);
	return HRTIMER_NORESTART;
}

static void *start_timer(u64 ns, kasync_test_fn fn, void *data, bool hard)
{
	enum hrtimer_mode mode = hard ? HRTIMER_MODE_REL_HARD : HRTIMER_MODE_REL;
	struct timer_call *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	t->call = (struct call){ fn, data };
	hrtimer_setup(&t->timer, run_timer, CLOCK_MONOTONIC, mode);
	hrtimer_start(&t->timer, ns_to_ktime(ns), mode);
	return t;
}

void *kasync_test_timer_start(u64 ns, kasync_test_fn fn, void *data)
{
	return start_timer(ns, fn, data, true);
}

void kasync_test_timer_stop(void *timer)
{
	struct timer_call *t = timer;

	hrtimer_cancel(&t->timer);
	kfree(t);
}

/*
 * A fence, with one callback, signalled from hard interrupt context; on PREEMPT_RT, where the
 * fence's lock sleeps, from a timer's thread.
 */
static const char *fence_name(struct dma_fence *fence)
{
	return "kasync_test";
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

struct fence_call {
	struct dma_fence_cb cb;
	struct call call;
};

static void run_fence_cb(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct fence_call *f = container_of(cb, struct fence_call, cb);

	lockdep_assert_held(dma_fence_spinlock(fence));
	f->call.fn(f->call.data);
}

struct fence_signal {
	struct dma_fence *fence;
	struct completion done;
};

static void signal_fence(void *data)
{
	struct fence_signal *signal = data;

	dma_fence_signal(signal->fence);
	complete(&signal->done);
}

int kasync_test_under_fence_lock(kasync_test_fn fn, void *data)
{
	struct fence_call f = { .call = { fn, data } };
	struct dma_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	struct fence_signal signal = { .fence = fence };
	void *timer;
	int ret;

	if (!fence)
		return -ENOMEM;
	dma_fence_init(fence, &fence_ops, NULL, dma_fence_context_alloc(1), 1);
	init_completion(&signal.done);
	ret = dma_fence_add_callback(fence, &f.cb, run_fence_cb);
	timer = start_timer(1000, signal_fence, &signal, false);
	if (timer) {
		wait_for_completion(&signal.done);
		kasync_test_timer_stop(timer);
	} else {
		dma_fence_signal(fence);
		ret = -ENOMEM;
	}
	dma_fence_put(fence);
	return ret;
}

/* An interrupt line that is not connected to anything. Negative if there is none. */
int kasync_test_line_create(void)
{
	int irq = irq_alloc_desc(NUMA_NO_NODE);

	if (irq < 0)
		return irq;
	irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_level_irq);
	irq_clear_status_flags(irq, IRQ_NOREQUEST);
	return irq;
}

void kasync_test_line_destroy(int irq)
{
	irq_free_desc(irq);
}

/*
 * Whether the handler of a line runs in a thread. On PREEMPT_RT and with the option "threadirqs"
 * one does that was requested without a thread's function.
 */
bool kasync_test_line_has_thread(int irq)
{
	const struct irqaction *action = irq_data_to_desc(irq_get_irq_data(irq))->action;

	return action && action->thread;
}

static void raise_line(void *data)
{
	generic_handle_irq((unsigned long)data);
}

/* Raises it in hard interrupt context. Its handler has run when this returns, or is woken. */
void kasync_test_line_raise(int irq)
{
	kasync_test_irq(raise_line, (void *)(unsigned long)irq);
}

static int do_nothing(void *data)
{
	return 0;
}

/* Whether the kernel can make threads, such as the workers of workqueues. */
bool kasync_test_can_make_threads(void)
{
	struct task_struct *thread = kthread_create(do_nothing, NULL, "kasync_test");

	if (IS_ERR(thread))
		return false;
	kthread_stop(thread);
	return true;
}

/*
 * Occupies workers with items that wait, until no worker is left: one more item has not begun for
 * a while, and no thread can be created.
 */
struct blocker {
	struct work_struct work;
	struct completion begun;
	struct kasync_test_blockers *all;
	struct list_head list;
};

struct kasync_test_blockers {
	struct workqueue_struct *wq;
	struct completion release;
	struct list_head list;
	int n;
};

static void block(struct work_struct *work)
{
	struct blocker *blocker = container_of(work, struct blocker, work);

	complete(&blocker->begun);
	/* How long that takes is up to the machine, which is not to take the worker for hung. */
	wait_for_completion_state(&blocker->all->release, TASK_IDLE);
}

/* Whether there was a worker for it. */
static bool block_one(struct kasync_test_blockers *all, int cpu)
{
	struct blocker *blocker = kzalloc(sizeof(*blocker), GFP_KERNEL);

	if (!blocker || all->n == 500) {
		kfree(blocker);
		return false;
	}
	blocker->all = all;
	init_completion(&blocker->begun);
	INIT_WORK(&blocker->work, block);
	list_add(&blocker->list, &all->list);
	all->n++;
	queue_work_on(cpu, all->wq, &blocker->work);
	return wait_for_completion_timeout(&blocker->begun, 2 * HZ);
}

void *kasync_test_block_workers(void)
{
	struct kasync_test_blockers *all = kzalloc(sizeof(*all), GFP_KERNEL);
	int cpu;

	if (!all)
		return NULL;
	INIT_LIST_HEAD(&all->list);
	init_completion(&all->release);
	/* The attributes are those of the executors' queues, and so are the workers. */
	all->wq = alloc_workqueue("kasync_test_block", WQ_UNBOUND, 0);
	if (!all->wq) {
		kfree(all);
		return NULL;
	}
	/* Processors may share a pool of workers, or have one each. */
	for_each_online_cpu(cpu)
		while (block_one(all, cpu))
			;
	pr_info("kasync_test: %d works block\n", all->n);
	return all;
}

void kasync_test_unblock_workers(void *data)
{
	struct kasync_test_blockers *all = data;
	struct blocker *blocker, *next;

	complete_all(&all->release);
	destroy_workqueue(all->wq);
	list_for_each_entry_safe(blocker, next, &all->list, list)
		kfree(blocker);
	kfree(all);
}

/* Whether the calling thread is the rescuer of a workqueue. */
bool kasync_test_in_rescuer(void)
{
	char name[TASK_COMM_LEN];

	get_task_comm(name, current);
	return str_has_prefix(name, "kworker/R-");
}
