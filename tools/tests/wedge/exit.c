// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client with many idle queues is killed: how long it takes to end, beside how long it took to
 * make them; and how long it takes to make as many while those are closed. A file may only have so
 * many of them, and a client many files.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <stdio.h>
#include <unistd.h>

#define QUEUES 2000
#define QUEUES_OF_FILE 100

struct many {
	volatile int64_t took_us;
};

static void make(void *arg)
{
	struct many *many = arg;
	int64_t start;
	struct context ctx;
	uint32_t queue;

	start = now_us();
	for (int i = 0; i < QUEUES * scale; i++) {
		if (i % QUEUES_OF_FILE == 0)
			context_init(&ctx);
		need("create a queue", queue_create(ctx.fd, ctx.vm, &queue));
	}
	many->took_us = now_us() - start;
	for (;;)
		pause();
}

void test_exit(void)
{
	struct bystander b = bystander_start();
	struct many *many = shared_page();
	bool ends_soon = false, are_made = false;
	int64_t first = 0;

	for (int round = 0; round < 4; round++) {
		int64_t made, gone;
		pid_t pid;

		many->took_us = 0;
		pid = attacker_start(make, many);
		while (!many->took_us)
			sleep_ms(1);
		made = many->took_us;
		first = first ? first : made;
		bystander_longest_us(&b);
		gone = attacker_kill(pid);
		/* From the second round on those of the round before are closed meanwhile. */
		printf("# %d queues, made in %lld ms; killed, gone after %lld ms\n", QUEUES * scale,
		       (long long)made / 1000, (long long)gone / 1000);
		check_true("the client is gone", gone >= 0);
		/* Something else of the machine may hold up a round, and not all. */
		ends_soon |= gone >= 0 && gone < made / 4;
		/* Two do so now, on what one had for itself: and each takes the other's turns. */
		are_made |= round && made <= 3 * first;
		check_true("the bystander gets on", bystander_lives(&b, 60));
		printf("# the bystander's longest job: %u ms\n", bystander_longest_us(&b) / 1000);
	}
	check_true("the end of a client does not wait for its queues one by one", ends_soon);
	check_true("queues are made while others are closed", are_made);
	bystander_stop(&b);
}
