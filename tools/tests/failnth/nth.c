// SPDX-License-Identifier: MIT OR Apache-2.0
/* The kernel's fault injection, for one thread. */
#define _GNU_SOURCE
#include "nth.h"

#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAILSLAB "/sys/kernel/debug/failslab/"
#define FAIL_PAGES "/sys/kernel/debug/fail_page_alloc/"

void write_needed(const char *path, const char *text)
{
	need(path, write_file(path, text));
}

void fail_nth_init(void)
{
	write_needed(FAILSLAB "ignore-gfp-wait", "N");
	write_needed(FAILSLAB "verbose", "0");
	write_needed(FAIL_PAGES "ignore-gfp-wait", "N");
	write_needed(FAIL_PAGES "ignore-gfp-highmem", "N");
	write_needed(FAIL_PAGES "min-order", "0");
	write_needed(FAIL_PAGES "verbose", "0");
}

int fail_nth(unsigned int n)
{
	int nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16];

	need("open fail-nth", nth < 0 ? -errno : 0);
	snprintf(text, sizeof(text), "%u", n);
	need("say which allocation fails", write(nth, text, strlen(text)) < 0 ? -errno : 0);
	return nth;
}

bool fail_nth_end(int nth)
{
	char text[16] = "";
	bool hit;

	/* Reading allocates nothing that may fail. */
	need("read fail-nth", pread(nth, text, sizeof(text) - 1, 0) < 0 ? -errno : 0);
	hit = strtoul(text, NULL, 10) == 0;
	need("clear fail-nth", pwrite(nth, "0", 1, 0) < 0 ? -errno : 0);
	close(nth);
	return hit;
}
