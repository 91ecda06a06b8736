// SPDX-License-Identifier: MIT OR Apache-2.0
/* Tests of the disk that samples/rust/nvme_async drives, in the guest. */
#define _GNU_SOURCE
#include "nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "/dev/nvme_async0"

void say(bool ok, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf(ok ? "ok " : "not ok ");
	vprintf(format, arguments);
	putchar('\n');
	fflush(stdout);
	va_end(arguments);
}

int open_disk(void)
{
	int disk = open(FILE_NAME, O_RDWR | O_CLOEXEC);

	if (disk < 0) {
		say(false, "open %s: %s", FILE_NAME, strerror(errno));
		exit(1);
	}
	return disk;
}

struct nvme_info info(int disk)
{
	struct nvme_info info = { 0 };

	if (ioctl(disk, NVME_INFO, &info))
		say(false, "info: %s", strerror(errno));
	return info;
}

static int show(void)
{
	struct nvme_info i = info(open_disk());

	printf("bytes %" PRIu64 " block %" PRIu64 " queues %" PRIu64 " in_flight %" PRIu64, i.bytes,
	       i.block_size, i.queues, i.in_flight);
	printf(" commands %" PRIu64 " aborts %" PRIu64 " aborted %" PRIu64, i.commands, i.aborts,
	       i.aborted);
	printf(" resets %" PRIu64 " retries %" PRIu64 " events %" PRIu64 " missed %" PRIu64 "\n",
	       i.resets, i.retries, i.events, i.missed);
	return 0;
}

/* A file may be used for what it was opened for, as by read() and write(). */
static void modes(char *data)
{
	struct nvme_request request = { (uintptr_t)data, 0, BLOCK, 0 };
	struct nvme_batch batch = { (uintptr_t)&request, 1 };
	int reads = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
	int writes = open(FILE_NAME, O_WRONLY | O_CLOEXEC);
	uint32_t high = 400;

	say(reads >= 0 && writes >= 0, "opened for reading, and for writing");
	say(ioctl(reads, NVME_BATCH, &batch) == 1, "one for reading reads");
	say(ioctl(writes, NVME_BATCH, &batch) < 0 && errno == EBADF, "the other does not");
	request.write = 1;
	say(ioctl(reads, NVME_BATCH, &batch) < 0 && errno == EBADF,
	    "one for reading does not write");
	say(ioctl(writes, NVME_BATCH, &batch) == 1, "the other does");
	say(ioctl(reads, NVME_RESET) < 0 && errno == EBADF, "nor resets the controller");
	say(ioctl(reads, NVME_TEMPERATURE, &high) < 0 && errno == EBADF, "nor changes a threshold");
	say(ioctl(writes, NVME_TEMPERATURE, &high) == 0, "the other does");
	close(reads);
	close(writes);
}

/* What is refused, and with what. */
static int limits(void)
{
	int disk = open_disk();
	struct nvme_info i = info(disk);
	char *data = aligned_alloc(BLOCK, 2 * BLOCK);
	struct nvme_request request = { (uintptr_t)data, 0, BLOCK, 0 };
	struct nvme_batch batch = { (uintptr_t)&request, 1 };

	say(i.block_size == 512 && i.bytes >= 1 << 20 && i.queues >= 1, "the disk is there");
	say(pread(disk, data, 100, 0) < 0 && errno == EINVAL, "no part of a block");
	say(pread(disk, data, BLOCK, 100) < 0 && errno == EINVAL, "nor from the middle of one");
	say(pread(disk, data, 0, 0) == 0, "nothing is read at once");
	say(pread(disk, data, BLOCK, i.bytes) == 0, "nothing is behind the end");
	say(pread(disk, data, 2 * BLOCK, i.bytes - BLOCK) == BLOCK, "what is before it is read");
	say(pwrite(disk, data, BLOCK, i.bytes) < 0 && errno == ENOSPC, "nor is there room");
	say(pread(disk, (void *)16, BLOCK, 0) < 0 && errno == EFAULT, "no memory, no read");
	say(pwrite(disk, (void *)16, BLOCK, 0) < 0 && errno == EFAULT, "nor write");
	say(ioctl(disk, NVME_BATCH, &batch) == 1, "a batch of one");
	request.offset = i.bytes;
	say(ioctl(disk, NVME_BATCH, &batch) < 0 && errno == ENXIO, "none behind the end");
	request.offset = 0;
	request.address = 16;
	say(ioctl(disk, NVME_BATCH, &batch) < 0 && errno == EFAULT, "nor to nobody's memory");
	request.bytes = 1 << 30;
	say(ioctl(disk, NVME_BATCH, &batch) < 0 && errno == EINVAL, "nor too much");
	batch.count = BATCH + 1;
	say(ioctl(disk, NVME_BATCH, &batch) < 0 && errno == EINVAL, "nor too many");
	batch.count = 0;
	say(ioctl(disk, NVME_BATCH, &batch) == 0, "none at all");
	say(ioctl(disk, _IO('N', 0xff)) < 0 && errno == ENOTTY, "no other ioctl");
	modes(data);
	say(ioctl(disk, NVME_FLUSH) == 0, "flushed");
	say(info(disk).in_flight == 0, "nothing is in flight");
	return 0;
}

/* A command that is not for the disk's blocks waits for the controller as those do that are. */
static int resets(void)
{
	int disk = open_disk(), error = 0, rounds = 0, status;
	uint64_t before = info(disk).resets, after;
	uint32_t high = 400;
	pid_t child = fork();

	if (child == 0) {
		for (int i = 0; i < 20; i++)
			if (ioctl(disk, NVME_RESET))
				_exit(1);
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG)) {
		rounds++;
		if (ioctl(disk, NVME_TEMPERATURE, &high)) {
			error = errno;
			break;
		}
	}
	if (error)
		waitpid(child, &status, 0);
	after = info(disk).resets;
	say(WIFEXITED(status) && WEXITSTATUS(status) == 0 && after >= before + 20, "20 resets");
	say(!error && rounds, "a threshold is set all the while, %d times: %s", rounds,
	    strerror(error));
	return 0;
}

/* The device warns of its temperature, as often as it is asked to: a stream of events. */
static int events(void)
{
	int disk = open_disk();
	uint64_t before = info(disk).events, seen = 0;
	uint32_t low = 1, high = 400;
	struct timespec step = { 0, 10000000 };

	for (int round = 1; round <= 5; round++) {
		if (ioctl(disk, NVME_TEMPERATURE, &low))
			break;
		for (int wait = 0; wait < 12000; wait++) {
			if (info(disk).events - before >= (uint64_t)round)
				break;
			nanosleep(&step, NULL);
		}
		if (ioctl(disk, NVME_TEMPERATURE, &high))
			break;
		/* After a reset the device has to be asked for events again. */
		if (round == 3 && ioctl(disk, NVME_RESET))
			break;
		seen = info(disk).events - before;
	}
	say(seen == 5, "%" PRIu64 " of 5 events", seen);
	return 0;
}

/* As many events as the device tells of while it is given two thresholds in turn. */
static int warnings(void)
{
	int disk = open_disk();
	uint64_t before = info(disk).events, seen;
	uint32_t low = 1, high = 400;

	for (int round = 0; round < 100; round++) {
		if (ioctl(disk, NVME_TEMPERATURE, &low) || ioctl(disk, NVME_TEMPERATURE, &high)) {
			say(false, "threshold: %s", strerror(errno));
			return 1;
		}
	}
	seen = info(disk).events - before;
	say(seen >= 20, "%" PRIu64 " events of 100 warnings", seen);
	return 0;
}

/* A controller that does not come up again is given up. */
static int lost(void)
{
	int disk = open_disk();
	static char data[BLOCK];

	say(ioctl(disk, NVME_RESET) < 0 && errno == ENODEV, "a reset without memory ends it");
	say(pread(disk, data, BLOCK, 0) < 0 && errno == ENODEV, "it takes no more commands");
	return 0;
}

/*
 * A process is killed while a slow disk has its command. It ends before the command does, and the
 * device is asked to abort that. Whether the device still has it then is a race with the disk, of
 * some seconds: if it is lost, another process is killed.
 */
static int killed(void)
{
	int disk = open_disk(), round = 0;
	struct nvme_info before = info(disk), after = before;
	struct timespec step = { 0, 1000000 };
	bool ended_first = false;

	while (round++ < 20 && after.aborts == before.aborts) {
		pid_t child = fork();

		if (child == 0) {
			static char data[BLOCK];

			for (;;)
				if (pread(disk, data, sizeof(data), 0) < 0)
					_exit(1);
		}
		while (info(disk).in_flight == 0)
			nanosleep(&step, NULL);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		ended_first |= info(disk).in_flight > 0;
		/* The device is asked to abort it, or the command is over. */
		do {
			nanosleep(&step, NULL);
			after = info(disk);
		} while (after.aborts == before.aborts && after.in_flight > 0);
	}
	say(ended_first, "a process is gone before its command is over");
	say(ioctl(disk, NVME_FLUSH) == 0, "the disk goes on");
	after = info(disk);
	say(after.in_flight == 0 && after.aborts > before.aborts,
	    "%" PRIu64 " aborts, of which %" PRIu64 " came in time, in %d rounds",
	    after.aborts - before.aborts, after.aborted - before.aborted, round - 1);
	return 0;
}

/* A disk that fails some reads and writes says so to the one who asks, and to nobody else. */
static int failing(void)
{
	int disk = open_disk();
	static char data[BLOCK];

	for (int write = 0; write < 2; write++) {
		int failed = 0, right = 0, wrong = 0;

		for (int i = 0; i < 400; i++) {
			off_t at = (off_t)i * BLOCK;
			ssize_t n = write ? pwrite(disk, data, BLOCK, at) :
					    pread(disk, data, BLOCK, at);

			if (n == BLOCK)
				right++;
			else if (n < 0 && errno == EIO)
				failed++;
			else
				wrong++;
		}
		say(failed > 0 && right > 0 && wrong == 0, "%d %s fail, %d do not", failed,
		    write ? "writes" : "reads", right);
	}
	say(ioctl(disk, NVME_FLUSH) < 0 && errno == EIO, "a flush fails");
	say(info(disk).in_flight == 0 && info(disk).resets == 0,
	    "nothing is left, nothing was reset");
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "info"))
		return show();
	if (!strcmp(what, "limits"))
		return limits();
	if (!strcmp(what, "resets"))
		return resets();
	if (!strcmp(what, "events"))
		return events();
	if (!strcmp(what, "warnings"))
		return warnings();
	if (!strcmp(what, "lost"))
		return lost();
	if (!strcmp(what, "unanswered"))
		return unanswered();
	if (!strcmp(what, "killed"))
		return killed();
	if (!strcmp(what, "failing"))
		return failing();
	if (!strcmp(what, "allocations"))
		return allocations();
	if (!strcmp(what, "monitored"))
		return monitored();
	if (!strcmp(what, "gone") && argc == 3)
		return gone(argv[2]);
	if (!strcmp(what, "held") && argc == 3)
		return held(argv[2]);
	if (!strcmp(what, "stress"))
		return stress(argc - 2, argv + 2);
	fprintf(stderr,
		"usage: nvme info | limits | resets | events | warnings | killed | failing | allocations |\n"
		"       monitored | unanswered | lost | gone DEVICE | held DEVICE |\n"
		"       stress PROCESSES MIB [kill] [signal] [reset]\n");
	return 2;
}
