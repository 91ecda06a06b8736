// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Queues that have slots and wait for a job that gets none: more of them than there are slots, in a
 * chain of dependencies without a cycle.
 *
 *	A[i]    waits for the gate, completes, and leaves its queue with a slot, and B[i] behind it
 *	F       waits for the second gate, which opens when all A are done; its queue has no slot
 *		yet
 *	B[i]    waits for F
 *
 * What this shows: queues that wait and have nothing in flight hold no slot, so the chain ends; all
 * slots come back after a kill; and another client gets on all the while. Slots that are all held
 * by jobs in flight are in full.c.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One more than the GPU has of them. */
#define VMS 64
#define QUEUES 129
#define MAX QUEUES
/* Firmware is given up after a minute without progress; nothing here takes so long. */
#define LIMIT_S 40

struct chain {
	bool vms;
	int count;
	/* sw_sync: the gates are its values 1 and 2. */
	int timeline, gates[2];
	/* How far the attacker has come, for the one that kills it. */
	volatile int *stage;
};

enum { SET_UP = 1, A_DONE, DONE };

static void queues_init(const struct chain *chain, struct context *ctx, uint32_t *vm,
			uint32_t *queue)
{
	context_init(ctx);
	vm[0] = ctx->vm;
	queue[0] = ctx->queue;
	for (int i = 1; i < chain->count; i++) {
		vm[i] = ctx->vm;
		if (chain->vms) {
			need("create a VM", vm_create(ctx->fd, &vm[i]));
			need("bind a buffer", vm_bind(ctx->fd, vm[i], ctx->bo, USER_VA, PAGE));
		}
		need("create a queue", queue_create(ctx->fd, vm[i], &queue[i]));
	}
}

static bool all_done(int fd, const uint32_t *syncs, int count)
{
	int64_t end = now_us() + LIMIT_S * 1000000ll;
	int done = 0;

	for (int i = 0; i < count; i++) {
		int64_t left = (end - now_us()) / 1000000;

		if (!syncobj_wait(fd, syncs[i], left > 0 ? left : 0))
			done++;
	}
	if (done != count)
		printf("# %d of %d are done\n", done, count);
	return done == count;
}

/* Submits the whole chain, and sees it through. */
static void attack(void *arg)
{
	const struct chain *chain = arg;
	uint32_t vm[MAX], queue[MAX], a[MAX], b[MAX], f, gates[2];
	int last = chain->count - 1;
	struct context ctx;

	queues_init(chain, &ctx, vm, queue);
	for (int i = 0; i < 2; i++)
		gates[i] = import(ctx.fd, chain->gates[i]);
	need("create a syncobj", syncobj_create(ctx.fd, &f));
	need("submit F", submit_after(&ctx, queue[last], gates[1], f));
	for (int i = 0; i < last; i++) {
		need("create a syncobj", syncobj_create(ctx.fd, &a[i]));
		need("create a syncobj", syncobj_create(ctx.fd, &b[i]));
		need("submit A", submit_after(&ctx, queue[i], gates[0], a[i]));
		need("submit B", submit_after(&ctx, queue[i], f, b[i]));
	}
	*chain->stage = SET_UP;
	sw_sync_advance(chain->timeline, 1);
	check_true("what comes first is done", all_done(ctx.fd, a, last));
	*chain->stage = A_DONE;
	sw_sync_advance(chain->timeline, 1);
	check_true("what all wait for is done", all_done(ctx.fd, &f, 1));
	check_true("what waits for that is done", all_done(ctx.fd, b, last));
	*chain->stage = DONE;
}

static struct chain chain_new(bool vms)
{
	struct chain chain = {
		.vms = vms,
		.count = vms ? VMS : QUEUES,
		.timeline = sw_sync_create(),
		.stage = shared_page(),
	};

	need("open sw_sync", chain.timeline);
	for (int i = 0; i < 2; i++) {
		chain.gates[i] = sw_sync_fence(chain.timeline, i + 1);
		need("create a fence", chain.gates[i]);
	}
	return chain;
}

static void chain_free(struct chain *chain)
{
	close(chain->timeline);
	close(chain->gates[0]);
	close(chain->gates[1]);
}

static bool reaches(const struct chain *chain, int stage)
{
	int64_t end = now_us() + LIMIT_S * 1000000ll;

	while (*chain->stage < stage) {
		if (now_us() > end)
			return false;
		pause_ms(1);
	}
	return true;
}

static void see_through(bool vms, struct bystander *b)
{
	struct chain chain = chain_new(vms);
	pid_t pid = attacker_start(attack, &chain);

	printf("# %d %s\n", chain.count, vms ? "VMs with one queue each" : "queues of one VM");
	check_true("the attacker's jobs are all done", attacker_wait(pid, 4 * LIMIT_S));
	check_true("and the bystander gets on", bystander_lives(b, LIMIT_S));
	printf("# the bystander's longest job: %u ms\n", bystander_longest_us(b) / 1000);
	chain_free(&chain);
}

/* Kills the attacker @ms after it has come to @stage. */
static bool kill_at(bool vms, int stage, int ms, struct bystander *b)
{
	struct chain chain = chain_new(vms);
	pid_t pid = attacker_start(attack, &chain);
	bool well = reaches(&chain, stage);

	pause_ms(ms);
	well = attacker_kill(pid) >= 0 && well;
	/* Cancelled jobs wait for what they depend on. */
	sw_sync_advance(chain.timeline, 2);
	well = bystander_lives(b, LIMIT_S) && well;
	chain_free(&chain);
	return well;
}

void test_slots(void)
{
	static const int moments_ms[] = { 0, 3, 20, 200 };
	struct bystander b = bystander_start();

	for (int vms = 1; vms >= 0; vms--) {
		bool well = true;

		see_through(vms, &b);
		for (int round = 0; round < scale; round++) {
			for (size_t i = 0; well && i < ARRAY_SIZE(moments_ms); i++) {
				well = kill_at(vms, SET_UP, moments_ms[i], &b);
				well = kill_at(vms, A_DONE, moments_ms[i], &b) && well;
			}
		}
		check_true("the bystander gets on wherever the attacker is killed", well);
		/* All slots have come back: the chain needs every one of them. */
		see_through(vms, &b);
	}
	bystander_stop(&b);
}
