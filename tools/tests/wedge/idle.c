// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Clients that the scheduler hardly ever runs: SCHED_IDLE, on a processor with eight busy threads.
 * Their jobs in flight have to complete as early as those of normal clients there, and no other
 * client may wait for them.
 *
 * How late a fence is: the time at which it signalled, less the time at which the firmware was
 * through with the job.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUSY 8
#define CLIENTS 3
#define IN_FLIGHT 4
#define MAX_FENCES 8192
#define SECONDS 5
/* Clients of the two policies take turns: others may load the machine for a while. */
#define TURNS 4
/* A tick of the scheduler's, for each of the busy threads: what cannot be told from bad luck. */
#define SLACK_US 100000

struct fences {
	volatile bool stop;
	volatile int count;
	int32_t late_us[MAX_FENCES];
};

static void pin(pid_t pid, int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	need("choose a processor", sched_setaffinity(pid, sizeof(set), &set) ? -errno : 0);
}

static void run_client(void *arg)
{
	struct drm_asahi_gem_bind_object bind = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.range = PAGE,
	};
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = { 0 };
	struct fences *fences = arg;
	int files[IN_FLIGHT];
	struct context ctx;
	uint64_t *stamps;
	int64_t offset;

	context_init(&ctx);
	need("create a buffer", gem_create(ctx.fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bind.handle));
	stamps = gem_map(ctx.fd, bind.handle, PAGE);
	need("map a buffer", stamps ? 0 : -ENOMEM);
	need("bind it for timestamps", gpu_ioctl(ctx.fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	need("create a syncobj", syncobj_create(ctx.fd, &out.handle));
	offset = clock_offset_us(ctx.fd);

	for (int n = 0; !fences->stop || n % IN_FLIGHT; n++) {
		int i = n % IN_FLIGHT;

		if (n >= IN_FLIGHT) {
			int64_t late =
				signalled_us(files[i]) - offset - (int64_t)(stamps[i] / 1000);

			close(files[i]);
			if (fences->count < MAX_FENCES)
				fences->late_us[fences->count++] = late;
		}
		command.compute.ts.end = (struct drm_asahi_timestamp){ bind.object_handle, i * 8 };
		need("submit", submit(&ctx, &command, sizeof(command), &out, 0, 1));
		files[i] = syncobj_export_sync_file(ctx.fd, out.handle);
		need("export a sync file", files[i]);
	}
}

/* What was seen of clients of one policy. */
struct result {
	const char *name;
	int policy;
	int count;
	int32_t late_us[TURNS * CLIENTS * MAX_FENCES];
	/* The worst of each turn. */
	int turns;
	int32_t longest_us[TURNS];
	uint32_t bystander_us[TURNS];
};

static int compare(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

/*
 * Runs clients of the result's policy beside the busy processes, and adds how late their fences
 * are. Returns whether all of them have come to their end.
 */
static bool run(struct result *result, int seconds, struct bystander *b)
{
	struct fences *fences[CLIENTS];
	int32_t *longest = &result->longest_us[result->turns];
	bool all_end = true;
	pid_t pids[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fences[i] = mmap(NULL, sizeof(struct fences), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		need("map memory", fences[i] == MAP_FAILED ? -ENOMEM : 0);
		pids[i] = attacker_start(run_client, fences[i]);
	}
	/* It has begun, so that as much is there to be measured. */
	for (int i = 0; i < CLIENTS; i++) {
		while (!fences[i]->count)
			pause_ms(1);
		pin(pids[i], 0);
		policy(pids[i], result->policy);
	}
	bystander_longest_us(b);
	pause_ms(seconds * 1000);
	result->bystander_us[result->turns] = bystander_longest_us(b);
	/* Fences that are late by now count as they are. The clients need not end at this pace. */
	for (int i = 0; i < CLIENTS; i++) {
		fences[i]->stop = true;
		policy(pids[i], SCHED_OTHER);
		pin(pids[i], 1);
	}
	for (int i = 0; i < CLIENTS; i++) {
		all_end &= attacker_wait(pids[i], 300);
		for (int k = 0; k < fences[i]->count; k++) {
			int32_t late = fences[i]->late_us[k];

			result->late_us[result->count++] = late;
			*longest = late > *longest ? late : *longest;
		}
		munmap(fences[i], sizeof(struct fences));
	}
	result->turns++;
	return all_end;
}

static int32_t median(const struct result *result)
{
	return result->late_us[result->count / 2];
}

static void conclude(struct result *result)
{
	qsort(result->late_us, result->count, sizeof(result->late_us[0]), compare);
	printf("# %s: %d fences, late by %d us (median); at most, and the bystander's longest job:",
	       result->name, result->count, median(result));
	for (int i = 0; i < TURNS; i++)
		printf(" %d us, %u us%c", result->longest_us[i], result->bystander_us[i],
		       i + 1 < TURNS ? ';' : '\n');
}

void test_idle(void)
{
	static struct result normal = { .name = "normal", .policy = SCHED_OTHER };
	static struct result idle = { .name = "SCHED_IDLE", .policy = SCHED_IDLE };
	struct bystander b = bystander_start();
	bool all_end = true;
	pid_t busy[BUSY];
	int early = 0, unharmed = 0;

	pin(0, 1);
	pin(b.pid, 1);
	for (int i = 0; i < BUSY; i++) {
		busy[i] = attacker_start(be_busy, NULL);
		pin(busy[i], 0);
	}
	for (int i = 0; i < TURNS; i++) {
		all_end &= run(&normal, SECONDS * scale, &b);
		all_end &= run(&idle, 2 * SECONDS * scale, &b);
	}
	for (int i = 0; i < BUSY; i++)
		attacker_kill(busy[i]);
	check_true("all clients end", all_end);

	check_true("there was something to measure", normal.count > 100 && idle.count > 10);
	if (!normal.count || !idle.count)
		return;
	conclude(&normal);
	conclude(&idle);
	check_true("their fences are as early as those of normal clients, in the middle",
		   median(&idle) <= 2 * median(&normal));
	for (int i = 0; i < TURNS; i++) {
		early += idle.longest_us[i] <= 2 * normal.longest_us[i] + SLACK_US;
		/* The longest of twice as many jobs, on a machine that may be busy. */
		unharmed += idle.bystander_us[i] <= 2 * normal.bystander_us[i] + 10 * SLACK_US;
	}
	/* The machine may stand still in one turn. What the policy does it does in each. */
	check_true("and at worst", early >= TURNS - 1);
	check_true("no other client waits for them", unharmed >= TURNS - 1);
	bystander_stop(&b);
}
