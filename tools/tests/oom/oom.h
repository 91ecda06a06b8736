/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Clients that take memory until they get no more, or are killed, beside a process that sleeps and
 * a client that has nothing to do with it.
 */
#ifndef OOM_H
#define OOM_H

#include "../uapi/uapi.h"

#include <sys/types.h>

#define MIB (1024 * 1024ull)

/* MiB of buffers that a client with jobs in flight has. */
#define BUFFERS_IN_FLIGHT 100

enum what {
	BUFFERS,
	TOUCHED,
	TABLES,
	VMS,
	QUEUES,
	TIMESTAMPS,
	JOBS,
	SCENES,
	OBJECTS,
	MAPPINGS,
	DEPENDENCIES,
	IN_FLIGHT,
	KINDS
};

extern const char *const names[KINDS];

/* State of a client that takes memory, shared with its parent. */
struct got {
	volatile long things;
	volatile int error;
	volatile bool done;
};

extern struct got *got;

/*
 * Starts a client that takes up to @most things, and keeps them until it is killed. @group: the
 * cgroup.procs that it is to be in, or NULL.
 */
pid_t hog_start(enum what what, long most, const char *group);

/* The number behind @key in a file, or -1. */
long long read_number(const char *path, const char *key);
double seconds(void);
/* What is available of the machine's memory, in KiB. */
long long available_kib(void);
bool lives(pid_t pid);
void kill_and_wait(pid_t pid);

/* A sleeper, and another client. */
void bystanders_start(void);
void bystanders_stop(void);
/* Runs one such client, which fills the caches of the kernel and of KASAN. */
void warm_up(enum what what, long most, const char *group);
/* A client that takes up to @most things, and all that has to be true then. */
void check_hog(enum what what, long most, const char *group);

/*
 * Kills a client that has @most things, and has a plugin of QEMU's count the instructions until all
 * that it had is back.
 */
void check_cost(enum what what, long most);

/* Whether the driver counts what @most things take. */
void check_counted(enum what what, long most);

void mount_groups(void);
/* Makes a cgroup with a limit in bytes, or "max". Returns its cgroup.procs. */
const char *make_group(const char *name, const char *limit);
/* How often the last such cgroup would have had more than its limit. */
long long times_limited(void);

/* How much of what @most things take is charged: @each KiB of each, and @percent of all. */
struct charged {
	enum what what;
	long most;
	double each;
	int percent;
};

/* Whether a cgroup is charged for things, for as long as they live. */
void check_charged(const struct charged *kind);

#endif
