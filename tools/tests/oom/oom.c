// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Clients that take memory until they get no more, or are killed, beside a process that sleeps and
 * has nothing to do with it.
 *
 * usage: oom machine          clients that take all that there is of a small machine
 *        oom cgroup MIB       the same in a memory cgroup of MIB MiB, which is what they may have
 *        oom charged          what a client has the kernel allocate is charged to its cgroup
 *
 * Afterwards all memory is back within a second, and the GPU works. Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CGROUPS "/run/cgroup"
#define MIB (1024 * 1024ull)
#define SLEEPER_BYTES (32 * MIB)
/* What may be missing afterwards, in KiB: caches of the kernel's, of which there are some. */
#define SLACK_KIB (24 * 1024)

enum what { BUFFERS, TOUCHED, QUEUES, JOBS, KINDS };

static const char *const names[KINDS] = {
	[BUFFERS] = "buffers that are bound",
	[TOUCHED] = "buffers that are written to",
	[QUEUES] = "queues",
	[JOBS] = "jobs that wait",
};

/* What a client has got. */
struct got {
	volatile long things;
	volatile int error;
	volatile bool done;
};

static struct got *got;

/* The cgroup, and two of its files. */
static char group_dir[64], group_procs[80], group_current[80];

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 ? -errno : 0;

	if (!ret && write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* The number behind @key in a file, or -1. */
static long long read_number(const char *path, const char *key)
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

static long long available_kib(void)
{
	return read_number("/proc/meminfo", "MemAvailable: ");
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static int take_buffer(struct context *ctx, bool bind, uint64_t at)
{
	const uint64_t size = MIB;
	uint32_t bo;
	int ret = gem_create(ctx->fd, size, 0, 0, &bo);

	if (ret)
		return ret;
	if (bind)
		return vm_bind(ctx->fd, ctx->vm, bo, USER_VA + (1ull << 30) + at * size, size);
	char *map = gem_map(ctx->fd, bo, size);

	if (!map)
		return -ENOMEM;
	/* The one that cannot be had is the kernel's reason to send SIGBUS. */
	memset(map, 1, size);
	munmap(map, size);
	return 0;
}

/* Takes one more thing. At the limit of a file it takes another file. */
static int take(enum what what, struct context *ctx, uint32_t in, long n)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync sync = { .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = in };
	uint32_t queue;
	int ret;

	switch (what) {
	case BUFFERS:
	case TOUCHED:
		return take_buffer(ctx, what == BUFFERS, n);
	case QUEUES:
		ret = queue_create(ctx->fd, ctx->vm, &queue);
		if (ret == -ENOSPC) {
			context_init(ctx);
			ret = 0;
		}
		return ret;
	case JOBS:
		/* A queue has room for so many. */
		if (n % 200 == 199) {
			ret = queue_create(ctx->fd, ctx->vm, &ctx->queue);
			if (ret)
				return ret;
		}
		return submit(ctx, &command, sizeof(command), &sync, 1, 0);
	default:
		return -EINVAL;
	}
}

/* A client that takes up to @most things, and keeps them until it is killed. */
static void hog(enum what what, long most)
{
	struct context ctx;
	uint32_t in = 0;
	int ret = 0;

	signal(SIGBUS, SIG_DFL);
	if (!freopen("/dev/null", "w", stdout))
		_exit(1);
	write_file("/proc/self/oom_score_adj", "500");
	context_init(&ctx);
	if (what == JOBS) {
		int timeline = sw_sync_create(), file = sw_sync_fence(timeline, 1);

		need("create a syncobj", syncobj_create(ctx.fd, &in));
		need("import it", syncobj_import_sync_file(ctx.fd, in, file));
	}
	for (long n = 0; n < most && !ret; n++) {
		ret = take(what, &ctx, in, n);
		if (!ret)
			got->things++;
	}
	got->error = ret;
	got->done = true;
	for (;;)
		pause();
}

static pid_t hog_start(enum what what, long most, const char *group)
{
	pid_t pid;

	memset(got, 0, sizeof(*got));
	/* What is not written yet would be written twice. */
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (group && write_file(group, "0"))
			_exit(1);
		hog(what, most);
	}
	return pid;
}

/* A process that has some memory, uses it now and then, and nothing else. */
static pid_t sleeper_start(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();

	if (!pid) {
		char *memory = malloc(SLEEPER_BYTES);

		while (memory) {
			for (size_t i = 0; i < SLEEPER_BYTES; i += 4096)
				memory[i]++;
			usleep(100000);
		}
		_exit(1);
	}
	return pid;
}

static bool lives(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

/* How long a job takes, with a client of its own: longer on a machine that is busy. */
static double job_seconds;

/*
 * Whether there is as much memory as before again, within a second. Where jobs take long, so may
 * the firmware's part in the end of a client.
 */
static bool is_back(long long before)
{
	double start = seconds(), limit = job_seconds > 0.1 ? 10 * job_seconds : 1;
	long long now;

	do {
		now = available_kib();
		if (now + SLACK_KIB >= before)
			return true;
		usleep(20000);
	} while (seconds() - start < limit);
	printf("# %lld of %lld KiB after %.1f s\n", now, before, limit);
	return false;
}

static int run_job(void)
{
	double start = seconds();
	struct context ctx;
	uint32_t sync;
	int ret;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	ret = submit_one(&ctx, sync);
	if (!ret)
		ret = syncobj_wait(ctx.fd, sync, 60);
	context_fini(&ctx);
	job_seconds = seconds() - start;
	return ret;
}

/* What the first such client leaves in the caches of the kernel, and of KASAN, stays there. */
static void warm_up(enum what what, const char *group)
{
	pid_t pid = hog_start(what, 1l << 20, group);

	need("start a client", pid < 0 ? -errno : 0);
	while (lives(pid) && !got->done)
		usleep(20000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	sleep(1);
}

static void check_hog(enum what what, long most, const char *group, pid_t sleeper)
{
	long long before, least;
	char text[128];
	bool alive;
	pid_t pid;
	int error;

	write_file("/proc/sys/vm/drop_caches", "3");
	least = before = available_kib();
	pid = hog_start(what, most, group);
	need("start a client", pid < 0 ? -errno : 0);
	while ((alive = lives(pid)) && !got->done) {
		long long now = available_kib();

		least = now < least ? now : least;
		usleep(20000);
	}
	error = got->error;
	printf("# %s: %ld, then %s; at least %lld of %lld KiB were left\n", names[what],
	       got->things, !alive ? "killed" : error ? strerror(-error) : "enough", least, before);
	snprintf(text, sizeof(text), "%s: refused for lack of memory or room, or killed",
		 names[what]);
	check_true(text, got->things > 0 && (!alive || error == -ENOMEM || error == -ENOSPC));
	if (alive) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	snprintf(text, sizeof(text), "%s: all memory is back within a second", names[what]);
	check_true(text, is_back(before));
	snprintf(text, sizeof(text), "%s: who sleeps lives", names[what]);
	check_true(text, lives(sleeper));
	snprintf(text, sizeof(text), "%s: another client's job", names[what]);
	check(text, run_job(), 0);
}

static void mount_groups(void)
{
	mkdir(CGROUPS, 0755);
	need("mount the cgroups", mount("none", CGROUPS, "cgroup2", 0, NULL) ? -errno : 0);
	need("have the memory controller",
	     write_file(CGROUPS "/cgroup.subtree_control", "+memory"));
}

static void make_group(const char *name, const char *limit)
{
	char path[80];

	snprintf(group_dir, sizeof(group_dir), CGROUPS "/%s", name);
	snprintf(group_procs, sizeof(group_procs), "%s/cgroup.procs", group_dir);
	snprintf(group_current, sizeof(group_current), "%s/memory.current", group_dir);
	snprintf(path, sizeof(path), "%s/memory.max", group_dir);
	need("make a cgroup", mkdir(group_dir, 0755) ? -errno : 0);
	need("limit it", write_file(path, limit));
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

/* Whether a cgroup is charged at least @each KiB for each of @most things. */
static void check_charged(enum what what, long most, long long each)
{
	static const char *const groups[KINDS] = { "buffers", "touched", "queues", "jobs" };
	long long taken;
	char text[96];
	pid_t pid;

	make_group(groups[what], "max");
	pid = hog_start(what, most, group_procs);
	need("start a client", pid < 0 ? -errno : 0);
	while (lives(pid) && !got->done)
		usleep(20000);
	taken = read_number(group_current, "") / 1024;
	printf("# %s: %ld, charged %lld KiB\n", names[what], got->things, taken);
	snprintf(text, sizeof(text), "%s: what they cost is charged", names[what]);
	check_true(text, got->things == most && taken >= most * each);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* KASAN keeps some of what is freed for a while. */
	snprintf(text, sizeof(text), "%s: it is taken back", names[what]);
	check_true(text, is_taken_back(taken * 1024 / 3));
}

int main(int argc, char **argv)
{
	const char *group = NULL, *kind = argc > 1 ? argv[1] : "";
	pid_t sleeper;

	got = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need("have memory", got == MAP_FAILED ? -errno : 0);
	if (!strcmp(kind, "cgroup") && argc == 3) {
		char limit[32];

		snprintf(limit, sizeof(limit), "%llu", atoi(argv[2]) * MIB);
		mount_groups();
		make_group("hog", limit);
		group = group_procs;
	} else if (!strcmp(kind, "charged")) {
		mount_groups();
		/*
		 * Their pages; ring, context and task of a queue; job, fence and memory of a job.
		 */
		check_charged(BUFFERS, 64, 1024);
		check_charged(QUEUES, 90, 20);
		check_charged(JOBS, 1000, 20);
		return finish();
	} else if (strcmp(kind, "machine")) {
		fprintf(stderr, "usage: oom machine | cgroup MIB | charged\n");
		return 2;
	}
	need("a job", run_job());
	need("another job", run_job());
	sleeper = sleeper_start();
	need("start a process", sleeper < 0 ? -errno : 0);
	write_file("/proc/self/oom_score_adj", "-1000");
	for (enum what what = 0; what < KINDS; what++) {
		warm_up(what, group);
		check_hog(what, 1l << 20, group, sleeper);
	}
	kill(sleeper, SIGKILL);
	waitpid(sleeper, NULL, 0);
	return finish();
}
