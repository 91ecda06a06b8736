// SPDX-License-Identifier: MIT OR Apache-2.0
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

char *copy(const char *text, size_t length)
{
	char *to = allocate(length + 1);

	memcpy(to, text, length);
	to[length] = 0;
	return to;
}

static FILE *open_text(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		fail("%s: %s", path, strerror(errno));
	return file;
}

/* The next of @n fields of a line, each but the last with a tab behind it. */
static bool split(char *line, char **fields, size_t n)
{
	line[strcspn(line, "\n")] = 0;
	for (size_t i = 0; i < n; i++) {
		fields[i] = line;
		line = strchr(line, '\t');
		if (!line)
			return i + 1 == n;
		*line++ = 0;
	}
	return true;
}

static void end(FILE *file, const char *path)
{
	if (ferror(file))
		fail("%s: cannot be read", path);
	fclose(file);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A tree of the names that have a result. */
static void *read_done(const char *path, const char *driver)
{
	FILE *file = open_text(path);
	void *done = NULL;
	char *line = NULL, *fields[3];
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		if (!split(line, fields, 3) || strcmp(fields[0], driver))
			continue;
		if (!tsearch(copy(fields[2], strlen(fields[2])), &done, compare_names))
			fail("no memory");
	}
	end(file, path);
	free(line);
	return done;
}

/* Words between spaces, of which those in single quotes may have spaces. */
static void read_command(struct test *test, const char *at)
{
	size_t n = 0;

	while (*(at += strspn(at, " "))) {
		bool quoted = *at == '\'';
		size_t length = strcspn(at += quoted, quoted ? "'" : " ");

		if (n == MAX_ARGUMENTS)
			fail("%s: more than %u words", test->name, MAX_ARGUMENTS);
		if (quoted && !at[length])
			fail("%s: a quote has no end", test->name);
		test->argv[n++] = copy(at, length);
		at += length + quoted;
	}
	if (!n)
		fail("%s: no command", test->name);
	test->argv[n] = NULL;
}

/* The lines that say which versions of GL and GLSL a shader test needs, as far as there are any. */
static char *requirements(const char *path)
{
	FILE *file = fopen(path, "r");
	bool inside = false;
	char *line = NULL, *key = copy("", 0);
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		char *text = line + strspn(line, " \t");
		size_t length = strcspn(text, "\r\n"), before = strlen(key);
		char *longer;

		if (*text == '[') {
			if (inside)
				break;
			inside = !strncmp(text, "[require]", 9);
		}
		/* Not an extension's name. */
		if (!inside || (strncmp(text, "GL ", 3) && strncmp(text, "GLSL ", 5)))
			continue;
		longer = copy(key, before + length + 1);
		memcpy(longer + before, text, length);
		longer[before + length] = '\n';
		longer[before + length + 1] = 0;
		free(key);
		key = longer;
	}
	if (file)
		fclose(file);
	free(line);
	return key;
}

/* Shader tests: the program, a file, and options. */
static void read_kind(struct test *test)
{
	static const char suffix[] = ".shader_test";
	const char *file = test->argv[1], *base;
	size_t length, program = strlen(test->argv[0]);
	char *needs;

	if (strncmp(test->argv[0], "shader_runner", 13) || !file)
		return;
	length = strlen(file);
	if (length < sizeof(suffix) || strcmp(file + length - sizeof(suffix) + 1, suffix))
		return;
	base = strrchr(file, '/');
	base = base ? base + 1 : file;
	test->subtest = copy(base, file + length - sizeof(suffix) + 1 - base);
	needs = requirements(file);
	test->key = allocate(program + strlen(needs) + 2);
	sprintf(test->key, "%s\n%s", test->argv[0], needs);
	free(needs);
}

size_t plan_read(const char *list, const char *results, const char *driver, struct test **tests)
{
	void *done = read_done(results, driver);
	FILE *file = open_text(list);
	char *line = NULL, *fields[2];
	size_t size = 0, count = 0, space = 0;

	*tests = NULL;
	while (getline(&line, &size, file) > 0) {
		struct test *test;

		if (!split(line, fields, 2))
			fail("%s: a line without a tab", list);
		if (tfind(fields[0], &done, compare_names))
			continue;
		if (count == space) {
			space = space ? space * 2 : 64;
			*tests = reallocarray(*tests, space, sizeof(**tests));
			if (!*tests)
				fail("no memory");
		}
		test = &(*tests)[count];
		memset(test, 0, sizeof(*test));
		test->name = copy(fields[0], strlen(fields[0]));
		test->order = count++;
		read_command(test, fields[1]);
		read_kind(test);
	}
	end(file, list);
	free(line);
	return count;
}

struct job *plan_job(struct test **tests, size_t count)
{
	struct job *job = allocate(sizeof(*job) + count * sizeof(*tests));

	job->next = NULL;
	job->count = count;
	job->at = 0;
	memcpy(job->tests, tests, count * sizeof(*tests));
	return job;
}

/* Those that have a process of their own come last, as they take longest. */
static int compare_tests(const void *a, const void *b)
{
	const struct test *one = *(struct test *const *)a, *other = *(struct test *const *)b;
	int keys = 0;

	if (!one->key != !other->key)
		return one->key ? -1 : 1;
	if (one->key)
		keys = strcmp(one->key, other->key);
	return keys ? keys : (one->order > other->order) - (one->order < other->order);
}

struct job *plan_jobs(struct test *tests, size_t count)
{
	struct test **sorted = allocate((count + 1) * sizeof(*sorted));
	struct job *first = NULL, **last = &first;

	for (size_t i = 0; i < count; i++)
		sorted[i] = &tests[i];
	for (size_t start = 0; start < count; start += WINDOW) {
		size_t stop = count - start < WINDOW ? count : start + WINDOW, n;

		qsort(sorted + start, stop - start, sizeof(*sorted), compare_tests);
		for (size_t i = start; i < stop; i += n) {
			for (n = 1; i + n < stop && n < GROUP_SIZE && sorted[i]->key &&
				    sorted[i + n]->key &&
				    !strcmp(sorted[i]->key, sorted[i + n]->key); n++)
				;
			*last = plan_job(sorted + i, n);
			last = &(*last)->next;
		}
	}
	free(sorted);
	return first;
}
