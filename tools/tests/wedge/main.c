// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * usage: wedge GROUP [SCALE]
 *
 * SCALE: how much of it, 1 by default. Prints TAP. The kernel log is the other half of the test.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

int scale = 1;

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "slots", test_slots },
	{ "full-vms", test_full_vms },
	{ "full-queues", test_full_queues },
	{ "idle", test_idle },
	{ "pair", test_pair },
	{ "syncs", test_syncs },
	{ "deadlines", test_deadlines },
	{ "exit", test_exit },
	{ "garbage", test_garbage },
	{ "mappings", test_mappings },
};

int main(int argc, char **argv)
{
	struct rlimit files = { 1 << 16, 1 << 16 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2)
		scale = atoi(argv[2]);
	need("allow many files", setrlimit(RLIMIT_NOFILE, &files) ? -errno : 0);
	need("open the render node to all users", chmod("/dev/dri/renderD128", 0666) ? -errno : 0);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(groups); i++) {
		if (strcmp(argv[1], groups[i].name))
			continue;
		groups[i].run();
		return finish();
	}
	fprintf(stderr, "usage: wedge GROUP [SCALE], where GROUP is one of");
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		fprintf(stderr, " %s", groups[i].name);
	fputc('\n', stderr);
	return 2;
}
