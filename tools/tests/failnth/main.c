// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Every allocation of every call fails once: the kernel's fault injection has the Nth allocation of
 * the thread fail, for N = 1, 2 and so on, until the call has fewer. A call that fails says ENOMEM,
 * leaves nothing behind that fdinfo, the table of tasks or the list of shared buffers knows of, and
 * can be made again at once. What leaks is for kmemleak to find.
 *
 * usage: fail-nth [NAME]	all calls, or that of this name; vgem has to be loaded
 *        fail-nth garbage	that of a call which collects garbage; halts take seconds
 *        fail-nth device	the same for unbind, which cannot fail, and for system suspend
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* No call has so many allocations. */
#define MOST 2000
#define SECONDS 30

/* Calls with the @n-th allocation failing. *@hit: whether there was one. */
static int call_failing(const struct call *call, struct state *s, unsigned int n, bool *hit)
{
	int nth = fail_nth(n), ret;

	ret = call->make(s);
	*hit = fail_nth_end(nth);
	return ret;
}

/* How many lines of @path have @text, or all lines if that is NULL. */
static int count_lines(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	char line[512];
	int lines = 0;

	need(path, file ? 0 : -errno);
	while (fgets(line, sizeof(line), file))
		lines += !text || strstr(line, text) != NULL;
	fclose(file);
	return lines;
}

/* What is there beside memory: tasks of the executor, attachments to shared buffers. */
struct rest {
	int tasks, attached;
};

static struct rest read_rest(void)
{
	return (struct rest){
		.tasks = count_lines("/sys/kernel/debug/kasync/tasks", NULL),
		.attached = count_lines("/sys/kernel/debug/dma_buf/bufinfo", "11000000.gpu") +
			    count_lines("/sys/kernel/debug/dma_buf/bufinfo", "\tvgem\n"),
	};
}

/* Whether it gets back to what it was. Queues end by themselves, so that may take a while. */
static bool rest_is_back(struct rest before)
{
	struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < SECONDS * 100; i++) {
		struct rest now = read_rest();

		if (now.tasks <= before.tasks && now.attached == before.attached)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* All that fdinfo says of memory. */
static void read_fdinfo(int fd, char *all, size_t size)
{
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	need("read fdinfo", file ? 0 : -errno);
	all[0] = 0;
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "-memory:"))
			strncat(all, line, size - strlen(all) - 1);
	fclose(file);
}

/* Whether it says the same again: what a queue has goes when its task has ended. */
static bool fdinfo_is_back(int fd, const char *before)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	char now[1024];

	for (int i = 0; i < SECONDS * 100; i++) {
		read_fdinfo(fd, now, sizeof(now));
		if (!strcmp(before, now))
			return true;
		nanosleep(&pause, NULL);
	}
	printf("# before:\n%s# now:\n%s", before, now);
	return false;
}

/* The file that it is a call of. */
static int file_of(const struct call *call, const struct state *s)
{
	return *(const int *)((const char *)s + call->fd);
}

static void prepare(const struct call *call, struct state *s, char *ready, size_t size)
{
	if (call->prepare)
		call->prepare(s);
	read_fdinfo(file_of(call, s), ready, size);
}

static void check_call(const struct call *call, struct state *s)
{
	char before[1024], ready[1024], text[128];
	unsigned int n, failed = 0;
	const char *wrong = NULL;
	struct rest rest;
	bool hit = true;
	int ret;

	/* What is made once for all stays. */
	prepare(call, s, ready, sizeof(ready));
	need(call->name, call->make(s));
	if (call->undo)
		call->undo(s);
	read_fdinfo(file_of(call, s), before, sizeof(before));
	rest = read_rest();
	for (n = 1; n < MOST && hit && !wrong; n++) {
		prepare(call, s, ready, sizeof(ready));
		ret = call_failing(call, s, n, &hit);
		if (ret && call->never) {
			wrong = "failed, though it frees";
		} else if (ret && !hit) {
			wrong = "failed without a reason";
		} else if (ret) {
			failed++;
			if (ret != -ENOMEM && (!call->other || ret != call->other))
				wrong = strerrorname_np(-ret);
			else if (!fdinfo_is_back(file_of(call, s), ready))
				wrong = "left something behind";
			else if (!rest_is_back(rest))
				wrong = "left tasks or attachments behind";
			ret = call->make(s);
			if (!wrong && ret)
				wrong = "failed a second time";
		}
		if (!ret && call->undo)
			call->undo(s);
		/* Nor does a call that did without it leave anything behind. */
		if (!wrong && !ret && hit && !fdinfo_is_back(file_of(call, s), before))
			wrong = "left something behind, though it went through";
	}
	if (!wrong && !rest_is_back(rest))
		wrong = "tasks or attachments are left";
	if (wrong)
		printf("# allocation %u of %s: %s\n", n - 1, call->name, wrong);
	printf("# %s: %u allocations, %u of them needed\n", call->name, n - 2, failed);
	snprintf(text, sizeof(text), "%s: each allocation fails once", call->name);
	check_true(text, !wrong && !hit && failed >= call->least);
}

static void check_all(const struct call *all, struct state *s, const char *name)
{
	for (size_t i = 0; all[i].name; i++)
		if (!name || !strcmp(name, all[i].name))
			check_call(&all[i], s);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	struct state state;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fail_nth_init();
	if (name && !strcmp(name, "device")) {
		check_device();
		return finish();
	}
	state_init(&state);
	syncs_init(&state);
	submits_init(&state);
	check_all(calls, &state, name);
	check_all(sync_calls, &state, name);
	check_all(submit_calls, &state, name);
	if (name && !strcmp(name, "garbage"))
		check_garbage(&state);
	check("a job afterwards", run_job(&state), 0);
	return finish();
}
