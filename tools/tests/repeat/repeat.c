// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The device is bound and unbound again and again, while clients submit jobs, and lose the device
 * in the middle of it.
 *
 * usage: repeat COUNT
 *
 * The device is bound, before and afterwards. Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 3
/* Jobs that a client has in flight. */
#define JOBS 16
/* How long an empty job may take. */
#define JOB_SECONDS 120

/* Counters of all clients. */
struct count {
	volatile unsigned int jobs;
	/* Jobs whose fence ended without an error although they had to, or the reverse. */
	volatile unsigned int lost;
};

/* A client until the device goes. What it cannot do then ends it. */
static void client(struct count *count)
{
	struct context ctx;
	uint32_t sync;

	if (!freopen("/dev/null", "w", stdout))
		_exit(1);
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	for (;;) {
		for (int i = 0; i < JOBS; i++)
			need("submit", submit_one(&ctx, sync));
		/* Fences signal whether or not the device is there. */
		if (syncobj_wait(ctx.fd, sync, JOB_SECONDS) == -ETIME) {
			count->lost++;
			_exit(1);
		}
		count->jobs += JOBS;
	}
}

/* Runs clients, one after the other, in a process that ends only if it is killed. */
static pid_t load_start(struct count *count)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (;;) {
		pid_t child = fork();

		if (!child)
			client(count);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			_exit(1);
		/* Until there is a device again. */
		usleep(5000);
	}
}

int main(int argc, char **argv)
{
	struct count *count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				   -1, 0);
	int rounds, ret = 0, busy = 0, done = 0;

	if (argc != 2 || (rounds = atoi(argv[1])) < 1) {
		fprintf(stderr, "usage: repeat COUNT\n");
		return 2;
	}
	need("have memory", count == MAP_FAILED ? -errno : 0);
	/* Clients that lose their parent go with it, and are waited for here. */
	setpgid(0, 0);
	need("adopt orphans", prctl(PR_SET_CHILD_SUBREAPER, 1) ? -errno : 0);
	for (int i = 0; i < CLIENTS; i++)
		need("start a client", load_start(count) < 0 ? -errno : 0);
	for (; done < rounds && !ret; done++) {
		unsigned int before = count->jobs;

		ret = new_job(JOB_SECONDS);
		/* So that the device goes under their jobs. */
		for (int i = 0; i < 60000 && count->jobs == before; i++)
			usleep(1000);
		busy += count->jobs != before;
		ret = ret ?: unbind_device();
		ret = ret ?: bind_device();
	}
	printf("# %d times; %u jobs of other clients\n", done, count->jobs);
	check("bind, jobs, unbind", ret, 0);
	check_true("other clients had jobs each time", busy == done);
	check_true("no fence was left behind", !count->lost);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	check("one more job", new_job(JOB_SECONDS), 0);
	return finish();
}
