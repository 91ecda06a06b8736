// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A firmware that lives and reads no command yet (--hardware slow-init), and a client that has
 * thrown away so much memory that the firmware's cache has to be flushed before it gets more: the
 * client waits, and a signal ends it meanwhile. The firmware is not taken for dead.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Renders of a submit. */
#define RENDERS 64
/* An ioctl that takes so long waits for the firmware. */
#define LONG_US 2000000
/* Time for the client to come so far: less than the firmware takes. */
#define SECONDS 120
/* A process that does not wait for the firmware is gone by then. */
#define SOON_US 2000000

struct waste {
	/* When the ioctl began that has not ended. */
	volatile int64_t since_us;
	volatile uint32_t count;
};

/* Submits that are refused when all of their memory is there: each throws it away. */
static void waste(void *arg)
{
	struct drm_asahi_sync bad = { .handle = ~0u };
	struct render_command commands[RENDERS];
	struct waste *state = arg;
	struct context ctx;
	int ret;

	state->since_us = now_us();
	context_init(&ctx);
	for (int i = 0; i < RENDERS; i++)
		commands[i] = render_command();
	for (;;) {
		state->since_us = now_us();
		ret = submit(&ctx, commands, sizeof(commands), &bad, 1, 0);
		need("a submit with a sync object that is not there", ret == -ENOENT ? 0 : -EPROTO);
		state->count++;
	}
}

/* Whether the client is in an ioctl for long, before the firmware has come to its commands. */
static bool waits(pid_t pid, struct waste *state)
{
	int64_t end = now_us() + SECONDS * 1000000ll;

	while (now_us() < end && process_state(pid) != 'Z') {
		int64_t since = state->since_us;

		if (since && now_us() - since > LONG_US)
			return true;
		pause_ms(1);
	}
	return false;
}

static void check_kill(const char *what)
{
	struct waste *state = shared_page();
	char text[96];
	int64_t took;
	pid_t pid;

	pid = attacker_start(waste, state);
	snprintf(text, sizeof(text), "a client that wants %s waits for the firmware", what);
	check_true(text, waits(pid, state));
	took = attacker_kill(pid);
	printf("# after %u submits; gone %lld ms after the signal\n", state->count,
	       (long long)took / 1000);
	check_true("it is gone at once", took >= 0 && took < SOON_US);
}

void test_garbage(void)
{
	check_kill("memory for a job");
	/* There is as much garbage as before. */
	check_kill("a queue");
	check("the firmware comes to its commands, and to a job", new_job(300), 0);
}
