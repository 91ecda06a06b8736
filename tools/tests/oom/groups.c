// SPDX-License-Identifier: MIT OR Apache-2.0
/* Memory cgroups. */
#define _GNU_SOURCE
#include "oom.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUPS "/run/cgroup"

/* The last cgroup: four of its files. */
static char group_procs[80], group_current[80], group_high[80], group_events[80];

void mount_groups(void)
{
	mkdir(CGROUPS, 0755);
	need("mount the cgroups", mount("none", CGROUPS, "cgroup2", 0, NULL) ? -errno : 0);
	need("have the memory controller",
	     write_file(CGROUPS "/cgroup.subtree_control", "+memory"));
}

const char *make_group(const char *name, const char *limit)
{
	char dir[64], path[80];

	snprintf(dir, sizeof(dir), CGROUPS "/%s", name);
	snprintf(group_procs, sizeof(group_procs), "%s/cgroup.procs", dir);
	snprintf(group_current, sizeof(group_current), "%s/memory.current", dir);
	snprintf(group_high, sizeof(group_high), "%s/memory.high", dir);
	snprintf(group_events, sizeof(group_events), "%s/memory.events", dir);
	snprintf(path, sizeof(path), "%s/memory.max", dir);
	need("make a cgroup", mkdir(dir, 0755) ? -errno : 0);
	need("limit it", write_file(path, limit));
	return group_procs;
}

long long times_limited(void)
{
	return read_number(group_events, "max ");
}

/*
 * What the cgroup is charged for, in KiB. Each processor has up to 64 pages charged in advance, for
 * later charges; a limit below what is charged has it give them back.
 */
static long long charged_kib(void)
{
	long long charged = read_number(group_current, "");
	char limit[32];

	snprintf(limit, sizeof(limit), "%lld", charged > 0 ? charged - 1 : 0);
	need("set a limit", write_file(group_high, limit));
	need("take it back", write_file(group_high, "max"));
	return read_number(group_current, "") / 1024;
}

/* What the cgroup is charged for when that is no more than @most, in KiB, or after a while. */
static long long charged_at_most(long long most)
{
	double start = seconds();
	long long charged;

	while ((charged = charged_kib()) > most && seconds() - start < 30)
		usleep(20000);
	return charged;
}

/* What kmemleak has of the machine's memory, in KiB: it has an object for each of the kernel's. */
static long long watched_kib(void)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	long long objects, size, kib = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "kmemleak_object %*d %lld %lld", &objects, &size) == 2)
			kib = objects * size / 1024;
	if (file)
		fclose(file);
	return kib;
}

/* KiB by which what the machine has less differs from one time to the next. */
#define SLACK_KIB 512
/* KiB that may stay charged: pages of files, and pages that objects of others are in. */
#define SLACK_CHARGED_KIB 512

void check_charged(const struct charged *kind)
{
	static const char *const groups[KINDS] = {
		"buffers", "touched", "tables", "vms", "queues", "timestamps", "jobs",
		"scenes",  "objects", "mappings", "dependencies", "flight",
	};
	const enum what what = kind->what;
	const long most = kind->most;
	const char *procs = make_group(groups[what], "max");
	long long available, watched, idle, charged, taken, left;
	char text[96];
	pid_t pid;

	need("be a kind that costs more than the slack",
	     most * kind->each > 2 * SLACK_KIB ? 0 : -EINVAL);
	/* The first such client fills caches of the kernel, and chunks of the driver's heaps. */
	warm_up(what, most, procs);
	write_file("/proc/sys/vm/drop_caches", "3");
	idle = charged_at_most(SLACK_CHARGED_KIB);
	watched = watched_kib();
	available = available_kib();
	pid = hog_start(what, most, procs);
	while (lives(pid) && !got->done)
		usleep(20000);
	taken = available - available_kib();
	watched = watched_kib() - watched;
	charged = charged_kib() - idle;
	printf("# %s: %ld take %lld KiB, %lld of them kmemleak's, %lld are charged\n", names[what],
	       got->things, taken, watched, charged);
	taken -= watched;
	snprintf(text, sizeof(text), "%s: there are as many as were asked for", names[what]);
	check_true(text, got->things == most);
	snprintf(text, sizeof(text), "%s: what they take is charged", names[what]);
	check_true(text, charged + SLACK_KIB >= taken * kind->percent / 100);
	snprintf(text, sizeof(text), "%s: and as much as they are known to cost", names[what]);
	check_true(text, charged >= most * kind->each);
	kill_and_wait(pid);
	left = charged_at_most(idle + SLACK_CHARGED_KIB) - idle;
	printf("# %s: idle %lld KiB; %lld KiB more are charged afterwards\n", names[what], idle,
	       left);
	snprintf(text, sizeof(text), "%s: it is taken back", names[what]);
	check_true(text, left <= SLACK_CHARGED_KIB);
}
