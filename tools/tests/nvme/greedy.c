// SPDX-License-Identifier: MIT OR Apache-2.0
/* A process that has the driver wait for its memory, and what is left for others. */
#define _GNU_SOURCE
#include "nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What one system call has with the device at most: 64 buffers of 64 KiB. */
#define MOST (64 * (64 << 10))
/* How long a read may take that waits for nobody, in seconds. The other takes some times that. */
#define LIMIT 60

static void give_up(const char *what)
{
	say(false, "%s: %s", what, strerror(errno));
	exit(1);
}

/* Opens the disk of which QEMU says that its serial number is "slow". */
static int open_slow(void)
{
	char serial[21], path[64];
	int disk = -1;
	glob_t names;

	if (glob("/sys/block/vd*/serial", 0, NULL, &names))
		give_up("no disks");
	for (size_t i = 0; i < names.gl_pathc && disk < 0; i++) {
		FILE *file = fopen(names.gl_pathv[i], "re");

		if (!file)
			give_up(names.gl_pathv[i]);
		if (fgets(serial, sizeof(serial), file) && !strcmp(serial, "slow") &&
		    sscanf(names.gl_pathv[i], "/sys/block/%20[^/]", serial) == 1) {
			snprintf(path, sizeof(path), "/dev/%s", serial);
			disk = open(path, O_RDONLY | O_CLOEXEC);
		}
		fclose(file);
	}
	globfree(&names);
	if (disk < 0)
		give_up("the slow disk");
	return disk;
}

/* Whether a process waits within pwrite(): it may have waited for pages of its program before. */
static bool waits_in_write(pid_t process)
{
	char path[32], at = 0;
	int call = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", process);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%*d (%*[^)]) %c", &at) != 1)
		give_up(path);
	fclose(file);
	/* "running" if it does not wait. */
	snprintf(path, sizeof(path), "/proc/%d/syscall", process);
	file = fopen(path, "re");
	if (!file)
		give_up(path);
	if (fscanf(file, "%d", &call) != 1)
		call = -1;
	fclose(file);
	return at == 'D' && call == SYS_pwrite64;
}

static void alarmed(int signal)
{
	(void)signal;
}

/*
 * A process writes as much as it may, from memory that is on a slow disk: the driver has buffers
 * for it, and waits for page after page. Another one reads by the same queue meanwhile.
 */
int greedy(void)
{
	struct sigaction action = { .sa_handler = alarmed };
	struct timespec step = { 0, 1000000 };
	static char data[BLOCK];
	int disk = open_disk(), slow = open_slow(), ends[2];
	pid_t child;
	cpu_set_t set;
	ssize_t n;
	char byte;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sigaction(SIGALRM, &action, NULL) ||
	    pipe2(ends, O_CLOEXEC))
		give_up("before");
	child = fork();
	if (child < 0)
		give_up("fork");
	if (child == 0) {
		void *memory = mmap(NULL, MOST, PROT_READ, MAP_PRIVATE, slow, 0);

		if (memory == MAP_FAILED || write(ends[1], "", 1) != 1)
			_exit(1);
		_exit(pwrite(disk, memory, MOST, 0) != MOST);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		give_up("the other does not begin");
	while (!waits_in_write(child) && waitpid(child, NULL, WNOHANG) == 0)
		nanosleep(&step, NULL);
	alarm(LIMIT);
	n = pread(disk, data, BLOCK, 0);
	alarm(0);
	say(n == BLOCK, "a block is read meanwhile: %s", n < 0 ? strerror(errno) : "so it is");
	say(waitpid(child, NULL, WNOHANG) == 0, "the other still waits for its memory");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	say(ioctl(disk, NVME_FLUSH) == 0 && pread(disk, data, BLOCK, 0) == BLOCK,
	    "the disk goes on");
	return 0;
}
