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

/* The last cgroup: two of its files. */
static char group_procs[80], group_current[80];

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
	snprintf(path, sizeof(path), "%s/memory.max", dir);
	need("make a cgroup", mkdir(dir, 0755) ? -errno : 0);
	need("limit it", write_file(path, limit));
	return group_procs;
}

/* Whether the cgroup is charged no more than @most bytes, soon. */
static bool is_taken_back(long long most)
{
	double start = seconds();

	while (read_number(group_current, "") > most) {
		if (seconds() - start > 30)
			return false;
		usleep(20000);
	}
	return true;
}

void check_charged(enum what what, long most, long long each)
{
	static const char *const groups[KINDS] = {
		"buffers", "touched", "tables", "vms", "queues", "timestamps", "jobs",
		"scenes",  "objects", "mappings", "dependencies", "flight",
	};
	const char *procs = make_group(groups[what], "max");
	pid_t pid = hog_start(what, most, procs);
	long long taken;
	char text[96];

	while (lives(pid) && !got->done)
		usleep(20000);
	taken = read_number(group_current, "") / 1024;
	printf("# %s: %ld, charged %lld KiB\n", names[what], got->things, taken);
	snprintf(text, sizeof(text), "%s: what they cost is charged", names[what]);
	check_true(text, got->things == most && taken >= most * each);
	kill_and_wait(pid);
	/* KASAN keeps some of what is freed for a while. */
	snprintf(text, sizeof(text), "%s: it is taken back", names[what]);
	check_true(text, is_taken_back(taken * 1024 / 3));
}
