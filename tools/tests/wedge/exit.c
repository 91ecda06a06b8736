// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client with many idle queues is killed: how long it takes to end, beside how long it took to
 * make them; and how long it takes to make as many while those are closed, beside how long it took
 * right before, when there was nothing to close. A file may only have so many of them, and a client
 * many files.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define QUEUES 2000
#define QUEUES_OF_FILE 100
/* Something else of the machine may hold up a pair of clients, and not all pairs. */
#define PAIRS 6
#define LEAST_PAIRS 2

#define TASKS "/sys/kernel/debug/kasync/tasks"

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

/* Live tasks: each queue has one. */
static int tasks(void)
{
	FILE *file = fopen(TASKS, "r");
	int c, lines = 0;

	need("read the table of tasks", file ? 0 : -ENOENT);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

/* Waits until the queues of clients before are closed. */
static bool are_closed(int before)
{
	int64_t end = now_us() + 300 * 1000000ll;

	while (tasks() > before && now_us() < end)
		pause_ms(10);
	return tasks() <= before;
}

/* Has a client make its queues, and kills it. Returns how long it took to make them. */
static int64_t make_and_kill(struct many *many, struct bystander *b, bool *ends_soon)
{
	int64_t made, gone;
	pid_t pid;

	many->took_us = 0;
	pid = attacker_start(make, many);
	while (!many->took_us)
		pause_ms(1);
	made = many->took_us;
	bystander_longest_us(b);
	gone = attacker_kill(pid);
	printf("# %d queues, made in %lld ms; killed, gone after %lld ms\n", QUEUES * scale,
	       (long long)made / 1000, (long long)gone / 1000);
	check_true("the client is gone", gone >= 0);
	*ends_soon |= gone >= 0 && gone < made / 4;
	check_true("the bystander gets on", bystander_lives(b, 60));
	printf("# the bystander's longest job: %u ms\n", bystander_longest_us(b) / 1000);
	return made;
}

void test_exit(void)
{
	struct bystander b = bystander_start();
	struct many *many = shared_page();
	bool ends_soon = false, are_made = false, closed = true;
	int before = tasks();

	for (int i = 0; i < PAIRS && closed && (i < LEAST_PAIRS || !ends_soon || !are_made); i++) {
		int64_t alone = make_and_kill(many, &b, &ends_soon);
		int64_t beside = make_and_kill(many, &b, &ends_soon);

		/* Two do so then, on what one had for itself: and each takes the other's turns. */
		are_made |= beside <= 3 * alone;
		closed = are_closed(before);
	}
	check_true("all queues are closed at last", closed);
	check_true("the end of a client does not wait for its queues one by one", ends_soon);
	check_true("queues are made while others are closed", are_made);
	bystander_stop(&b);
}
