// SPDX-License-Identifier: MIT OR Apache-2.0
/* A job that runs for longer than the driver would wait for a firmware that does nothing. */
#include "uapi.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* Live tasks: each queue has one, until the firmware has forgotten the queue. */
static int tasks(void)
{
	FILE *file = fopen("/sys/kernel/debug/kasync/tasks", "r");
	int c, lines = 0;

	need("read the table of tasks", file ? 0 : -errno);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

/* Whether @seconds are enough until there are no more than @count tasks. */
static bool are_tasks(int count, int seconds)
{
	long long end = now() + seconds * 1000ll;

	while (tasks() > count && now() < end)
		pause_ms(10);
	return tasks() <= count;
}

/* The second job takes so many seconds, and the others nothing. */
static void check_long(int seconds)
{
	struct context ctx, other, gone;
	long long start, took;
	uint32_t sync, quick;
	int file, quick_file, before;

	context_init(&ctx);
	context_init(&other);
	before = tasks();
	/* The firmware knows its queue. */
	context_init(&gone);
	need("create a syncobj", syncobj_create(gone.fd, &sync));
	need("submit", submit_one(&gone, sync));
	need("wait", syncobj_wait(gone.fd, sync, 120));
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	need("create a syncobj", syncobj_create(other.fd, &quick));
	start = now();
	need("submit the long job", submit_one(&ctx, sync));
	file = syncobj_export_sync_file(ctx.fd, sync);
	need("export a fence", file);

	context_fini(&gone);
	check_true("the firmware forgets a client's queue beside the job",
		   are_tasks(before, seconds / 2));
	check("which goes on", sync_file_wait(file, 0), -ETIME);

	/* The other client has nothing to do until long after a minute. */
	took = now() - start;
	check("the job goes on", sync_file_wait(file, (seconds - 14) * 1000 - took), -ETIME);
	need("submit", submit_one(&other, quick));
	quick_file = syncobj_export_sync_file(other.fd, quick);
	need("export a fence", quick_file);
	check("the long job ends well", sync_file_wait(file, 120000), 0);
	took = now() - start;
	printf("# it took %lld ms\n", took);
	check_true("it took as long as it should", took >= seconds * 1000 - 1000);
	check("the other client is unharmed", sync_file_wait(quick_file, 120000), 0);
	check("the client can have more", submit_one(&ctx, sync), 0);
	check("which it gets", syncobj_wait(ctx.fd, sync, 120), 0);
	close(file);
	close(quick_file);
	context_fini(&other);
	context_fini(&ctx);
}

/* --fault delay:2:75000 */
void test_long(void)
{
	check_long(75);
}

/* --fault delay:2:300000 */
void test_longer(void)
{
	check_long(300);
}
