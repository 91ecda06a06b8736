// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Runs piglit's tests of drawing.
 *
 * usage: piglit-runner LIST RESULTS LOGS WORKERS DRIVER
 *
 * LIST has lines "name, tab, command". Adds lines "driver, tab, result, tab, name, tab, seconds" to
 * RESULTS; what has one there is not run again. WORKERS processes run at a time. The output of what
 * neither passes nor is skipped goes to a file in LOGS.
 *
 * Shader tests of the same versions of GL and GLSL have one process by the score, as most of the
 * time of one goes into its start. What does not pass there is run in a process of its own, and
 * that result counts. A test has LIMIT seconds (of the environment, default 180), and no job starts
 * after BUDGET seconds. The exit status is 0 also if tests fail, 3 if some are left over.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

#define MAX_WORKERS 16
/* The exit status of a process that did not come to its program. */
#define NO_PROGRAM 127
/* As much of a test's output is kept. */
#define LOG_SIZE 65536

struct worker {
	struct job *job;
	pid_t pid;
	int output;
	bool timed_out;
	/* Of the test that runs. */
	double start, limit;
	char line[4096], log[LOG_SIZE], result[16];
	size_t line_length, log_length;
};

static const char *logs, *driver;
static double limit, budget;
static int results;
static struct job *jobs;
static struct worker workers[MAX_WORKERS];
static unsigned int worker_count;

_Noreturn void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("piglit-runner: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	for (unsigned int i = 0; i < worker_count; i++)
		if (workers[i].job)
			kill(-workers[i].pid, SIGKILL);
	exit(2);
}

void *allocate(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		fail("no memory");
	return memory;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void record(const struct worker *worker, const struct test *test, const char *result)
{
	char line[2048];
	int length = snprintf(line, sizeof(line), "%s\t%s\t%s\t%.1f\n", driver, result, test->name,
			      now() - worker->start);

	if (length >= (int)sizeof(line))
		fail("%s: a name of %d characters", test->name, length);
	/* Other drivers' runners add lines to the same file. */
	if (write(results, line, length) != length)
		fail("no result can be written: %s", strerror(errno));
}

/* The last lines of the kernel's log that are the driver's. */
static void write_kernel_log(FILE *file)
{
	static char text[1 << 17];
	const char *lines[8];
	unsigned int n = 0;
	int length = klogctl(3, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strstr(line, "asahi") || strstr(line, "agx"))
			lines[n++ % 8] = line;
	for (unsigned int i = n > 8 ? n - 8 : 0; i < n; i++)
		fprintf(file, "%s\n", lines[i % 8]);
}

static void write_log(const struct worker *worker, const struct test *test, int status)
{
	char path[4096], *name;
	size_t length = strlen(test->name);
	FILE *file;

	name = copy(test->name + (length > 200 ? length - 200 : 0), length > 200 ? 200 : length);
	for (char *c = name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", *c))
			*c = '_';
	snprintf(path, sizeof(path), "%s/%s-%s", logs, driver, name);
	free(name);
	file = fopen(path, "w");
	if (!file)
		fail("%s: %s", path, strerror(errno));
	fprintf(file, "# %s:", test->name);
	for (char *const *argument = test->argv; *argument; argument++)
		fprintf(file, " '%s'", *argument);
	fprintf(file, ": status 0x%x\n", status);
	fwrite(worker->log, worker->log_length, 1, file);
	if (!strcmp(driver, "asahi"))
		write_kernel_log(file);
	if (fclose(file))
		fail("%s: cannot be written", path);
}

static void push(struct job *job)
{
	job->next = jobs;
	jobs = job;
}

/* Never returns. */
static void execute(const struct job *job, int output)
{
	struct test *const first = job->tests[0];
	char *argv[GROUP_SIZE + MAX_ARGUMENTS + 4], path[256];
	size_t n = 0;
	int input = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(NO_PROGRAM);
	argv[n++] = first->argv[0];
	if (job->count == 1) {
		for (char *const *argument = first->argv + 1; *argument; argument++)
			argv[n++] = *argument;
	} else {
		for (size_t i = 0; i < job->count; i++)
			argv[n++] = job->tests[i]->argv[1];
		argv[n++] = "-auto";
		argv[n++] = "-fbo";
		argv[n++] = "-report-subtests";
	}
	argv[n] = NULL;
	snprintf(path, sizeof(path), "bin/%s", first->argv[0]);
	execv(path, argv);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(NO_PROGRAM);
}

static void begin(struct worker *worker, struct job *job)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		fail("no pipe: %s", strerror(errno));
	worker->pid = fork();
	if (worker->pid < 0)
		fail("no process: %s", strerror(errno));
	if (!worker->pid)
		execute(job, ends[1]);
	/* By whichever of the two comes first. */
	setpgid(worker->pid, worker->pid);
	close(ends[1]);
	worker->output = ends[0];
	worker->job = job;
	worker->start = now();
	worker->limit = worker->start + limit;
	worker->timed_out = false;
	worker->line_length = worker->log_length = 0;
	worker->result[0] = 0;
}

/* The test of a group that runs now has come to an end. */
static void next_of_group(struct worker *worker, const char *result)
{
	struct job *job = worker->job;
	struct test *test = job->tests[job->at++];

	if (!strcmp(result, "pass") || !strcmp(result, "skip"))
		record(worker, test, result);
	else
		push(plan_job(&test, 1));
	worker->start = now();
	worker->limit = worker->start + limit;
}

/* Looks for what piglit's programs say of results: two forms of JSON. */
static void take_line(struct worker *worker, const char *line)
{
	struct job *job = worker->job;
	char name[1024], result[16];

	if (job->count == 1) {
		if (sscanf(line, "PIGLIT: {\"result\": \"%15[a-z]\"", result) == 1)
			strcpy(worker->result, result);
	} else if (job->at < job->count &&
		   sscanf(line, "PIGLIT: {\"subtest\": {\"%1023[^\"]\" : \"%15[a-z]\"", name,
			  result) == 2 &&
		   !strcmp(name, job->tests[job->at]->subtest)) {
		next_of_group(worker, result);
	}
}

static void take_output(struct worker *worker, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (worker->log_length < LOG_SIZE)
			worker->log[worker->log_length++] = bytes[i];
		if (bytes[i] != '\n') {
			/* Lines of piglit's are shorter than that. */
			if (worker->line_length + 1 < sizeof(worker->line))
				worker->line[worker->line_length++] = bytes[i];
			continue;
		}
		worker->line[worker->line_length] = 0;
		worker->line_length = 0;
		take_line(worker, worker->line);
	}
}

static void finish_one(struct worker *worker, int status)
{
	const char *result = worker->result;
	struct test *test = worker->job->tests[0];

	if (worker->timed_out)
		result = "timeout";
	else if (!*result || WIFSIGNALED(status))
		result = "crash";
	record(worker, test, result);
	if (strcmp(result, "pass") && strcmp(result, "skip"))
		write_log(worker, test, status);
}

static void finish(struct worker *worker)
{
	struct job *job = worker->job;
	int status;

	/* Children of its own may have the pipe still. */
	kill(-worker->pid, SIGKILL);
	if (waitpid(worker->pid, &status, 0) < 0)
		fail("a process is lost: %s", strerror(errno));
	close(worker->output);
	/* Then nothing can be run, which is no result of a test. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM)
		fail("%s cannot be executed: %.*s", job->tests[0]->argv[0],
		     (int)worker->log_length, worker->log);
	if (job->count == 1) {
		finish_one(worker, status);
	} else if (job->at < job->count) {
		/* What it did not come to an end with: by itself; then on with the rest. */
		if (job->at + 1 < job->count)
			push(plan_job(job->tests + job->at + 1, job->count - job->at - 1));
		push(plan_job(job->tests + job->at, 1));
	}
	free(job);
	worker->job = NULL;
}

static void wait_for_output(void)
{
	struct pollfd fds[MAX_WORKERS];
	struct worker *of[MAX_WORKERS];
	double first = 1e18, time;
	unsigned int n = 0;

	for (unsigned int i = 0; i < worker_count; i++) {
		if (!workers[i].job)
			continue;
		fds[n] = (struct pollfd) { .fd = workers[i].output, .events = POLLIN };
		of[n++] = &workers[i];
		if (workers[i].limit < first)
			first = workers[i].limit;
	}
	time = first - now();
	if (poll(fds, n, time > 0 ? (int)(time * 1000) + 1 : 0) < 0 && errno != EINTR)
		fail("poll: %s", strerror(errno));
	for (unsigned int i = 0; i < n; i++) {
		char bytes[4096];
		ssize_t count;

		if (fds[i].revents) {
			count = read(fds[i].fd, bytes, sizeof(bytes));
			if (count > 0)
				take_output(of[i], bytes, count);
			else if (count == 0 || errno != EINTR)
				finish(of[i]);
		} else if (now() >= of[i]->limit && !of[i]->timed_out) {
			of[i]->timed_out = true;
			kill(-of[i]->pid, SIGKILL);
		}
	}
}

/* False once there is nothing to do. */
static bool step(double end)
{
	bool busy = false;

	for (unsigned int i = 0; i < worker_count; i++) {
		struct job *job = jobs;

		if (!workers[i].job && job && now() < end) {
			jobs = job->next;
			begin(&workers[i], job);
		}
		busy |= workers[i].job != NULL;
	}
	if (busy)
		wait_for_output();
	return busy;
}

static double seconds(const char *name, double otherwise)
{
	const char *text = getenv(name);
	char *end;
	double value;

	if (!text || !*text)
		return otherwise;
	value = strtod(text, &end);
	if (*end || value <= 0)
		fail("%s is not a number of seconds: %s", name, text);
	return value;
}

int main(int argc, char **argv)
{
	struct test *tests;
	double end;
	size_t count;

	if (argc != 6) {
		fputs("usage: piglit-runner LIST RESULTS LOGS WORKERS DRIVER\n", stderr);
		return 2;
	}
	logs = argv[3];
	driver = argv[5];
	limit = seconds("LIMIT", 180);
	budget = seconds("BUDGET", 1e9);
	end = now() + budget;
	if (atoi(argv[4]) < 1 || atoi(argv[4]) > MAX_WORKERS)
		fail("from 1 to %u workers", MAX_WORKERS);
	worker_count = atoi(argv[4]);
	results = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (results < 0)
		fail("%s: %s", argv[2], strerror(errno));
	if (setenv("LIBGL_ALWAYS_SOFTWARE", strcmp(driver, "asahi") ? "true" : "false", 1))
		fail("no memory");
	count = plan_read(argv[1], argv[2], driver, &tests);
	jobs = plan_jobs(tests, count);
	while (step(end))
		;
	return jobs ? 3 : 0;
}
