// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client that waits in a submit while the device is taken away: its queue has no room, and gets
 * none before a fence of this process has signalled. Unbinding has to wait for no such ioctl.
 */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A queue has room for so many jobs. */
#define ROOM 256
/* The ioctl returns within this, on a machine that checks much. */
#define SOON_MS 60000

/* What the client has done, in memory that is shared with it. */
struct progress {
	int jobs;
	int result;
};

static void submit_until_refused(int in, struct progress *progress)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync sync = { 0 };
	struct context ctx;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync.handle));
	need("import a sync file", syncobj_import_sync_file(ctx.fd, sync.handle, in));
	for (;;) {
		/* The first one waits for the fence, and the others for the first. */
		ret = submit(&ctx, &command, sizeof(command), &sync, !progress->jobs, 0);
		if (ret)
			break;
		__atomic_add_fetch(&progress->jobs, 1, __ATOMIC_RELEASE);
	}
	progress->result = ret;
	/* With the file still open, as that of any client whose device goes. */
	_exit(0);
}

/* The state of a process: a letter, as in /proc; 0 if there is none. */
static char state_of(pid_t pid)
{
	char path[32], line[256] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	end = strrchr(line, ')');
	return end && end[1] ? end[2] : 0;
}

static void pause_ms(int ms)
{
	struct timespec time = { .tv_nsec = ms * 1000000l };

	nanosleep(&time, NULL);
}

/* Whether @pid ends within @ms, and how. */
static bool ends_within(pid_t pid, int ms, int *status)
{
	int64_t end = now_ms() + ms;

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (now_ms() > end)
			return false;
		pause_ms(1);
	}
	return true;
}

/* Whether the client sleeps in the submit for which there is no room. */
static bool is_blocked(pid_t pid, const struct progress *progress)
{
	int64_t end = now_ms() + LIMIT_MS;

	while (now_ms() < end) {
		if (__atomic_load_n(&progress->jobs, __ATOMIC_ACQUIRE) == ROOM &&
		    state_of(pid) == 'S')
			return true;
		pause_ms(1);
	}
	return false;
}

int blocked(void)
{
	int timeline = sw_sync_create(), in, status = 0;
	struct progress *progress;
	pid_t client, unbinder;
	int64_t begun;
	bool ended;

	need("open sw_sync", timeline);
	in = sw_sync_fence(timeline, 1);
	need("create a fence", in);
	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need("map a page", progress == MAP_FAILED ? -errno : 0);
	fflush(stdout);
	client = fork();
	need("fork", client < 0 ? -errno : 0);
	if (!client)
		submit_until_refused(in, progress);
	check_true("a submit waits for room in its queue", is_blocked(client, progress));

	begun = now_ms();
	unbinder = fork();
	need("fork", unbinder < 0 ? -errno : 0);
	if (!unbinder)
		_exit(unbind_device() ? 1 : 0);
	ended = ends_within(client, SOON_MS, &status);
	printf("# the submit has %s after %lld ms\n", ended ? "returned" : "not returned",
	       (long long)(now_ms() - begun));
	check_true("it returns when the device goes", ended);
	if (!ended) {
		kill(client, SIGKILL);
		waitpid(client, &status, 0);
	}
	check("its result", progress->result, -ENODEV);
	check("nothing more was taken", progress->jobs, ROOM);
	/* A job that was cancelled is over when what it waits for is. */
	sw_sync_advance(timeline, 1);
	check_true("the device goes", ends_within(unbinder, LIMIT_MS, &status) &&
		   WIFEXITED(status) && !WEXITSTATUS(status));
	need("bind", bind_device());
	check("a job of a new client", new_job(LIMIT_MS / 1000), 0);
	close(in);
	close(timeline);
	return finish();
}
