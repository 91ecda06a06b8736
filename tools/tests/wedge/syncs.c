// SPDX-License-Identifier: MIT OR Apache-2.0
/* A submit that waits for the fences of a sync file, named as often as a submit can. */
#define _GNU_SOURCE
#include "wedge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FENCES 2048
#define NAMES 4095
/* Times so long as one naming may take those that say nothing new, each of which has to be read. */
#define TIMES 40
/* Attempts. Something else of the machine may hold up one or the other. */
#define ATTEMPTS 5

struct attack {
	int file;
	/* Whether each naming is a sync object of its own. */
	bool objects;
	volatile int64_t once_us, often_us;
	volatile int result;
};

static int64_t submit_names(struct context *ctx, const uint32_t *handles, int count,
			    volatile int *result)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync *syncs = calloc(count, sizeof(*syncs));
	int64_t start;

	for (int i = 0; i < count; i++)
		syncs[i].handle = handles[i];
	start = now_us();
	*result = submit(ctx, &command, sizeof(command), syncs, count, 0);
	free(syncs);
	return now_us() - start;
}

static void attack(void *arg)
{
	struct attack *attack = arg;
	uint32_t handles[NAMES];
	struct context ctx;

	context_init(&ctx);
	for (int i = 0; i < NAMES; i++)
		handles[i] = i && !attack->objects ? handles[0] : import(ctx.fd, attack->file);
	/* Twice: the first time memory is made. */
	for (int i = 0; i < 2; i++)
		attack->once_us = submit_names(&ctx, handles, 1, &attack->result);
	check("a submit that names it once", attack->result, 0);
	attack->often_us = -1;
	attack->often_us = submit_names(&ctx, handles, NAMES, &attack->result);
}

/* Whether it is short and the client soon gone, in one attempt. */
static bool try_names(struct attack *a, int file, bool objects)
{
	int64_t gone;
	pid_t pid;

	*a = (struct attack){ .file = file, .objects = objects };
	pid = attacker_start(attack, a);
	while (!a->often_us)
		pause_ms(1);
	/* In the submit, or through. */
	for (int i = 0; i < 60000 && a->often_us < 0; i++)
		pause_ms(1);
	gone = attacker_kill(pid);
	printf("# once %lld us, %d times %lld us, result %d; gone %lld us after it was killed\n",
	       (long long)a->once_us, NAMES, (long long)a->often_us, a->result, (long long)gone);
	return a->often_us > 0 && a->often_us < TIMES * a->once_us && gone >= 0 &&
	       gone < 3000000;
}

static void name_it(struct attack *a, int file, bool objects)
{
	bool is_short = false;

	for (int i = 0; i < ATTEMPTS && !is_short; i++)
		is_short = try_names(a, file, objects);
	check_true(objects ? "a submit of many objects is short, and its client ends" :
			     "a submit that names it often is short, and its client ends",
		   is_short);
	check("it is taken", a->result, 0);
}

void test_syncs(void)
{
	struct attack *a = shared_page();
	int file = sw_sync_fences(FENCES);

	name_it(a, file, false);
	name_it(a, file, true);
	close(file);
}
