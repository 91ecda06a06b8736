// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * QUEUE_CREATE while there is much garbage: memory of jobs that may be used again when the firmware
 * has cleaned its cache. The call has that done on its way. When the memory to wait for it is what
 * fails, the call goes on, and the garbage stays for later: it is neither lost nor used again.
 *
 * The driver has a task that collects garbage soon. It waits as well while the firmware is halted,
 * which takes long here (slow-halt).
 */
#define _GNU_SOURCE
#include "before.h"
#include "calls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Jobs of each queue, and commands of each: more memory than calls leave to be collected. */
#define QUEUES 2
#define JOBS 160
#define COMMANDS 64
#define DUE (16 << 20)
/* What is not garbage may differ by so much. */
#define SLACK (2 << 20)
/* Allocations of the call that come into question: the first ones. */
#define MOST 8
#define SECONDS 30
/* How often it may take so long until there is garbage that the halt is over. */
#define TRIES 8
/* Where nothing is mapped. */
#define NOWHERE (USER_VA + 0x20000000ull)

/* What is pinned when a worker has dropped all jobs: nothing goes any more. */
static long long settled(void)
{
	long long before, now = pinned_bytes();

	do {
		before = now;
		pause_ms(100);
		now = pinned_bytes();
	} while (now != before);
	return now;
}

/* A job that faults. Returns its fence; the firmware is halted until that has signalled. */
static int halt(struct state *s)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = { .handle = s->sync_out };
	int file;

	command.compute.cdm_ctrl_stream_base = NOWHERE;
	command.compute.cdm_ctrl_stream_end = NOWHERE + 8;
	need("submit", submit(&s->ctx, &command, sizeof(command), &out, 0, 1));
	file = syncobj_export_sync_file(s->ctx.fd, s->sync_out);
	need("export a fence", file);
	return file;
}

/*
 * Jobs of new queues that wait for a fence, and are cancelled when that has signalled, while the
 * firmware is halted. Returns the fence of its halt.
 */
static int make_garbage(struct state *s)
{
	struct compute_command commands[COMMANDS];
	struct drm_asahi_sync in = { .handle = s->pending[0] };
	int file = sw_sync_fence(s->timelines[0], s->value + 1), last[QUEUES], halted;

	need("a fence", file);
	need("import it", syncobj_import_sync_file(s->ctx.fd, in.handle, file));
	close(file);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = compute_command();
	for (size_t i = 0; i < QUEUES; i++) {
		struct drm_asahi_sync syncs[] = { in, { .handle = s->sync_out } };
		struct context ctx = s->ctx;

		need("create a queue", queue_create(ctx.fd, ctx.vm, &ctx.queue));
		for (size_t job = 0; job < JOBS; job++)
			need("submit", submit(&ctx, commands, sizeof(commands), syncs, 1, 1));
		last[i] = syncobj_export_sync_file(ctx.fd, s->sync_out);
		need("export a fence", last[i]);
		need("destroy the queue", queue_destroy(ctx.fd, ctx.queue));
	}
	halted = halt(s);
	sw_sync_advance(s->timelines[0], 1);
	sw_sync_advance(s->timelines[1], 1);
	s->value++;
	for (size_t i = 0; i < QUEUES; i++) {
		int ret = sync_file_wait(last[i], SECONDS * 1000);

		need("the jobs are cancelled", ret == -ECANCELED ? 0 : ret ? ret : -EBUSY);
		close(last[i]);
	}
	return halted;
}

/* Makes garbage. Whether there is enough, and the firmware is halted; else it has gone again. */
static bool has_garbage(struct state *s, long long before, int *halted)
{
	*halted = make_garbage(s);
	if (settled() - before > DUE && sync_file_wait(*halted, 0) == -ETIME)
		return true;
	need("the end of a halt", sync_file_wait(*halted, SECONDS * 1000) == -EIO ? 0 : -EBUSY);
	close(*halted);
	need("the end of garbage", is_released(before + SLACK) ? 0 : -ETIME);
	return false;
}

void check_garbage(struct state *s)
{
	long long before = settled();
	unsigned int waited = 0, spared = 0;
	const char *wrong = NULL;

	/* Tables of addresses are made once for all: they are less than the garbage. */
	close(make_garbage(s));
	check_true("garbage: it is collected", is_released(before + DUE / 4));
	before = settled();
	for (unsigned int n = 1; n <= MOST && !wrong; n++) {
		int halted, nth, ret, tries = 0;
		bool hit, is_over;
		uint32_t queue;

		while (!has_garbage(s, before, &halted))
			need("garbage in time", ++tries < TRIES ? 0 : -ETIME);
		nth = fail_nth(n);
		ret = queue_create(s->ctx.fd, s->ctx.vm, &queue);
		hit = fail_nth_end(nth);
		/* The cache is cleaned when the halt is over, and not before. */
		is_over = sync_file_wait(halted, 0) != -ETIME;
		waited += !ret && is_over;
		spared += !ret && !is_over;
		if (!ret)
			need("destroy a queue", queue_destroy(s->ctx.fd, queue));
		if (ret && ret != -ENOMEM)
			wrong = strerrorname_np(-ret);
		else if (!hit)
			wrong = "there are fewer allocations";
		else if (sync_file_wait(halted, SECONDS * 1000) != -EIO)
			wrong = "the firmware was not halted";
		else if (!is_released(before + SLACK))
			wrong = "it is not collected";
		close(halted);
	}
	printf("# garbage: %u of %u calls have waited, %u could not\n", waited, MOST, spared);
	if (wrong)
		printf("# garbage: %s\n", wrong);
	check_true("garbage: collecting it fails, and the call does not", !wrong && spared);
	check("garbage: a job afterwards", run_job(s), 0);
}
