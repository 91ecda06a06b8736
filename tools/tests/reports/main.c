// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Faults that were reported of other drivers, tried here.
 *
 * usage: reports [GROUP...]	groups: held-up walks beyond opens timelines between flood churn
 *				elsewhere, with a device of virtio-gpu's
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "reports.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool sleeps_in(int pid, const char *function)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	char path[64], stack[4096] = "";

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	for (int i = 0; i < SECONDS * 100; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t size = fd < 0 ? 0 : read(fd, stack, sizeof(stack) - 1);

		if (fd >= 0)
			close(fd);
		stack[size > 0 ? size : 0] = 0;
		if (strstr(stack, function))
			return true;
		nanosleep(&pause, NULL);
	}
	printf("# the stack of %d:\n# %s\n", pid, stack);
	return false;
}

static const struct test_group groups[] = {
	{ "held-up", test_held_up },
	{ "walks", test_walks },
	{ "beyond", test_beyond },
	{ "opens", test_opens },
	{ "timelines", test_timelines },
	{ "between", test_between },
	{ "flood", test_flood },
	{ "churn", test_churn },
	{ "elsewhere", test_elsewhere },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return run_groups(groups, ARRAY_SIZE(groups), argc, argv);
}
