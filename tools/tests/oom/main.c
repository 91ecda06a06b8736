// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * usage: oom machine [WHAT]   clients that take all that there is of a small machine
 *        oom many             as many things as a client could once take
 *        oom flight           clients with jobs in flight, which take long (--fault delay)
 *        oom cgroup MIB [WHAT]
 *                             clients that take all of a memory cgroup of MIB MiB
 *        oom counted          the driver counts what a client costs
 *        oom cost [WHAT [COUNT]]
 *                             how much work it is to take all back that a client had
 *        oom charged [WHAT]   what a client has the kernel allocate is charged to its cgroup
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "oom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NO_END (1l << 20)

/* @only: of what; all if it is NULL. */
static void check_all(const char *group, const char *only)
{
	for (enum what what = 0; what < IN_FLIGHT; what++) {
		if (only && strcmp(only, names[what]))
			continue;
		/* Of these there may be as many as there are addresses. */
		long most = what == TIMESTAMPS ? 2048 : NO_END;

		warm_up(what, most, group);
		check_hog(what, most, group);
	}
}

/*
 * So many that the chunks which heaps keep do not matter; what each is charged for at least, in
 * KiB, which is most of what was seen; and how much at least of what the machine has less is
 * charged, in percent. The rest is in slabs that others have a part of, and in tables of
 * processes. Two have a larger one: the kernel's own abstraction of buffers allocates them
 * without an account, and sw_sync the fences that jobs wait for. @only: of what; all if it is
 * NULL.
 */
static void check_all_charged(const char *only)
{
	static const struct charged kinds[] = {
		{ BUFFERS, 64, 1024, 80 },
		{ TOUCHED, 64, 1024, 80 },
		{ TABLES, 1000, 16, 80 },
		{ VMS, 120, 61, 80 },
		{ QUEUES, 500, 27, 80 },
		{ TIMESTAMPS, 200, 256, 80 },
		{ JOBS, 500, 5.5, 80 },
		{ SCENES, 10, 1770, 80 },
		{ OBJECTS, 2000, 2, 30 },
		{ MAPPINGS, 4, 350, 80 },
		{ DEPENDENCIES, 20, 110, 60 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!only || !strcmp(only, names[kinds[i].what]))
			check_charged(&kinds[i]);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	got = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need("have memory", got == MAP_FAILED ? -errno : 0);
	if (!strcmp(kind, "machine")) {
		bystanders_start();
		check_all(NULL, argc > 2 ? argv[2] : NULL);
	} else if (!strcmp(kind, "many")) {
		bystanders_start();
		check_hog(QUEUES, 65536, NULL);
		check_hog(VMS, 25000, NULL);
		check_hog(TIMESTAMPS, 2048, NULL);
	} else if (!strcmp(kind, "flight")) {
		bystanders_start();
		/* Eight jobs of 50 ms are over in less than a second. */
		warm_up(IN_FLIGHT, BUFFERS_IN_FLIGHT + 8, NULL);
		check_hog(IN_FLIGHT, BUFFERS_IN_FLIGHT + 8, NULL);
	} else if (!strcmp(kind, "cgroup") && argc >= 3) {
		char limit[32];

		snprintf(limit, sizeof(limit), "%llu", atoi(argv[2]) * MIB);
		mount_groups();
		bystanders_start();
		check_all(make_group("hog", limit), argc > 3 ? argv[3] : NULL);
	} else if (!strcmp(kind, "charged")) {
		mount_groups();
		check_all_charged(argc > 2 ? argv[2] : NULL);
		return finish();
	} else if (!strcmp(kind, "cost")) {
		for (enum what what = 0; what < IN_FLIGHT; what++) {
			long most = what == TIMESTAMPS ? 2048 : NO_END;

			if (argc <= 2 || !strcmp(argv[2], names[what]))
				check_cost(what, argc > 3 ? atol(argv[3]) : most);
		}
		return finish();
	} else if (!strcmp(kind, "counted")) {
		check_counted(VMS, 120);
		check_counted(QUEUES, 2000);
		check_counted(OBJECTS, 20000);
		check_counted(TABLES, 2000);
		check_counted(MAPPINGS, 200);
		check_counted(JOBS, 4000);
		return finish();
	} else {
		fprintf(stderr, "usage: oom machine [WHAT] | many | flight | cgroup MIB [WHAT] |"
			" cost [WHAT [COUNT]] | charged [WHAT] | counted\n");
		return 2;
	}
	bystanders_stop();
	return finish();
}
