// SPDX-License-Identifier: MIT OR Apache-2.0
/* Checks of a machine with such a client, while it runs and afterwards. */
#define _GNU_SOURCE
#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLEEPER_BYTES (32 * MIB)
/* KiB that may be missing afterwards: caches of the kernel. */
#define SLACK_KIB (24 * 1024)

static pid_t sleeper;
static struct context other;

long long read_number(const char *path, const char *key)
{
	char line[256], format[64];
	long long value = -1;
	FILE *file = fopen(path, "r");

	snprintf(format, sizeof(format), "%s%%lld", key);
	while (file && value < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &value) != 1)
			value = -1;
	if (file)
		fclose(file);
	return value;
}

/* Free pages that a processor has on its lists are free, though they do not count as such. */
static long long listed_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long long pages = 0, count;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %lld", &count) == 1)
			pages += count;
	if (file)
		fclose(file);
	return pages;
}

long long available_kib(void)
{
	return read_number("/proc/meminfo", "MemAvailable: ") +
	       listed_pages() * sysconf(_SC_PAGESIZE) / 1024;
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

bool lives(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

void kill_and_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A process that has some memory, uses it now and then, and nothing else. */
static pid_t sleeper_start(void)
{
	pid_t pid;

	got->done = false;
	fflush(stdout);
	pid = fork();
	need("start a process", pid < 0 ? -errno : 0);
	if (!pid) {
		char *memory = malloc(SLEEPER_BYTES);
		bool ready = false;

		while (memory) {
			for (size_t i = 0; i < SLEEPER_BYTES; i += 4096)
				memory[i]++;
			/* Nothing else writes there before the first client. */
			if (!ready)
				ready = got->done = true;
			usleep(100000);
		}
		_exit(1);
	}
	while (!got->done && lives(pid))
		usleep(1000);
	return pid;
}

static int run_job(struct context *ctx)
{
	uint32_t sync;
	int ret;

	need("create a syncobj", syncobj_create(ctx->fd, &sync));
	ret = submit_one(ctx, sync);
	if (!ret)
		ret = syncobj_wait(ctx->fd, sync, 60);
	syncobj_destroy(ctx->fd, sync);
	return ret;
}

void bystanders_start(void)
{
	context_init(&other);
	need("a job", run_job(&other));
	need("another job", run_job(&other));
	sleeper = sleeper_start();
	write_file("/proc/self/oom_score_adj", "-1000");
}

void bystanders_stop(void)
{
	kill_and_wait(sleeper);
	context_fini(&other);
}

/* Prints where the memory is that is not available. */
static void show_memory(void)
{
	fflush(stdout);
	if (system("sed 's/^/# /' /proc/meminfo; sort -rnk 3 /proc/slabinfo |"
		   "awk '$3 * $4 > 1048576 { print \"# \" $1, $3 * $4 / 1024 \" KiB\" }'"))
		printf("# and nothing is known of it\n");
}

/*
 * Memory that is not given back is noticed if it is more than the slack. So a client that takes no
 * more shows nothing.
 */
static void check_taken(enum what what, long long taken)
{
	char text[128];

	snprintf(text, sizeof(text), "%s: what they take, %lld KiB, is more than may be missing",
		 names[what], taken);
	check_true(text, taken > SLACK_KIB);
}

/* Whether there is as much memory as @before again, in KiB, within @limit seconds. */
static bool is_back(enum what what, long long before, double limit)
{
	double start = seconds(), now;
	long long left;

	do {
		left = available_kib();
		now = seconds() - start;
		if (left + SLACK_KIB >= before) {
			printf("# %s: back in %.2f s\n", names[what], now);
			return true;
		}
		usleep(5000);
	} while (now < limit);
	printf("# %s: %lld of %lld KiB after %.2f s\n", names[what], left, before, now);
	show_memory();
	return false;
}

void warm_up(enum what what, long most, const char *group)
{
	long long before = available_kib();
	pid_t pid = hog_start(what, most, group);
	double start;

	while (lives(pid) && !got->done)
		usleep(20000);
	kill_and_wait(pid);
	/* Memory that is still being freed counts neither as available nor as missing. */
	start = seconds();
	while (available_kib() + SLACK_KIB < before && seconds() - start < 10)
		usleep(20000);
}

void check_hog(enum what what, long most, const char *group)
{
	long long before, least, limited = group ? times_limited() : 0;
	char text[128];
	double start, took;
	bool alive;
	pid_t pid;
	int error;

	write_file("/proc/sys/vm/drop_caches", "3");
	least = before = available_kib();
	start = seconds();
	pid = hog_start(what, most, group);
	while ((alive = lives(pid)) && !got->done) {
		long long now = available_kib();

		least = now < least ? now : least;
		usleep(20000);
	}
	if (alive && available_kib() < least)
		least = available_kib();
	took = seconds() - start;
	error = got->error;
	printf("# %s: %ld, then %s; at least %lld of %lld KiB were left\n", names[what],
	       got->things, !alive ? "killed" : error ? strerror(-error) : "enough", least, before);
	snprintf(text, sizeof(text), "%s: enough, or refused for lack of memory, or killed",
		 names[what]);
	check_true(text, got->things > 0 && (!alive || got->things == most || error == -ENOMEM));
	check_taken(what, before - least);
	if (group) {
		snprintf(text, sizeof(text), "%s: the cgroup's limit ended it", names[what]);
		check_true(text, times_limited() > limited);
	}
	snprintf(text, sizeof(text), "%s: another client's job meanwhile", names[what]);
	check(text, run_job(&other), 0);
	if (alive)
		kill_and_wait(pid);
	printf("# %s: taken in %.2f s\n", names[what], took);
	snprintf(text, sizeof(text), "%s: all memory is back", names[what]);
	/* Where all takes its time: within twice as much as it took to take it. */
	check_true(text, is_back(what, before, took > 0.5 ? 2 * took : 1));
	snprintf(text, sizeof(text), "%s: the sleeper lives", names[what]);
	check_true(text, lives(sleeper));
	snprintf(text, sizeof(text), "%s: another client's job afterwards", names[what]);
	check(text, run_job(&other), 0);
}

/* Hints that do nothing, for a plugin of QEMU's that counts instructions (tools/bench/plugin.h). */
static void count_begin(void)
{
	asm volatile("hint #0x60" ::: "memory");
}

static void count_end(void)
{
	asm volatile("hint #0x61" ::: "memory");
}

/* The time in which memory has to come back. The count of instructions limits the work. */
#define COST_SECONDS 30

void check_cost(enum what what, long most)
{
	long long before;
	char text[128];
	bool back;
	pid_t pid;

	warm_up(what, most, NULL);
	write_file("/proc/sys/vm/drop_caches", "3");
	before = available_kib();
	pid = hog_start(what, most, NULL);
	while (lives(pid) && !got->done)
		usleep(20000);
	check_taken(what, before - available_kib());
	printf("# cost of %s: %ld\n", names[what], got->things);
	fflush(stdout);
	count_begin();
	kill_and_wait(pid);
	back = is_back(what, before, COST_SECONDS);
	count_end();
	snprintf(text, sizeof(text), "%s: all memory is back", names[what]);
	check_true(text, back);
}

/* Returns the memory that the driver has counted, in KiB. */
static long long counted_kib(void)
{
	return read_number("/sys/kernel/debug/dri/128/memory", "pinned: ");
}

/* Waits until the driver has no more than @before. What a client had goes when its queues do. */
static bool is_uncounted(long long before)
{
	double start = seconds();

	while (counted_kib() > before && seconds() - start < 30)
		usleep(10000);
	return counted_kib() <= before;
}

void check_counted(enum what what, long most)
{
	long long available, counted, taken;
	/* A chunk or two of the heaps stay for the next one. */
	long long before = counted_kib() + 4096;
	char text[128];
	pid_t pid;

	/* The first such client fills caches of the kernel, which stay filled. */
	warm_up(what, most, NULL);
	snprintf(text, sizeof(text), "%s: what is gone is not counted", names[what]);
	check_true(text, is_uncounted(before));
	write_file("/proc/sys/vm/drop_caches", "3");
	available = available_kib();
	counted = counted_kib();
	pid = hog_start(what, most, NULL);
	while (lives(pid) && !got->done)
		usleep(20000);
	taken = available - available_kib();
	counted = counted_kib() - counted;
	printf("# %s: %ld take %lld KiB, %lld are counted\n", names[what], got->things, taken,
	       counted);
	snprintf(text, sizeof(text), "%s: there are as many as were asked for", names[what]);
	check_true(text, got->things == most);
	snprintf(text, sizeof(text), "%s: what they take is counted", names[what]);
	/* The client itself takes some, and tables of processes. */
	check_true(text, taken > 1024 && counted + 2048 >= taken);
	snprintf(text, sizeof(text), "%s: not much more is counted", names[what]);
	check_true(text, counted <= 2 * taken + 4096);
	kill_and_wait(pid);
	need("be without it again", is_uncounted(before) ? 0 : -ETIME);
}
