// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The device is taken away while a job waits for a fence of this process. That job, and those
 * behind it, are cancelled, but not before the fence has signalled: a waiter for one of them
 * waits for the fence as well. Unbinding waits for that, says so, and comes to its end when it
 * signals.
 */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOTICE "gpu: waits for fences that clients' jobs wait for, before it is unbound"
/* How soon the device is gone after the fence has signalled, on a machine that checks much. */
#define SOON_MS 60000

enum {
	/* Waits for the fence. */
	FIRST,
	/* Is behind it in its queue. */
	SECOND,
	/* Is in another queue, and waits for the second. */
	THIRD,
	JOBS
};

/* A job after the sync file @after, if that is not negative. Returns its own. */
static int job_after(struct context *ctx, int after)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = { 0 };
	int in = after >= 0, file;

	for (int i = 0; i <= in; i++)
		need("create a syncobj", syncobj_create(ctx->fd, &syncs[i].handle));
	if (in)
		need("import a sync file",
		     syncobj_import_sync_file(ctx->fd, syncs[0].handle, after));
	need("submit", submit(ctx, &command, sizeof(command), syncs, in, 1));
	file = syncobj_export_sync_file(ctx->fd, syncs[in].handle);
	need("export a sync file", file);
	return file;
}

/* The kernel's log from here on. */
static int log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	need("open the log", log < 0 ? -errno : 0);
	need("go to its end", lseek(log, 0, SEEK_END) < 0 ? -errno : 0);
	return log;
}

/* How many lines with @text have been added to the log. */
static int log_count(int log, const char *text)
{
	char record[8192];
	ssize_t length;
	int count = 0;

	while ((length = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (length < 0)
			continue;
		record[length] = 0;
		count += !!strstr(record, text);
	}
	return count;
}

static bool log_says(int log, const char *text)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int64_t end = now_ms() + LIMIT_MS;

	while (!log_count(log, text)) {
		if (now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

int foreign(void)
{
	int timeline = sw_sync_create(), in, jobs[JOBS], log, status = 0;
	struct context ctx, other;
	int64_t begun, took;
	pid_t unbinder;

	need("open sw_sync", timeline);
	in = sw_sync_fence(timeline, 1);
	need("create a fence", in);
	context_init(&ctx);
	other = ctx;
	need("create a queue", queue_create(ctx.fd, ctx.vm, &other.queue));
	jobs[FIRST] = job_after(&ctx, in);
	jobs[SECOND] = job_after(&ctx, -1);
	jobs[THIRD] = job_after(&other, jobs[SECOND]);
	log = log_open();

	fflush(stdout);
	unbinder = fork();
	need("fork", unbinder < 0 ? -errno : 0);
	if (!unbinder)
		_exit(unbind_device() ? 1 : 0);
	check_true("the kernel says what unbinding waits for", log_says(log, NOTICE));
	for (int i = 0; i < JOBS; i++)
		check("a fence before that of this process", sync_file_wait(jobs[i], 0), -ETIME);
	check("unbinding waits", waitpid(unbinder, &status, WNOHANG), 0);

	begun = now_ms();
	sw_sync_advance(timeline, 1);
	for (int i = 0; i < JOBS; i++)
		check("a fence after it", sync_file_wait(jobs[i], LIMIT_MS), -ECANCELED);
	waitpid(unbinder, &status, 0);
	took = now_ms() - begun;
	printf("# the device was gone %lld ms after the fence had signalled\n", (long long)took);
	check_true("the device goes", WIFEXITED(status) && !WEXITSTATUS(status) && took < SOON_MS);
	check("it was said once", log_count(log, NOTICE), 0);
	check("a submit to what is gone", submit_one(&ctx, 0), -ENODEV);

	need("bind", bind_device());
	check("a job of a new client", new_job(LIMIT_MS / 1000), 0);
	for (int i = 0; i < JOBS; i++)
		close(jobs[i]);
	close(in);
	close(timeline);
	close(log);
	return finish();
}
