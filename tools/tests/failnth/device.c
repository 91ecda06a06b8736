// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Unbind and suspend, where they have no memory, while a client has jobs in flight. Bind is for
 * tools/tests/probe.
 *
 * Suspend goes as far as the kernel goes with pm_test at "devices": all devices are suspended, and
 * resumed at once.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Neither has so many allocations. */
#define MOST 2000
#define SECONDS 60
/* Of a client, each of 20 ms (--fault delay:20). */
#define JOBS 8

/* Writes to an open file; returns 0 or a negative errno. */
static int put(int fd, const char *text)
{
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	need(path, fd < 0 ? -errno : 0);
	return fd;
}

/* A client, and its jobs' fences. */
struct client {
	struct context ctx;
	int fences[JOBS];
};

/* Its last job has not ended when this returns. */
static void client_init(struct client *c)
{
	uint32_t out;

	context_init(&c->ctx);
	need("create a syncobj", syncobj_create(c->ctx.fd, &out));
	for (int i = 0; i < JOBS; i++) {
		need("submit", submit_one(&c->ctx, out));
		c->fences[i] = syncobj_export_sync_file(c->ctx.fd, out);
		need("export a fence", c->fences[i]);
	}
	need("a job in flight", sync_file_wait(c->fences[JOBS - 1], 0) == -ETIME ? 0 : -EALREADY);
}

/*
 * Ends it. Whether all its jobs have come to an end: a good one or, if the device has gone, that of
 * jobs that had not begun. *@cancelled counts these.
 */
static bool client_fini(struct client *c, unsigned int *cancelled)
{
	bool ended = true;

	for (int i = 0; i < JOBS; i++) {
		int ret = sync_file_wait(c->fences[i], SECONDS * 1000);

		if (ret == -ECANCELED && cancelled)
			(*cancelled)++;
		else if (ret) {
			printf("# job %d: %s\n", i, strerrorname_np(-ret));
			ended = false;
		}
		close(c->fences[i]);
	}
	context_fini(&c->ctx);
	return ended;
}

static void check_unbind(void)
{
	unsigned int cancelled = 0;
	int bind = open_file(DRIVER "bind"), unbind = open_file(DRIVER "unbind");
	const char *wrong = NULL;
	bool hit = true;
	unsigned int n;

	for (n = 1; n < MOST && hit && !wrong; n++) {
		struct client client;
		int nth, ret;
		bool ended;

		client_init(&client);
		nth = fail_nth(n);
		ret = put(unbind, DEVICE);
		hit = fail_nth_end(nth);
		/* The first is of sysfs, which has not called anybody then. */
		if (n == 1 && ret == -ENOMEM && !access(DRIVER DEVICE, F_OK))
			ret = put(unbind, DEVICE);
		ended = client_fini(&client, &cancelled);
		if (ret)
			wrong = "unbind failed";
		else if (!ended)
			wrong = "a job of the client's has not ended as it should";
		else if (!access(DRIVER DEVICE, F_OK))
			wrong = "the device is still bound";
		else if (put(bind, DEVICE))
			wrong = "the next bind failed";
		else if (new_job(SECONDS))
			wrong = "a job afterwards failed";
	}
	if (wrong)
		printf("# allocation %u: %s\n", n - 1, wrong);
	printf("# unbind: %u allocations; of %u jobs %u have not begun\n", n - 2, (n - 1) * JOBS,
	       cancelled);
	check_true("unbind: each allocation fails once, and it does not", !wrong && !hit);
	check_true("unbind: some jobs have ended, and some have not begun",
		   cancelled && cancelled < (n - 1) * JOBS);
	close(bind);
	close(unbind);
}

static void check_suspend(void)
{
	int state = open_file("/sys/power/state");
	unsigned int n, failed = 0;
	const char *wrong = NULL;
	bool hit = true;

	write_needed("/sys/power/pm_test", "devices");
	write_needed("/sys/module/suspend/parameters/pm_test_delay", "0");
	need("suspend", put(state, "freeze"));
	for (n = 1; n < MOST && hit && !wrong; n++) {
		struct client client;
		int nth, ret;

		client_init(&client);
		nth = fail_nth(n);
		ret = put(state, "freeze");
		hit = fail_nth_end(nth);
		failed += ret != 0;
		if (!client_fini(&client, NULL))
			wrong = "a job of the client's has not ended well";
		else if (ret && !hit)
			wrong = "failed without a reason";
		else if (new_job(SECONDS))
			wrong = "a job afterwards failed";
		else if (ret && put(state, "freeze"))
			wrong = "failed a second time";
	}
	if (wrong)
		printf("# allocation %u: %s\n", n - 1, wrong);
	printf("# suspend: %u allocations, %u of them needed\n", n - 2, failed);
	check_true("suspend: each allocation fails once", !wrong && !hit);
	write_needed("/sys/power/pm_test", "none");
	close(state);
}

void check_device(void)
{
	check_unbind();
	check_suspend();
	check("a job afterwards", new_job(SECONDS), 0);
}
