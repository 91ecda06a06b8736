// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * How often the processor goes from one thread to another, and how often a thread of a workqueue is
 * woken.
 */
#include <linux/atomic.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>

#include "bench.h"

static atomic64_t switches, wakes;
/* The scheduler's tracepoints are not exported, but can be found. */
static struct tracepoint *switching, *waking;

static void on_switch(void *data, bool preempt, struct task_struct *prev, struct task_struct *next,
		      unsigned int prev_state)
{
	atomic64_inc(&switches);
}

static void on_waking(void *data, struct task_struct *task)
{
	if (task->flags & PF_WQ_WORKER)
		atomic64_inc(&wakes);
}

static void look_at(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "sched_switch"))
		switching = tracepoint;
	else if (!strcmp(tracepoint->name, "sched_waking"))
		waking = tracepoint;
}

int bench_switches_begin(void)
{
	int ret;

	for_each_kernel_tracepoint(look_at, NULL);
	if (!switching || !waking)
		return -ENOENT;
	atomic64_set(&switches, 0);
	atomic64_set(&wakes, 0);
	ret = tracepoint_probe_register(switching, on_switch, NULL);
	if (ret)
		return ret;
	ret = tracepoint_probe_register(waking, on_waking, NULL);
	if (ret)
		tracepoint_probe_unregister(switching, on_switch, NULL);
	return ret;
}

struct bench_switches bench_switches_end(void)
{
	const struct bench_switches counted = {
		.switches = atomic64_read(&switches),
		.wakes = atomic64_read(&wakes),
	};

	tracepoint_probe_unregister(waking, on_waking, NULL);
	tracepoint_probe_unregister(switching, on_switch, NULL);
	tracepoint_synchronize_unregister();
	return counted;
}
