// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Every allocation of every call fails once: the kernel's fault injection has the Nth allocation of
 * the thread fail, for N = 1, 2 and so on, until the call has fewer. A call that fails says ENOMEM,
 * leaves nothing behind that fdinfo knows of, and can be made again at once. What leaks is for
 * kmemleak to find.
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAILSLAB "/sys/kernel/debug/failslab/"
#define FAIL_PAGES "/sys/kernel/debug/fail_page_alloc/"
/* No call has so many allocations. */
#define MOST 2000

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	need(path, fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0);
	close(fd);
}

/* Calls with the @n-th allocation failing. *@hit: whether there was one. */
static int call_failing(const struct call *call, struct state *s, unsigned int n, bool *hit)
{
	int nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), ret;
	char text[16];

	need("open fail-nth", nth < 0 ? -errno : 0);
	snprintf(text, sizeof(text), "%u", n);
	need("say which allocation fails", write(nth, text, strlen(text)) < 0 ? -errno : 0);
	ret = call->make(s);
	/* Reading allocates nothing that may fail. */
	memset(text, 0, sizeof(text));
	need("read fail-nth", pread(nth, text, sizeof(text) - 1, 0) < 0 ? -errno : 0);
	*hit = strtoul(text, NULL, 10) == 0;
	need("clear fail-nth", pwrite(nth, "0", 1, 0) < 0 ? -errno : 0);
	close(nth);
	return ret;
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

static void check_call(const struct call *call, struct state *s)
{
	char before[1024], after[1024], text[128];
	unsigned int n, failed = 0;
	const char *wrong = NULL;
	bool hit = true;
	int ret;

	/* What is made once for all stays. */
	if (call->prepare)
		call->prepare(s);
	need(call->name, call->make(s));
	if (call->undo)
		call->undo(s);
	read_fdinfo(s->ctx.fd, before, sizeof(before));
	for (n = 1; n < MOST && hit && !wrong; n++) {
		if (call->prepare)
			call->prepare(s);
		ret = call_failing(call, s, n, &hit);
		if (ret && call->never) {
			wrong = "failed, though it frees";
		} else if (ret && !hit) {
			wrong = "failed without a reason";
		} else if (ret) {
			failed++;
			if (ret != -ENOMEM)
				wrong = strerrorname_np(-ret);
			read_fdinfo(s->ctx.fd, after, sizeof(after));
			if (!wrong && strcmp(before, after))
				wrong = "left something behind";
			ret = call->make(s);
			if (!wrong && ret)
				wrong = "failed a second time";
		}
		if (!ret && call->undo)
			call->undo(s);
	}
	if (wrong)
		printf("# allocation %u of %s: %s\n", n - 1, call->name, wrong);
	printf("# %s: %u allocations, %u of them needed\n", call->name, n - 2, failed);
	snprintf(text, sizeof(text), "%s: each allocation fails once", call->name);
	check_true(text, !wrong && !hit && failed >= call->least);
}

int main(int argc, char **argv)
{
	struct state state;

	setvbuf(stdout, NULL, _IOLBF, 0);
	write_file(FAILSLAB "ignore-gfp-wait", "N");
	write_file(FAILSLAB "verbose", "0");
	write_file(FAIL_PAGES "ignore-gfp-wait", "N");
	write_file(FAIL_PAGES "ignore-gfp-highmem", "N");
	write_file(FAIL_PAGES "min-order", "0");
	write_file(FAIL_PAGES "verbose", "0");

	state_init(&state);
	for (size_t i = 0; calls[i].name; i++)
		if (argc < 2 || !strcmp(argv[1], calls[i].name))
			check_call(&calls[i], &state);
	check("a job afterwards", run_job(&state), 0);
	return finish();
}
