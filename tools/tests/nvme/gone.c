// SPDX-License-Identifier: MIT OR Apache-2.0
/* The disk is taken out while it is read: the device answers nothing, and accesses no memory. */
#define _GNU_SOURCE
#include "nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READERS 4
/* Two minutes: more than all of the driver's time limits. */
#define PATIENCE 12000

static const struct timespec step = { 0, 10000000 };

/* Reads until that fails, and returns 0 if it fails as it is to. */
static int read_on(void)
{
	int disk = open_disk();
	static char data[16 * BLOCK] __attribute__((aligned(BLOCK)));

	for (off_t at = 0;; at = (at + (off_t)sizeof(data)) % (64 << 20))
		if (pread(disk, data, sizeof(data), at) < 0)
			return errno == ENODEV ? 0 : 1;
}

static void write_to(const char *path, off_t at, const void *what, size_t bytes)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || pwrite(file, what, bytes, at) != (ssize_t)bytes) {
		say(false, "%s: %s", path, strerror(errno));
		exit(1);
	}
	close(file);
}

int gone(const char *device)
{
	static const char nothing[2];
	int disk = open_disk(), status, ended = 0, right = 0;
	uint64_t before = info(disk).commands;
	struct nvme_info now = { 0 };
	pid_t readers[READERS];
	char path[256];

	for (int i = 0; i < READERS; i++) {
		readers[i] = fork();
		if (readers[i] == 0)
			_exit(read_on());
	}
	do {
		nanosleep(&step, NULL);
		now = info(disk);
	} while (now.commands - before < 1000 || !now.in_flight);
	/* The command register: neither registers nor memory. What is read is all ones then. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", device);
	write_to(path, 4, nothing, sizeof(nothing));
	write_to("/sys/bus/pci/drivers/nvme_async/unbind", 0, device, strlen(device));
	for (int wait = 0; wait < PATIENCE && ended < READERS; wait++) {
		for (int i = 0; i < READERS; i++)
			if (readers[i] > 0 && waitpid(readers[i], &status, WNOHANG) == readers[i]) {
				readers[i] = 0;
				ended++;
				right += WIFEXITED(status) && WEXITSTATUS(status) == 0;
			}
		nanosleep(&step, NULL);
	}
	say(right == READERS, "%d readers of a disk that is gone end, %d with ENODEV", ended,
	    right);
	for (int i = 0; i < READERS; i++)
		if (readers[i] > 0)
			kill(readers[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	say(ioctl(disk, NVME_FLUSH) < 0 && errno == ENODEV,
	    "a file that is still open says so, too");
	return 0;
}
