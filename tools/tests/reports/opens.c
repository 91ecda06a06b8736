// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Processes that open the node, ask for version and parameters and read what sysfs says: with the
 * device there all is found each time. Then the same while it comes and goes.
 */
#define _GNU_SOURCE
#include "reports.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define ROUNDS 200
#define BINDS 10

/* Opens the device, and asks it for its parameters. Returns 0 or a negative errno. */
static int open_and_ask(void)
{
	struct drm_asahi_params_global params;
	char name[64] = "";
	int fd = gpu_open(), ret, file;

	if (fd < 0)
		return fd;
	ret = get_params(fd, &params);
	close(fd);
	file = open("/sys/class/drm/renderD128/device/uevent", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (read(file, name, sizeof(name) - 1) <= 0 && !ret)
		ret = -EIO;
	close(file);
	return ret;
}

/* A process that opens the device some times, and fails if that fails; or until it is killed. */
static pid_t start(bool forever)
{
	pid_t pid = fork();

	need("fork", pid < 0 ? -errno : 0);
	if (pid)
		return pid;
	for (int i = 0; forever || i < ROUNDS; i++)
		if (open_and_ask() && !forever)
			_exit(1);
	_exit(0);
}

void test_opens(void)
{
	pid_t pids[PROCESSES];
	int status, failed = 0, result = 0;

	fflush(stdout);
	for (int i = 0; i < PROCESSES; i++)
		pids[i] = start(false);
	for (int i = 0; i < PROCESSES; i++) {
		need("wait", waitpid(pids[i], &status, 0) < 0 ? -errno : 0);
		failed += !WIFEXITED(status) || WEXITSTATUS(status);
	}
	check_true("each process finds the device each time", failed == 0);
	for (int i = 0; i < PROCESSES; i++)
		pids[i] = start(true);
	for (int i = 0; i < BINDS && !result; i++) {
		result = unbind_device();
		if (!result)
			result = bind_device();
	}
	check("the device comes and goes beside them", result, 0);
	for (int i = 0; i < PROCESSES; i++) {
		kill(pids[i], SIGKILL);
		need("wait", waitpid(pids[i], &status, 0) < 0 ? -errno : 0);
	}
	check("it is there afterwards", open_and_ask(), 0);
}
