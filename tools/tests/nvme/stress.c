// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Several processes write and read, each its own part of the disk, and check each word that they
 * read. They are killed, interrupted by signals, and the controller is reset meanwhile.
 *
 * What was written and acknowledged has to be there, whole. Of a write that was cut short each
 * sector may or may not be there, once nothing of it is in flight.
 */
#define _GNU_SOURCE
#include "nvme.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 16
/* Blocks of a process: few, so that it meets its own writes again. */
#define BLOCKS 2048

struct shared {
	struct block blocks[PROCESSES][BLOCKS];
	uint64_t bytes, cut_short, stop;
};

static struct shared *shared;
static bool with_signals;

/* The words of a sector follow from where it is and from when it was written. */
void fill(void *data, uint64_t block, uint32_t generation)
{
	uint64_t *word = data;

	for (uint64_t sector = 0; sector < BLOCK / SECTOR; sector++) {
		uint64_t seed = (block * (BLOCK / SECTOR) + sector) * 0x9e3779b97f4a7c15u;

		*word++ = generation;
		for (uint64_t i = 1; i < SECTOR / 8; i++)
			*word++ = (seed ^ generation) + i * 0xbf58476d1ce4e5b9u;
	}
}

/* Whether each sector is one that the block may have. */
bool check(const void *data, uint64_t block, const struct block *expected)
{
	const uint32_t generations[] = { expected->there, expected->maybe, expected->anew };
	unsigned int right = 0;

	for (unsigned int i = 0; i < 3; i++) {
		char is[BLOCK];

		/* What was never written is zero. The others are none if they are 0. */
		if (generations[i])
			fill(is, block, generations[i]);
		else if (i == 0)
			memset(is, 0, BLOCK);
		else
			continue;
		for (int sector = 0; sector < BLOCK / SECTOR; sector++) {
			size_t at = sector * SECTOR;

			if (!memcmp((const char *)data + at, is + at, SECTOR))
				right |= 1u << sector;
		}
	}
	return right == (1u << BLOCK / SECTOR) - 1;
}

/* What is known of a block is right at each moment: the process may be killed between two. */
static void store(uint32_t *to, uint32_t generation)
{
	__atomic_store_n(to, generation, __ATOMIC_SEQ_CST);
}

static void nothing(int signal)
{
	(void)signal;
}

static void bad(int process, const char *what, uint64_t block)
{
	struct block *b = &shared->blocks[process][block % BLOCKS];

	say(false, "process %d, block %llu, generation %u or %u: %s (%s)", process,
	    (unsigned long long)block, b->there, b->maybe, what, strerror(errno));
	_exit(1);
}

/* Waits for what was cut short, looks what became of it, and writes it anew. */
static void settle(int disk, int process, uint32_t *generation)
{
	static char data[BLOCK] __attribute__((aligned(BLOCK)));

	while (ioctl(disk, NVME_FLUSH))
		if (errno != EINTR)
			bad(process, "flush", 0);
	for (uint64_t i = 0; i < BLOCKS; i++) {
		struct block *b = &shared->blocks[process][i];
		uint64_t block = (uint64_t)process * BLOCKS + i;
		ssize_t n;

		if (!b->maybe && !b->anew)
			continue;
		while ((n = pread(disk, data, BLOCK, (off_t)block * BLOCK)) < 0 && errno == EINTR)
			;
		if (n != BLOCK)
			bad(process, "read of what was cut short", block);
		if (!check(data, block, b))
			bad(process, "what was cut short is torn", block);
		/* The same if it was being written anew already, and was killed. */
		if (!b->anew)
			store(&b->anew, ++*generation);
		fill(data, block, b->anew);
		while ((n = pwrite(disk, data, BLOCK, (off_t)block * BLOCK)) < 0 && errno == EINTR)
			;
		if (n != BLOCK)
			bad(process, "write of what was cut short", block);
		store(&b->there, b->anew);
		store(&b->maybe, 0);
		store(&b->anew, 0);
	}
}

/* One operation on `count` blocks. Returns false if it was cut short. */
static bool operate(int disk, int process, unsigned int *seed, uint32_t *generation,
		    char *data)
{
	struct nvme_request requests[BATCH];
	struct nvme_batch batch = { (uintptr_t)requests, 0 };
	unsigned int kind = rand_r(seed) % 4, count = 1 + rand_r(seed) % BATCH;
	unsigned int first = rand_r(seed) % (BLOCKS - count), stride = 1;
	bool write = kind % 2;
	ssize_t done;

	/* Every third block and so on, by a batch; or one piece. */
	if (kind >= 2) {
		stride = 1 + rand_r(seed) % 16;
		first = rand_r(seed) % (BLOCKS - BATCH * 16);
	}
	if (write)
		++*generation;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t block = (uint64_t)process * BLOCKS + first + i * stride;

		requests[i] = (struct nvme_request){
			.address = (uintptr_t)data + i * BLOCK,
			.offset = block * BLOCK,
			.bytes = BLOCK,
			.write = write,
		};
		if (write) {
			fill(data + i * BLOCK, block, *generation);
			store(&shared->blocks[process][first + i * stride].maybe, *generation);
		}
	}
	batch.count = count;
	if (kind >= 2)
		done = ioctl(disk, NVME_BATCH, &batch);
	else if (write)
		done = pwrite(disk, data, count * BLOCK, (off_t)requests[0].offset);
	else
		done = pread(disk, data, count * BLOCK, (off_t)requests[0].offset);
	if (kind < 2 && done > 0)
		done /= BLOCK;
	if (done < 0 && errno != EINTR) {
		if (errno == ENODEV && __atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE))
			_exit(0);
		bad(process, write ? "write" : "read", requests[0].offset / BLOCK);
	}
	for (ssize_t i = 0; i < done; i++) {
		struct block *b = &shared->blocks[process][first + i * stride];

		if (write) {
			store(&b->there, *generation);
			store(&b->maybe, 0);
		} else if (!check(data + i * BLOCK, requests[i].offset / BLOCK, b)) {
			bad(process, "what was acknowledged is lost", requests[i].offset / BLOCK);
		}
	}
	if (done > 0)
		__atomic_fetch_add(&shared->bytes, done * BLOCK, __ATOMIC_RELAXED);
	return done == (ssize_t)count;
}

static void work(int process, unsigned int seed)
{
	char *data = aligned_alloc(BLOCK, BATCH * BLOCK);
	uint32_t generation = 0;
	int disk = open_disk();

	if (with_signals) {
		struct sigaction action = { .sa_handler = nothing };
		struct itimerval timer = { { 0, 7000 + 1000 * process }, { 0, 7000 } };

		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &timer, NULL);
	}
	for (int i = 0; i < BLOCKS; i++) {
		struct block *b = &shared->blocks[process][i];

		if (b->there > generation)
			generation = b->there;
		if (b->maybe > generation)
			generation = b->maybe;
		if (b->anew > generation)
			generation = b->anew;
	}
	settle(disk, process, &generation);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE))
		if (!operate(disk, process, &seed, &generation, data)) {
			__atomic_fetch_add(&shared->cut_short, 1, __ATOMIC_RELAXED);
			settle(disk, process, &generation);
		}
	_exit(0);
}

static pid_t start(int process, unsigned int seed)
{
	pid_t pid = fork();

	if (pid == 0)
		work(process, seed);
	return pid;
}

/* Reads all, with nobody at work. */
static bool all_is_there(int disk, int processes)
{
	static char data[BLOCK] __attribute__((aligned(BLOCK)));
	uint64_t last = (uint64_t)processes * BLOCKS;

	for (uint64_t block = 0; block < last; block++)
		if (pread(disk, data, BLOCK, (off_t)block * BLOCK) != BLOCK ||
		    !check(data, block, &shared->blocks[block / BLOCKS][block % BLOCKS])) {
			say(false, "block %llu at the end", (unsigned long long)block);
			return false;
		}
	return true;
}

int stress(int argc, char **argv)
{
	int processes = argc > 0 ? atoi(argv[0]) : 0, disk = open_disk(), failed = 0, status;
	uint64_t bytes = argc > 1 ? strtoull(argv[1], NULL, 0) << 20 : 0;
	unsigned int seed = 1, round = 0, kills = 0, resets = 0;
	bool with_kill = false, with_reset = false;
	struct timespec step = { 0, 20000000 };
	pid_t pids[PROCESSES];
	static char zero[16 * BLOCK];
	uint64_t resets_before = info(disk).resets;

	if (processes < 1 || processes > PROCESSES || !bytes)
		return 2;
	for (int i = 2; i < argc; i++) {
		with_kill |= !strcmp(argv[i], "kill");
		with_reset |= !strcmp(argv[i], "reset");
		with_signals |= !strcmp(argv[i], "signal");
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (uint64_t at = 0; at < (uint64_t)processes * BLOCKS * BLOCK; at += sizeof(zero))
		if (pwrite(disk, zero, sizeof(zero), (off_t)at) != sizeof(zero)) {
			say(false, "zeroes at %llu: %s", (unsigned long long)at,
			    strerror(errno));
			return 1;
		}
	for (int i = 0; i < processes; i++)
		pids[i] = start(i, ++seed);
	while (!failed && __atomic_load_n(&shared->bytes, __ATOMIC_RELAXED) < bytes) {
		nanosleep(&step, NULL);
		round++;
		if (with_kill && round % 5 == 0) {
			int i = rand_r(&seed) % processes;

			kill(pids[i], SIGKILL);
			waitpid(pids[i], &status, 0);
			failed |= WIFEXITED(status);
			pids[i] = start(i, ++seed);
			kills++;
		}
		if (with_reset && round % 25 == 0) {
			if (ioctl(disk, NVME_RESET)) {
				say(false, "reset: %s", strerror(errno));
				failed = 1;
			}
			resets++;
		}
		for (int i = 0; i < processes; i++)
			if (waitpid(pids[i], &status, WNOHANG) == pids[i]) {
				failed = 1;
				pids[i] = start(i, ++seed);
			}
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < processes; i++) {
		waitpid(pids[i], &status, 0);
		failed |= status;
	}
	if (ioctl(disk, NVME_FLUSH))
		say(false, "flush: %s", strerror(errno));
	say(!failed, "%llu MiB of %d processes, %llu operations cut short, %u killed, %u resets",
	    (unsigned long long)(shared->bytes >> 20), processes,
	    (unsigned long long)shared->cut_short, kills, resets);
	say(all_is_there(disk, processes), "nothing is lost, nothing torn");
	say(info(disk).in_flight == 0, "nothing is in flight");
	say(info(disk).resets - resets_before == resets, "no reset but those asked for");
	return failed;
}
