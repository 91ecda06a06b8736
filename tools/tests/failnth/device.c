// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Unbind and suspend, where they have no memory. Bind is for tools/tests/probe.
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

#define DRIVER "/sys/bus/platform/drivers/asahi/"
#define DEVICE "11000000.gpu"
/* Neither has so many allocations. */
#define MOST 2000
#define SECONDS 60

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

static void check_unbind(void)
{
	int bind = open_file(DRIVER "bind"), unbind = open_file(DRIVER "unbind");
	const char *wrong = NULL;
	bool hit = true;
	unsigned int n;

	for (n = 1; n < MOST && hit && !wrong; n++) {
		int nth = fail_nth(n), ret = put(unbind, DEVICE);

		hit = fail_nth_end(nth);
		/* The first is of sysfs, which has not called anybody then. */
		if (n == 1 && ret == -ENOMEM && !access(DRIVER DEVICE, F_OK))
			ret = put(unbind, DEVICE);
		if (ret)
			wrong = "unbind failed";
		else if (!access(DRIVER DEVICE, F_OK))
			wrong = "the device is still bound";
		else if (put(bind, DEVICE))
			wrong = "the next bind failed";
		else if (new_job(SECONDS))
			wrong = "a job afterwards failed";
	}
	if (wrong)
		printf("# allocation %u: %s\n", n - 1, wrong);
	printf("# unbind: %u allocations\n", n - 2);
	check_true("unbind: each allocation fails once, and it does not", !wrong && !hit);
	close(bind);
	close(unbind);
}

static void check_suspend(void)
{
	int state = open_file("/sys/power/state");
	unsigned int n, failed = 0;
	const char *wrong = NULL;
	bool hit = true;

	write_file("/sys/power/pm_test", "devices");
	write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	need("suspend", put(state, "freeze"));
	for (n = 1; n < MOST && hit && !wrong; n++) {
		int nth = fail_nth(n), ret = put(state, "freeze");

		hit = fail_nth_end(nth);
		failed += ret != 0;
		if (ret && !hit)
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
	write_file("/sys/power/pm_test", "none");
	close(state);
}

void check_device(void)
{
	check_unbind();
	check_suspend();
	check("a job afterwards", new_job(SECONDS), 0);
}
