// SPDX-License-Identifier: MIT OR Apache-2.0
/* Attackers and bystanders. */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534
/* A process that is killed is gone by then, however slow the machine. */
#define GONE_MS 120000

int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

void *shared_page(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	need("map a page", page == MAP_FAILED ? -ENOMEM : 0);
	return page;
}

static void become_nobody(void)
{
	need("become nobody", setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	     setresuid(NOBODY, NOBODY, NOBODY) ? -errno : 0);
	/* Which a change of identity has cleared. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

pid_t attacker_start(void (*body)(void *), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	need("fork", pid < 0 ? -errno : 0);
	if (pid)
		return pid;
	become_nobody();
	body(arg);
	fflush(stdout);
	_exit(failures() ? 1 : 0);
}

int64_t attacker_kill(pid_t pid)
{
	int64_t start = now_us();
	int status;

	kill(pid, SIGKILL);
	return process_ends(pid, GONE_MS, &status) ? now_us() - start : -1;
}

bool attacker_wait(pid_t pid, int seconds)
{
	int status;

	return process_ends(pid, seconds * 1000, &status) && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

int submit_after(struct context *ctx, uint32_t queue, uint32_t in, uint32_t out)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = { 0 };
	uint32_t ins = 0, outs = 0;

	if (in)
		syncs[ins++].handle = in;
	if (out)
		syncs[ins + outs++].handle = out;
	ctx->queue = queue;
	return submit(ctx, &command, sizeof(command), syncs, ins, outs);
}

uint32_t import(int fd, int file)
{
	uint32_t handle;

	need("create a syncobj", syncobj_create(fd, &handle));
	need("import a sync file", syncobj_import_sync_file(fd, handle, file));
	return handle;
}

static void bystander_run(struct bystander_state *state)
{
	struct context ctx;
	uint32_t sync;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	while (!state->error) {
		int64_t start = now_us(), took;
		int ret;

		state->since_us = start;
		ret = submit_one(&ctx, sync);
		if (!ret)
			ret = syncobj_wait(ctx.fd, sync, 300);
		took = now_us() - start;
		state->since_us = 0;
		if (took > state->longest_us)
			state->longest_us = took;
		state->error = ret;
		state->jobs++;
	}
	_exit(0);
}

struct bystander bystander_start(void)
{
	struct bystander b = { .state = shared_page() };

	fflush(stdout);
	b.pid = fork();
	need("fork", b.pid < 0 ? -errno : 0);
	if (!b.pid) {
		become_nobody();
		bystander_run(b.state);
	}
	need("a bystander's first job", bystander_lives(&b, 30) ? 0 : -ETIME);
	return b;
}

uint32_t bystander_longest_us(struct bystander *b)
{
	int64_t since = b->state->since_us, pending = since ? now_us() - since : 0;
	uint32_t longest = b->state->longest_us;

	b->state->longest_us = 0;
	return pending > longest ? pending : longest;
}

double bystander_rate(struct bystander *b, int ms)
{
	int64_t start = now_us();
	uint32_t before = b->state->jobs;

	pause_ms(ms);
	return (b->state->jobs - before) * 1e6 / (now_us() - start);
}

bool bystander_lives(struct bystander *b, int seconds)
{
	int64_t end = now_us() + seconds * 1000000ll;
	/* Two: the first may have been complete before we came. */
	uint32_t want = b->state->jobs + 2;

	while ((int32_t)(b->state->jobs - want) < 0) {
		if (b->state->error || now_us() > end)
			return false;
		pause_ms(1);
	}
	return !b->state->error;
}

void bystander_stop(struct bystander *b)
{
	check("the bystander has had no error", b->state->error, 0);
	check_true("the bystander ends", attacker_kill(b->pid) >= 0);
	munmap(b->state, PAGE);
}
