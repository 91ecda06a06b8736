// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A probe that has no memory at one of its steps. After each that failed one line in the kernel's
 * log names the cause: the driver's, or the driver core's if that is -ENOMEM. The next probe works,
 * and its GPU runs a job. What leaks of the slab's memory is for kmemleak to find; pages are
 * counted here, before the first step and after the last.
 *
 * usage: probe-steps thread STEP [FIRST [SECONDS]]
 *					the kernel's fault injection has the Nth allocation of the
 *					thread that binds the device fail, for N = FIRST or 1,
 *					STEP more and so on, until the probe has fewer
 *        probe-steps sample STEP LAST	the same for N = STEP, twice that and so on, up to LAST,
 *					which has to be before drm_dev_init()
 *        probe-steps workers BYTES [SECONDS]
 *					an allocation of the kernel's workers fails, among which are
 *					those that the probe waits for: the first one, the first
 *					one after BYTES bytes, and so on
 *
 * After SECONDS it says with which FIRST to go on ("# next N"), and ends.
 *
 * Left out are steps of Linux 7.3's own, as one of them does not survive it: if
 * drm_sysfs_minor_alloc() has no memory, drm_minor_alloc() leaves an error pointer in minor->kdev,
 * and drm_minor_alloc_release() calls put_device() with that: an oops in kobject_put(), called by
 * drm_minor_alloc_release(), drm_managed_release(), drm_dev_init(), __drm_dev_alloc(). Which number
 * its allocation has changes with what the kernel's caches hold. So from the first failure in
 * drm_dev_init() on as many are left out as that function has. What the driver sees of each is the
 * same.
 *
 * The device is bound, before and afterwards. Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"
#include "pages.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAILSLAB "/sys/kernel/debug/failslab/"
#define FAIL_PAGES "/sys/kernel/debug/fail_page_alloc/"

/* Kernel messages up to this level count. */
#define LEVEL_WARNING 4

/* Allocations that drm_dev_init() may have. */
#define LEFT_OUT 30
/*
 * Before drm_sysfs_minor_alloc() it has more than this, so no step of this size goes past the first
 * of them and to that.
 */
#define MAX_STEP 2
/* Allocations of pages fail after multiples of so many. */
#define PAGES 2
/*
 * So many pages may be held that were not before. One that leaks does so at each step behind it.
 */
#define MORE_PAGES 96
/* How long an empty job may take. */
#define JOB_SECONDS 120

/* What the last failed allocation was for. */
struct place {
	/* Below drm_dev_init(). */
	bool drm;
	/* Below the driver's probe, not in what the driver core does before. */
	bool probe;
	/* Below apple_mbox_get(), which calls all that goes wrong ENODEV. */
	bool mailbox;
};

/*
 * Binds the device, with the @n-th allocation from here on failing; none if that is 0. *@left is
 * how many more there would have had to be.
 */
static int bind_failing(unsigned int n, unsigned int *left)
{
	int bind = open(DRIVER "bind", O_WRONLY | O_CLOEXEC);
	int nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16] = "";
	int ret = 0;

	need("open the driver's file", bind < 0 ? -errno : 0);
	need("open fail-nth", nth < 0 ? -errno : 0);
	snprintf(text, sizeof(text), "%u", n);
	need("say which allocation fails", write(nth, text, strlen(text)) < 0 ? -errno : 0);
	if (write(bind, DEVICE, strlen(DEVICE)) < 0)
		ret = -errno;
	/* Reading allocates nothing that may fail. */
	memset(text, 0, sizeof(text));
	need("read fail-nth", pread(nth, text, sizeof(text) - 1, 0) < 0 ? -errno : 0);
	*left = strtoul(text, NULL, 10);
	need("clear fail-nth", pwrite(nth, "0", 1, 0) < 0 ? -errno : 0);
	close(nth);
	close(bind);
	return ret;
}

static bool is_bound(void)
{
	return !access(DRIVER DEVICE, F_OK);
}

/* Lines at warning level or above about the GPU. */
struct lines {
	/* The driver's, and its parts'. */
	int own;
	/* The driver core's about the error with which the probe ended. */
	int core;
};

/*
 * Reads what has been added to the kernel's log, and says in @place what it tells of a failed
 * allocation.
 */
static struct lines read_log(int log, struct place *place)
{
	struct place found = {};
	struct lines lines = {};
	char record[8192];
	ssize_t length;

	while ((length = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (length < 0)
			continue;
		record[length] = 0;
		found.drm |= !!strstr(record, " drm_dev_init+");
		found.probe |= !!strstr(record, " platform_probe+");
		found.mailbox |= !!strstr(record, " apple_mbox_get+");
		if ((strtoul(record, NULL, 10) & 7) > LEVEL_WARNING || !strstr(record, DEVICE ": "))
			continue;
		if (strstr(record, "probe with driver asahi failed"))
			lines.core++;
		else
			lines.own++;
	}
	if (place)
		*place = found;
	return lines;
}

/* Whether a line has been added. */
static bool complains(int log)
{
	struct lines lines = read_log(log, NULL);

	return lines.own || lines.core;
}

static int write_number(const char *directory, const char *name, int number)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), "%s%s", directory, name);
	snprintf(text, sizeof(text), "%d", number);
	return write_file(path, text);
}

/* Makes the kernel's workers, and those that are yet to come, threads whose allocations fail. */
static void mark_workers(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	need("list processes", dir ? 0 : -errno);
	while ((entry = readdir(dir))) {
		char path[300], name[64] = "";
		int fd;

		if (!isdigit(entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, name, sizeof(name) - 1) < 0)
			name[0] = 0;
		close(fd);
		if (strncmp(name, "kworker/", 8) && strcmp(name, "kthreadd\n"))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/make-it-fail", entry->d_name);
		count += !write_file(path, "1");
	}
	closedir(dir);
	need("mark workers", count > 1 ? 0 : -ESRCH);
}

/*
 * Binds the device, with the workers' first allocation of @kind failing after so much of it. *@left
 * is whether there was none.
 */
static int bind_workers(const char *kind, int after, unsigned int *left)
{
	char path[128], text[16] = "";
	int ret, fd;

	mark_workers();
	need("say after how much", write_number(kind, "space", after));
	need("say how often", write_number(kind, "times", 1));
	need("workers fail", write_number(kind, "probability", 100));
	ret = bind_device();
	need("workers do not fail", write_number(kind, "probability", 0));
	snprintf(path, sizeof(path), "%stimes", kind);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	need("read how often", fd < 0 || read(fd, text, sizeof(text) - 1) < 0 ? -errno : 0);
	close(fd);
	*left = strtoul(text, NULL, 10);
	return ret;
}

/* What the step was bad for, if it was: @n of the thread's allocations, or of @kind of workers'. */
static const char *try_step(unsigned int n, const char *kind, int log, bool *over,
			    struct place *place, unsigned int *failed)
{
	struct lines lines;
	unsigned int left;
	int ret;

	read_log(log, NULL);
	ret = kind ? bind_workers(kind, n, &left) : bind_failing(n, &left);
	lines = read_log(log, place);
	*over = left > 0;
	if (!ret != is_bound())
		return "result and device disagree";
	if (!ret) {
		/*
		 * It was an allocation that the kernel can do without, or there are no more. RTKit
		 * can do without its buffers, and says so.
		 */
		if (lines.core || lines.own > (kind ? 1 : 0))
			return "the probe has succeeded with a complaint";
	} else {
		(*failed)++;
		if (left)
			return "the probe has failed without a reason";
		/* What a worker says to the thread is that it is late. */
		if (ret != -ENOMEM && !(kind && ret == -ETIMEDOUT) &&
		    !(place->mailbox && ret == -ENODEV))
			return strerrorname_np(-ret);
		/* The driver core says how the driver's probe ended, unless that is -ENODEV. */
		if (lines.core != ((kind || place->probe) && ret != -ENODEV))
			return "the driver core does not say once how the probe ended";
		/* To -ENOMEM there is nothing to add. */
		if (lines.own > 1 || (!lines.own && ret != -ENOMEM))
			return "not one line that names the cause";
		ret = bind_failing(0, &left);
		if (ret || !is_bound() || complains(log))
			return "the next probe fails or complains";
	}
	if (new_job(JOB_SECONDS))
		return "the job fails";
	if (unbind_device() || complains(log))
		return "unbind fails or complains";
	return NULL;
}

/* Which steps to try. */
struct plan {
	unsigned int first, step;
	/* The last one, and when to end before it, in seconds. */
	unsigned int last;
	double seconds;
};

/* What the steps have come to. */
struct result {
	unsigned int steps, failed, bad, left_out;
	/* The first step that was not tried. */
	unsigned int next;
	/* The probe has fewer allocations; or it was the last step, or there was no more time. */
	bool over, enough;
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Tries the next step, and says what it was bad for, if it was. */
static void next_step(struct result *result, const struct plan *plan, const char *kind, int log,
		      struct place *place)
{
	const char *what = kind ? kind : "allocation";
	const char *why = try_step(result->next, kind, log, &result->over, place, &result->failed);

	result->steps++;
	if (why) {
		result->bad++;
		printf("# %s %u: %s\n", what, result->next, why);
		/* The next step begins without the device. */
		if (is_bound())
			unbind_device();
	} else if (result->steps % 20 == 0) {
		printf("# %s %u: %u have failed\n", what, result->next, result->failed);
	}
	result->next += plan->step;
	if (place->drm && !result->left_out) {
		printf("# %u to %u are left out: drm_dev_init()\n", result->next,
		       result->next + LEFT_OUT - 1);
		result->left_out = LEFT_OUT;
		result->next += LEFT_OUT;
	}
	fflush(stdout);
}

static struct result try_steps(int log, const char *kind, struct plan plan)
{
	const double end = seconds() + plan.seconds;
	struct result result = { .next = plan.first };
	struct place place = {};

	while (!result.over && result.bad < 10) {
		if (result.next > plan.last || seconds() > end) {
			result.enough = true;
			break;
		}
		next_step(&result, &plan, kind, log, &place);
	}
	return result;
}

static void report(const char *what, struct result result)
{
	printf("# %s: %u steps, %u probes have failed\n", what, result.steps, result.failed);
	check_true("each probe fails with one line, and the next one works", !result.bad);
	if (result.enough)
		printf("# next %u\n", result.next);
	else
		check_true("the last step is behind the probe's last allocation", result.over);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: probe-steps thread STEP (%d at most) [FIRST [SECONDS]]\n"
		"       probe-steps sample STEP LAST\n"
		"       probe-steps workers BYTES [SECONDS]\n",
		MAX_STEP);
	return 2;
}

int main(int argc, char **argv)
{
	const char *how = argc >= 3 ? argv[1] : "";
	struct plan plan = { .first = 1, .last = UINT_MAX, .seconds = 1e9 };
	bool thread = !strcmp(how, "thread"), sample = !strcmp(how, "sample");
	int log;
	long held;

	if (!thread && !sample && strcmp(how, "workers"))
		return usage();
	plan.step = strtoul(argv[2], NULL, 10);
	if (sample)
		plan.first = plan.step;
	else if (!thread)
		plan.first = 0;
	if (sample && argc == 4)
		plan.last = strtoul(argv[3], NULL, 10);
	else if (sample)
		return usage();
	if (thread && argc >= 4)
		plan.first = strtoul(argv[3], NULL, 10);
	if (argc >= (thread ? 5 : 4) && !sample)
		plan.seconds = strtoul(argv[argc - 1], NULL, 10);
	if (!plan.step || argc > 5 || (thread && (plan.step > MAX_STEP || !plan.first)))
		return usage();
	need("allocations that may wait fail", write_file(FAILSLAB "ignore-gfp-wait", "N"));
	need("pages that may wait fail", write_file(FAIL_PAGES "ignore-gfp-wait", "N"));
	need("small ones too", write_file(FAIL_PAGES "min-order", "0"));
	need("it is said where", write_number(FAILSLAB, "verbose", 2));
	need("the same for pages", write_number(FAIL_PAGES, "verbose", 2));
	need("workers alone", write_file(FAILSLAB "task-filter", "Y"));
	need("the same for pages", write_file(FAIL_PAGES "task-filter", "Y"));
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	need("open the kernel's log", log < 0 ? -errno : 0);
	need("unbind", unbind_device());
	/* What the first probe and client leave for the next is there before it is counted. */
	need("bind", bind_device());
	need("a job", new_job(JOB_SECONDS));
	need("unbind", unbind_device());
	check_held_pages();
	held = held_pages();

	if (thread || sample) {
		struct result result = try_steps(log, NULL, plan);

		report("the thread", result);
		/* Behind the first steps there may be few. */
		if (plan.first == plan.step || plan.first == 1)
			check_true("some have failed", result.failed > (sample ? 0 : 2));
		if (sample)
			check_true("drm_dev_init() is behind them", !result.left_out);
		else if (plan.first == 1 && !result.enough)
			check_true("drm_dev_init() was passed", result.left_out > 0);
	} else {
		struct result slab = try_steps(log, FAILSLAB, plan);

		report("workers, slab", slab);
		/* Pages come in whole ones. */
		plan.step = PAGES;
		struct result pages = try_steps(log, FAIL_PAGES, plan);

		report("workers, pages", pages);
		check_true("there were some", slab.steps > 2 && pages.steps > 2);
	}
	held = held_pages() - held;
	printf("# %ld pages more are held than before\n", held);
	check_true("no pages are left", held <= MORE_PAGES);
	need("bind", bind_device());
	check("a job", new_job(JOB_SECONDS), 0);
	return finish();
}
