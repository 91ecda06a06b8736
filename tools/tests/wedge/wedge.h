/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Clients without privileges that try to stop the others. Each test has an attacker, which runs as
 * "nobody" and has only the render node, and a bystander: another client, which submits one job
 * after the other and has to make progress.
 */
#ifndef WEDGE_H
#define WEDGE_H

#include "../uapi/uapi.h"

#include <sys/types.h>

/* A bystander: its process, and its state in shared memory. */
struct bystander {
	pid_t pid;
	struct bystander_state *state;
};

struct bystander_state {
	/*
	 * Jobs that are complete, and the longest time that one took, in microseconds, since the
	 * last look.
	 */
	volatile uint32_t jobs;
	volatile uint32_t longest_us;
	/* When the last job was submitted that is not complete, or 0. */
	volatile int64_t since_us;
	/* The first error, or 0. */
	volatile int error;
};

struct bystander bystander_start(void);
/* Jobs per second over @ms. */
double bystander_rate(struct bystander *b, int ms);
/* The longest job since the last call, one that is not complete included. */
uint32_t bystander_longest_us(struct bystander *b);
/* Whether a job completes within @seconds. */
bool bystander_lives(struct bystander *b, int seconds);
void bystander_stop(struct bystander *b);

int64_t now_us(void);

/* Runs @body in a process that has no privileges, and returns at once. */
pid_t attacker_start(void (*body)(void *), void *arg);
/* Kills it; returns how long it took to be gone, in microseconds, or -1 if that was too long. */
int64_t attacker_kill(pid_t pid);
/* Waits for it to end by itself; returns whether it did, within @seconds, with status 0. */
bool attacker_wait(pid_t pid, int seconds);

/* An anonymous page that all processes started from here share. */
void *shared_page(void);

/*
 * An empty compute job on @queue of @ctx, after sync object @in, if that is not 0, that signals
 * @out, if that is not 0.
 */
int submit_after(struct context *ctx, uint32_t queue, uint32_t in, uint32_t out);
/* A sync object with the fence of a sync file in it. */
uint32_t import(int fd, int file);

/* The body of a process that never sleeps. */
void be_busy(void *unused);
/* Sets the scheduling policy of a process. */
void policy(pid_t pid, int policy);
/* CLOCK_MONOTONIC less the GPU's clock, in microseconds. */
int64_t clock_offset_us(int fd);
/* Waits for a sync file of one fence; returns when that has signalled. */
int64_t signalled_us(int file);

void test_slots(void);
/* With jobs that take some time (--fault delay:100). */
void test_full_vms(void);
void test_full_queues(void);
void test_idle(void);
/* On one processor, with jobs that take some time (--fault delay:20). */
void test_pair(void);
void test_syncs(void);
void test_deadlines(void);
void test_exit(void);
/* With a first command that takes long (--hardware slow-init:60000). */
void test_garbage(void);
void test_mappings(void);

/* How much of a test: 1 for "make test". */
extern int scale;

#endif
