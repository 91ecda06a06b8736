// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Deadlines by the ten thousand, for a fence before which much has to be done: what is left for the
 * bystander, beside what a client leaves that does the same to a fence with nothing before it.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUEUES 256
#define JOBS 128
#define MEASURE_MS 5000
/* Something else of the machine may hold up one rate or the other, and not in each turn. */
#define TURNS 4

struct attack {
	int gate;
	bool deep;
	volatile bool ready;
	volatile uint32_t ioctls;
};

static void set_deadlines(int file, struct attack *attack)
{
	struct sync_set_deadline deadline = { .deadline_ns = 1 };

	attack->ready = true;
	for (;;) {
		need("set a deadline", ioctl(file, SYNC_IOC_SET_DEADLINE, &deadline) ? -errno : 0);
		deadline.deadline_ns++;
		attack->ioctls++;
	}
}

/*
 * The fence of a job that waits for the gate, or of the first of many jobs that each wait for many
 * such jobs.
 */
static void attack(void *arg)
{
	struct attack *attack = arg;
	struct compute_command command = compute_command();
	int count = attack->deep ? QUEUES : 1;
	struct drm_asahi_sync *syncs = calloc(count + 1, sizeof(*syncs));
	uint32_t gate, queue, out, first;
	struct context ctx;

	context_init(&ctx);
	first = ctx.queue;
	gate = import(ctx.fd, attack->gate);
	for (int i = 0; i < count; i++) {
		need("create a queue", queue_create(ctx.fd, ctx.vm, &queue));
		need("create a syncobj", syncobj_create(ctx.fd, &syncs[i].handle));
		need("submit", submit_after(&ctx, queue, gate, syncs[i].handle));
	}
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	ctx.queue = first;
	for (int i = 0; i < (attack->deep ? JOBS : 1); i++) {
		syncs[count].handle = i ? 0 : out;
		need("submit", submit(&ctx, &command, sizeof(command), syncs, count, i ? 0 : 1));
	}
	set_deadlines(syncobj_export_sync_file(ctx.fd, out), attack);
}

static double rate_beside(struct attack *a, bool deep, struct bystander *b)
{
	uint32_t before;
	double rate;
	pid_t pid;

	a->deep = deep;
	a->ready = false;
	pid = attacker_start(attack, a);
	while (!a->ready)
		pause_ms(1);
	pause_ms(500);
	before = a->ioctls;
	bystander_longest_us(b);
	rate = bystander_rate(b, MEASURE_MS);
	printf("# %s: %u deadlines, %.0f jobs of the bystander's a second, longest %u ms\n",
	       deep ? "many jobs before it" : "nothing before it", a->ioctls - before, rate,
	       bystander_longest_us(b) / 1000);
	check_true("the one that sets deadlines ends", attacker_kill(pid) >= 0);
	return rate;
}

void test_deadlines(void)
{
	struct bystander b = bystander_start();
	struct attack *a = shared_page();
	int timeline = sw_sync_create();
	bool no_more = false;

	need("open sw_sync", timeline);
	a->gate = sw_sync_fence(timeline, 1);
	need("create a fence", a->gate);
	for (int i = 0; i < TURNS && !no_more; i++) {
		double plain = rate_beside(a, false, &b), deep = rate_beside(a, true, &b);

		no_more = deep > plain / 2;
	}
	check_true("deadlines cost others no more for what is before them", no_more);
	sw_sync_advance(timeline, 1);
	check_true("the bystander gets on", bystander_lives(&b, 60));
	bystander_stop(&b);
}
