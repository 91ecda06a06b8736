// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * More queues with a job each that may run than there are slots: jobs in flight hold all slots, and
 * the other queues wait for one. Jobs take some time (--fault delay:100), and the very first much
 * more, so that the others come into flight behind it. They are in flight at the firmware, which
 * keeps their slots, though the pipe runs one after another. How many are in flight at a time the
 * events drm_sched_job_run and drm_sched_job_done tell.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <stdio.h>
#include <unistd.h>

/* The slots, and more than come free while the jobs are submitted to the firmware. */
#define VMS 80
#define QUEUES 160
#define LIMIT_S 60

struct crowd {
	bool vms;
	/* sw_sync, and its value 1. */
	int timeline, gate;
	/* All jobs wait for the gate. */
	volatile int *set_up;
};

/* Submits all jobs, lets them run, and sees them through. */
static void fill(void *arg)
{
	const struct crowd *crowd = arg;
	int count = crowd->vms ? VMS : QUEUES, done = 0;
	uint32_t syncs[QUEUES], gate;
	struct context ctx;

	context_init(&ctx);
	gate = import(ctx.fd, crowd->gate);
	for (int i = 0; i < count; i++) {
		uint32_t vm = ctx.vm, queue;

		if (crowd->vms) {
			need("create a VM", vm_create(ctx.fd, &vm));
			need("bind a buffer", vm_bind(ctx.fd, vm, ctx.bo, USER_VA, PAGE));
		}
		need("create a queue", queue_create(ctx.fd, vm, &queue));
		need("create a syncobj", syncobj_create(ctx.fd, &syncs[i]));
		need("submit", submit_after(&ctx, queue, gate, syncs[i]));
	}
	*crowd->set_up = 1;
	sw_sync_advance(crowd->timeline, 1);
	for (int i = 0; i < count; i++)
		done += !syncobj_wait(ctx.fd, syncs[i], LIMIT_S);
	check("jobs that are done", done, count);
}

static struct crowd crowd_new(bool vms)
{
	struct crowd crowd = {
		.vms = vms,
		.timeline = sw_sync_create(),
		.set_up = shared_page(),
	};

	need("open sw_sync", crowd.timeline);
	crowd.gate = sw_sync_fence(crowd.timeline, 1);
	need("create a fence", crowd.gate);
	return crowd;
}

static void crowd_free(struct crowd *crowd)
{
	close(crowd->timeline);
	close(crowd->gate);
}

static void see_through(bool vms)
{
	struct crowd crowd = crowd_new(vms);

	check_true("the attacker's jobs are all done",
		   attacker_wait(attacker_start(fill, &crowd), 2 * LIMIT_S));
	crowd_free(&crowd);
}

/* Kills the attacker @ms after its jobs could run. Returns whether the bystander gets on. */
static bool kill_after(bool vms, int ms, struct bystander *b)
{
	struct crowd crowd = crowd_new(vms);
	pid_t pid = attacker_start(fill, &crowd);
	int64_t end = now_us() + LIMIT_S * 1000000ll;
	bool well;

	while (!*crowd.set_up && now_us() < end)
		pause_ms(1);
	pause_ms(ms);
	well = *crowd.set_up && attacker_kill(pid) >= 0;
	/* Those that are cancelled wait for the gate, if it is not open yet. */
	sw_sync_advance(crowd.timeline, 1);
	well = bystander_lives(b, LIMIT_S) && well;
	crowd_free(&crowd);
	return well;
}

static void test_full(bool vms)
{
	static const int moments_ms[] = { 0, 50, 1000 };
	struct bystander b;
	bool well = true;

	printf("# %d %s\n", vms ? VMS : QUEUES, vms ? "VMs" : "queues of one VM");
	see_through(vms);
	b = bystander_start();
	for (size_t i = 0; well && i < ARRAY_SIZE(moments_ms); i++)
		well = kill_after(vms, moments_ms[i], &b);
	check_true("a bystander gets on wherever the attacker is killed", well);
	see_through(vms);
	check_true("and with all jobs done", bystander_lives(&b, LIMIT_S));
	bystander_stop(&b);
}

void test_full_vms(void)
{
	test_full(true);
}

void test_full_queues(void)
{
	test_full(false);
}
