/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The runner of piglit's tests: what is to be run (plan.c), and what runs (runner.c).
 */
#ifndef TESTS_PIGLIT_RUNNER_H
#define TESTS_PIGLIT_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_ARGUMENTS 64
/* So many shader tests have one process at most. */
#define GROUP_SIZE 40
/* Shader tests of so many that follow each other in the list are put together. */
#define WINDOW 800

struct test {
	char *name, *argv[MAX_ARGUMENTS + 1];
	/* What a process of several shader tests calls this one; NULL for other tests. */
	char *subtest;
	/* Tests of one key can have one process. */
	char *key;
	size_t order;
};

/* Tests for one process. A job of one test gives the test its result, whatever that is. */
struct job {
	struct job *next;
	size_t count, at;
	struct test *tests[];
};

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *allocate(size_t size);
char *copy(const char *text, size_t length);

/* Reads the tests of the list that have no result of @driver's yet. */
size_t plan_read(const char *list, const char *results, const char *driver, struct test **tests);
/* A list of jobs for them. */
struct job *plan_jobs(struct test *tests, size_t count);
struct job *plan_job(struct test **tests, size_t count);

#endif
