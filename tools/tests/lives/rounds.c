// SPDX-License-Identifier: MIT OR Apache-2.0
/* Rounds of clients that end at random moments, and their fences afterwards. */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 3
#define MAX_FENCES 1024

struct fence {
	int file;
	enum kind kind;
};

struct client {
	pid_t pid;
	int sock;
	struct fence fences[MAX_FENCES];
	int count;
};

struct seen seen;

static void random_moment(uint32_t below_us)
{
	struct timespec time = { .tv_nsec = rnd(below_us) * 1000 };

	nanosleep(&time, NULL);
}

/* False if there is nothing to be had now. */
static bool receive_fence(int sock, struct fence *fence)
{
	char kind, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &kind, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;

	if (recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	fence->kind = kind;
	fence->file = -1;
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fence->file, CMSG_DATA(cmsg), sizeof(int));
	return true;
}

/*
 * Makes a client. If the device may go it ends by itself, as unbinding waits for what only it can
 * end.
 */
static void start(struct client *c, int ours, bool may_go)
{
	uint32_t seed = rnd(UINT32_MAX) | 1, life = 10000 + rnd(200000);
	int sock[2];

	need("make a socket",
	     socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) ? -errno : 0);
	fflush(stdout);
	c->pid = fork();
	need("fork", c->pid < 0 ? -errno : 0);
	if (!c->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (may_go) {
			struct itimerval alarm = { .it_value = { .tv_usec = life } };

			setitimer(ITIMER_REAL, &alarm, NULL);
		}
		state = seed;
		client(sock[1], ours, may_go);
	}
	close(sock[1]);
	c->sock = sock[0];
	c->count = 0;
	seen.clients++;
}

/* What a client has said by now. */
static void receive(struct client *c)
{
	struct fence fence;

	while (receive_fence(c->sock, &fence)) {
		if (fence.kind == READY)
			continue;
		if (fence.file < 0 || c->count == MAX_FENCES) {
			close(fence.file);
			continue;
		}
		c->fences[c->count++] = fence;
	}
}

/*
 * Waits for the end of a client that has got, or will get, a signal. Says whether it ended by
 * itself, in a way that is wrong.
 */
static bool reap(struct client *c)
{
	int64_t end = now_ms() + LIMIT_MS;
	struct timespec tick = { .tv_nsec = 1000000 };
	int status;

	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		if (now_ms() > end) {
			seen.stuck++;
			return false;
		}
		nanosleep(&tick, NULL);
	}
	return WIFSIGNALED(status) || (WIFEXITED(status) && !WEXITSTATUS(status));
}

static void count_result(int result, bool may_go)
{
	switch (result) {
	case 0:
		seen.well++;
		break;
	case -ECANCELED:
		seen.cancelled++;
		break;
	case -ENODEV:
		if (may_go)
			seen.gone++;
		else
			seen.wrong++;
		break;
	case -ETIME:
		seen.late++;
		break;
	default:
		printf("# a fence has %s\n", strerrorname_np(-result));
		seen.wrong++;
	}
}

/* The fences of a client that is gone. */
static void judge(struct client *c, bool may_go)
{
	for (int i = 0; i < c->count; i++) {
		count_result(sync_file_wait(c->fences[i].file, LIMIT_MS), may_go);
		close(c->fences[i].file);
	}
	seen.fences += c->count;
	if (!c->count)
		seen.unready++;
	close(c->sock);
}

/* Waits for us go on, whatever became of the waiter. */
static void check_blocked(struct client *c)
{
	for (int i = 0; i < c->count; i++) {
		if (c->fences[i].kind != OURS)
			continue;
		seen.blocked++;
		if (sync_file_wait(c->fences[i].file, 0) != -ETIME)
			seen.early++;
	}
}

void kill_round(void)
{
	static struct client clients[MAX_CLIENTS];
	int n = 1 + rnd(MAX_CLIENTS), timeline = sw_sync_create(), ours;
	bool before = rnd(2);

	need("open sw_sync", timeline);
	ours = sw_sync_fence(timeline, 1);
	need("create a fence", ours);
	for (int i = 0; i < n; i++)
		start(&clients[i], ours, false);
	for (int i = 0; i < n; i++) {
		struct pollfd ready = { .fd = clients[i].sock, .events = POLLIN };

		/* Most of the time when it has the device. */
		if (rnd(8))
			poll(&ready, 1, LIMIT_MS);
		random_moment(40000);
		receive(&clients[i]);
		if (before && i == n - 1)
			sw_sync_advance(timeline, 1);
		kill(clients[i].pid, SIGKILL);
	}
	for (int i = 0; i < n; i++) {
		if (!reap(&clients[i]))
			seen.wrong++;
		receive(&clients[i]);
		if (!before)
			check_blocked(&clients[i]);
	}
	if (!before)
		sw_sync_advance(timeline, 1);
	for (int i = 0; i < n; i++)
		judge(&clients[i], false);
	close(ours);
	close(timeline);
}

void unbind_round(void)
{
	static struct client clients[MAX_CLIENTS];
	int n = 1 + rnd(MAX_CLIENTS), timeline = sw_sync_create(), ours, status;
	pid_t unbinder;

	need("open sw_sync", timeline);
	ours = sw_sync_fence(timeline, 1);
	need("create a fence", ours);
	for (int i = 0; i < n; i++)
		start(&clients[i], ours, true);
	for (int i = 0; i < n; i++) {
		struct pollfd ready = { .fd = clients[i].sock, .events = POLLIN };

		if (rnd(4))
			poll(&ready, 1, LIMIT_MS);
	}
	random_moment(50000);
	fflush(stdout);
	unbinder = fork();
	need("fork", unbinder < 0 ? -errno : 0);
	if (!unbinder)
		_exit(unbind_device() ? 1 : 0);
	random_moment(50000);
	sw_sync_advance(timeline, 1);
	for (int i = 0; i < n; i++) {
		/* They go on, with what is left to them, until their time is over. */
		receive(&clients[i]);
		if (!reap(&clients[i]))
			seen.wrong++;
		receive(&clients[i]);
	}
	waitpid(unbinder, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		seen.wrong++;
	for (int i = 0; i < n; i++)
		judge(&clients[i], true);
	need("bind", bind_device());
	close(ours);
	close(timeline);
}
