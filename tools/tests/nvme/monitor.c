// SPDX-License-Identifier: MIT OR Apache-2.0
/* Faults of the disk that QEMU's monitor brings about ("vm exec --qmp"). */
#define _GNU_SOURCE
#include "nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The monitor: commands go to it, and answers come from it, a line each. */
static int commands = -1;
static FILE *answers;

static void give_up(const char *what)
{
	say(false, "%s: %s", what, strerror(errno));
	exit(1);
}

/* Sends a command, and waits for its answer. Events of the machine may come before. */
static void command(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void command(const char *format, ...)
{
	char line[4096];
	va_list arguments;

	va_start(arguments, format);
	if (vdprintf(commands, format, arguments) < 0 || dprintf(commands, "\n") < 0)
		give_up("the monitor takes no command");
	va_end(arguments);
	while (fgets(line, sizeof(line), answers)) {
		if (!strncmp(line, "{\"return\"", 9))
			return;
		if (!strncmp(line, "{\"error\"", 8)) {
			say(false, "the monitor refuses: %s", line);
			exit(1);
		}
	}
	give_up("the monitor does not answer");
}

/* Finds the port that the monitor is at. */
static void find_monitor(void)
{
	glob_t names;
	char name[16], path[64];

	if (glob("/sys/class/virtio-ports/*/name", 0, NULL, &names))
		give_up("no serial ports");
	for (size_t i = 0; i < names.gl_pathc && commands < 0; i++) {
		FILE *file = fopen(names.gl_pathv[i], "re");

		if (!file || !fgets(name, sizeof(name), file))
			give_up(names.gl_pathv[i]);
		fclose(file);
		if (strcmp(name, "qmp\n"))
			continue;
		if (sscanf(names.gl_pathv[i], "/sys/class/virtio-ports/%15[^/]", name) != 1)
			give_up(names.gl_pathv[i]);
		snprintf(path, sizeof(path), "/dev/%s", name);
		commands = open(path, O_RDWR | O_CLOEXEC);
		if (commands < 0)
			give_up(path);
	}
	globfree(&names);
	if (commands < 0)
		give_up("no port is called qmp");
	answers = fdopen(dup(commands), "r");
	if (!answers)
		give_up("the monitor's answers");
	command("{\"execute\": \"qmp_capabilities\"}");
}

/* The device's health gets worse, and better, and worse: a stream of events. */
static void warned(int disk)
{
	uint64_t before = info(disk).events, seen = 0;
	struct timespec step = { 0, 10000000 };
	/* The spare, the temperature, the reliability, writing, the backup of its memory. */
	static const unsigned int warnings[] = { 1, 2, 4, 8, 16 };
	unsigned int count = sizeof(warnings) / sizeof(*warnings);

	for (unsigned int i = 0; i < count; i++) {
		const char *set = "{\"execute\": \"qom-set\", \"arguments\": {\"path\": "
				  "\"/machine/peripheral/nvme0\", \"property\": "
				  "\"smart_critical_warning\", \"value\": %u}}";

		command(set, warnings[i]);
		for (int wait = 0; wait < 12000; wait++) {
			if (info(disk).events - before > i)
				break;
			nanosleep(&step, NULL);
		}
		command(set, 0);
		/* After a reset the device has to be asked for events again. */
		if (i == 2 && ioctl(disk, NVME_RESET))
			give_up("reset");
		seen = info(disk).events - before;
	}
	say(seen == count, "%" PRIu64 " of %u warnings", seen, count);
}

static void throttle(unsigned int bytes_a_second)
{
	command("{\"execute\": \"block_set_io_throttle\", \"arguments\": {\"id\": \"nvme0\", "
		"\"bps\": %u, \"bps_rd\": 0, \"bps_wr\": 0, "
		"\"iops\": 0, \"iops_rd\": 0, \"iops_wr\": 0}}",
		bytes_a_second);
}

/* Starts a process that reads by the queue of @cpu. */
static pid_t start_reads(int disk, int cpu)
{
	static char data[BLOCK];
	pid_t child = fork();
	cpu_set_t set;

	if (child < 0)
		give_up("fork");
	if (child)
		return child;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		_exit(1);
	for (int i = 0; i < 3; i++)
		if (pread(disk, data, BLOCK, (off_t)(3 * cpu + i) * BLOCK) != BLOCK)
			_exit(errno);
	_exit(0);
}

/*
 * Reads of two queues hang for longer than the driver waits: it resets the controller, once for
 * both, and reads again. The disk is fast again then. It comes to no harm by what happened.
 */
static void hangs(int disk)
{
	int status;
	static char data[BLOCK];
	struct timespec step = { 0, 100000000 };
	struct nvme_info before = info(disk), after;
	pid_t children[2];
	bool again = true;

	/* 80 s for each read but the first: a few are in the disk when it is reset. */
	throttle(BLOCK / 80);
	for (int cpu = 0; cpu < 2; cpu++)
		children[cpu] = start_reads(disk, cpu);
	for (int wait = 0; wait < 3000; wait++) {
		after = info(disk);
		if (after.resets > before.resets)
			break;
		nanosleep(&step, NULL);
	}
	say(after.resets > before.resets, "a disk that hangs is reset");
	throttle(0);
	for (int cpu = 0; cpu < 2; cpu++) {
		if (waitpid(children[cpu], &status, 0) != children[cpu])
			give_up("wait");
		again &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	say(again, "what it had was read again");
	say(ioctl(disk, NVME_FLUSH) == 0 && pread(disk, data, BLOCK, 0) == BLOCK,
	    "the disk goes on");
	after = info(disk);
	say(after.resets == before.resets + 1, "%" PRIu64 " resets for what hung in two queues",
	    after.resets - before.resets);
	say(after.in_flight == 0, "nothing is in flight after %" PRIu64 " retries",
	    after.retries - before.retries);
}

/*
 * Reads of two queues are never answered. The controller is reset a few times, and those who read
 * are told; the disk comes to no harm, and others go on.
 */
int unanswered(void)
{
	static char data[BLOCK];
	int disk = open_disk(), status;
	struct nvme_info before, after;
	pid_t children[2];
	bool told = true;

	find_monitor();
	before = info(disk);
	/* Longer than all of it takes, for each read but the first. */
	throttle(1);
	for (int cpu = 0; cpu < 2; cpu++)
		children[cpu] = start_reads(disk, cpu);
	for (int cpu = 0; cpu < 2; cpu++) {
		if (waitpid(children[cpu], &status, 0) != children[cpu])
			give_up("wait");
		told &= WIFEXITED(status) && WEXITSTATUS(status) == EIO;
	}
	say(told, "those who read are told");
	after = info(disk);
	say(after.resets >= before.resets + 5, "%" PRIu64 " resets before",
	    after.resets - before.resets);
	throttle(0);
	say(ioctl(disk, NVME_FLUSH) == 0 && pread(disk, data, BLOCK, 0) == BLOCK,
	    "the disk goes on");
	say(info(disk).in_flight == 0, "nothing is in flight after %" PRIu64 " retries",
	    after.retries - before.retries);
	return 0;
}

int monitored(void)
{
	int disk = open_disk();

	find_monitor();
	warned(disk);
	hangs(disk);
	return 0;
}
