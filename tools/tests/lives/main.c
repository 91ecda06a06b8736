// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Clients that end at random moments, with jobs in all states: killed, or with the device taken
 * away from them. This process has their fences as sync files, and looks at them.
 *
 * usage: lives kill|unbind SECONDS [SEED]
 *        lives blocked
 *        lives foreign
 *        lives withdraw
 *        lives outlive
 *
 *	kill       clients are killed with SIGKILL, whatever they are doing
 *	unbind     the driver is unbound from the device, and bound to it again, while clients come
 *		   and go
 *	blocked    the driver is unbound, and another device unplugged, while a submit waits for
 *	           room in its queue, while a bind waits for timestamps of a job, and while
 *	           another bind does millions of operations
 *	foreign    the driver is unbound while a job waits for a fence of another one
 *	withdraw   a client is killed while it is the first in line for slots
 *	outlive    fences are looked at when all modules that they come from are gone; those are
 *		   not loaded again
 *
 * Prints TAP, and what was done. The kernel log is the other half of the test.
 */
#define _GNU_SOURCE
#include "lives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much longer a run may take than it was asked for. */
#define MOST_MS 300000

/* Whether there was something to see. */
static bool enough(void)
{
	return seen.rounds > 1 && seen.well && seen.cancelled + seen.gone;
}

int main(int argc, char **argv)
{
	bool unbind = argc > 1 && !strcmp(argv[1], "unbind");
	uint32_t seed = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;
	struct context ctx;
	uint32_t sync;
	int64_t end;

	if (argc == 2 && !strcmp(argv[1], "blocked"))
		return blocked();
	if (argc == 2 && !strcmp(argv[1], "foreign"))
		return foreign();
	if (argc == 2 && !strcmp(argv[1], "withdraw"))
		return withdraw();
	if (argc == 2 && !strcmp(argv[1], "outlive"))
		return outlive();
	if (argc < 3 || (!unbind && strcmp(argv[1], "kill"))) {
		fprintf(stderr,
			"usage: lives kill|unbind SECONDS [SEED], lives blocked|foreign|withdraw|outlive\n");
		return 2;
	}
	state = seed | 1;
	for (int i = 0; i < 8; i++)
		rnd(2);
	end = now_ms() + atoi(argv[2]) * 1000ll;
	/* A machine that is slow takes longer until there was something to see. */
	while ((now_ms() < end || (!enough() && now_ms() < end + MOST_MS)) && !seen.stuck &&
	       !seen.late) {
		if (unbind)
			unbind_round();
		else
			kill_round();
		seen.rounds++;
	}
	printf("# seed %u: %u rounds, %u clients, %u of them without a job; %u fences: %u well, %u cancelled, %u without device; %u were blocked\n",
	       seed, seen.rounds, seen.clients, seen.unready, seen.fences, seen.well,
	       seen.cancelled, seen.gone, seen.blocked);
	check_true("all clients have ended", !seen.stuck);
	check_true("all fences have signalled", !seen.late);
	check_true("none early", !seen.early);
	check_true("nothing unexpected", !seen.wrong);
	check_true("there was something to see", enough());

	/* And the device still works. */
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	check("submit after all that", submit_one(&ctx, sync), 0);
	check("its fence signals", syncobj_wait(ctx.fd, sync, LIMIT_MS / 1000), 0);
	context_fini(&ctx);
	return finish();
}
