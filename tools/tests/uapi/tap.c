// SPDX-License-Identifier: MIT OR Apache-2.0
/* Results, as TAP. */
#define _GNU_SOURCE
#include "uapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tests;
static int failed;

static void report(bool ok, const char *what)
{
	tests++;
	if (!ok)
		failed++;
	printf("%sok %d - %s\n", ok ? "" : "not ", tests, what);
	fflush(stdout);
}

static const char *result_name(int result)
{
	return result < 0 ? strerrorname_np(-result) : "success";
}

void check_either(const char *what, int got, int want, int other)
{
	bool ok = got == want || got == other;

	report(ok, what);
	if (!ok)
		printf("# got %s, want %s\n", result_name(got), result_name(want));
}

void check(const char *what, int got, int want)
{
	check_either(what, got, want, NO_OTHER);
}

void check_true(const char *what, bool held)
{
	report(held, what);
}

void skip(const char *what, const char *why)
{
	tests++;
	printf("ok %d - %s # SKIP %s\n", tests, what, why);
}

void need(const char *what, int result)
{
	if (result >= 0)
		return;
	printf("Bail out! %s: %s\n", what, result_name(result));
	exit(1);
}

int failures(void)
{
	return failed;
}

int finish(void)
{
	printf("1..%d\n", tests);
	printf("# %d passed, %d failed\n", tests - failed, failed);
	return failed ? 1 : 0;
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

int run_groups(const struct test_group *groups, size_t count, int argc, char **argv)
{
	for (size_t i = 0; i < count; i++) {
		if (!wanted(groups[i].name, argc, argv))
			continue;
		printf("# %s\n", groups[i].name);
		groups[i].run();
	}
	return finish();
}
