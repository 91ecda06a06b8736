// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Clients whose lives end at random moments, with jobs in all states: killed, or with the device
 * taken away from them. What their fences are worth to others is looked at from this process, which
 * has them as sync files.
 *
 * usage: lives kill|unbind SECONDS [SEED]
 *        lives outlive
 *
 *	kill       clients are killed with SIGKILL, whatever they are doing
 *	unbind     the driver is unbound from the device, and bound to it again, while clients come
 *		   and go
 *	outlive    what fences are worth when all modules that they come from are gone; those are
 *		   not loaded again
 *
 * Prints TAP, and what was done. The kernel log is the other half of the test.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 3
#define MAX_FENCES 1024
/* Within this every fence has signalled, and every client is gone. */
#define LIMIT_MS 60000
/* How much longer a run may take than it was asked for. */
#define MOST_MS 300000
#define DRIVER "/sys/bus/platform/drivers/asahi/"
#define DEVICE "11000000.gpu"

/* What a fence waits for. */
enum kind {
	/* Jobs of its client, and perhaps a timeline of the client's own, which goes with it. */
	OWN,
	/* This process's timeline, among other things. */
	OURS,
	/* The client had the device, and has all that it needs. */
	READY,
};

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

static struct {
	unsigned int rounds, clients, unready, fences, blocked, well, cancelled, gone, early, late,
		wrong, stuck;
} seen;

static uint32_t state;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void random_moment(uint32_t below_us)
{
	struct timespec time = { .tv_nsec = rnd(below_us) * 1000 };

	nanosleep(&time, NULL);
}

static void send_fence(int sock, int file, char kind)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &kind, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (file >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &file, sizeof(int));
	}
	/* Full if the parent has no time: then this one is nobody's but ours. */
	sendmsg(sock, &msg, MSG_DONTWAIT);
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

/* What a client does when an ioctl fails: the device may be gone. If it is not the test is over. */
static void must(const char *what, int ret, bool may_go)
{
	if (ret >= 0)
		return;
	if (may_go && (ret == -ENODEV || ret == -ECANCELED))
		_exit(0);
	need(what, ret);
}

/* One job, after a sync file if there is one. Its fence goes to the parent. */
static void client_submit(struct context *ctx, int sock, int after, enum kind kind, bool may_go)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = { 0 };
	int in = after >= 0, file;

	must("create a syncobj", syncobj_create(ctx->fd, &syncs[in].handle), may_go);
	if (in) {
		must("create a syncobj", syncobj_create(ctx->fd, &syncs[0].handle), may_go);
		must("import a sync file",
		     syncobj_import_sync_file(ctx->fd, syncs[0].handle, after), may_go);
	}
	must("submit", submit(ctx, &command, sizeof(command), syncs, in, 1), may_go);
	file = syncobj_export_sync_file(ctx->fd, syncs[in].handle);
	must("export a sync file", file, may_go);
	send_fence(sock, file, kind);
	close(file);
	for (int i = 0; i <= in; i++)
		must("destroy a syncobj", syncobj_destroy(ctx->fd, syncs[i].handle), may_go);
}

/* As context_init(), which takes the device for granted. */
static void client_context(struct context *ctx, int sock, bool may_go)
{
	ctx->fd = gpu_open();
	must("open the render node", ctx->fd, may_go);
	must("create a VM", vm_create(ctx->fd, &ctx->vm), may_go);
	must("create a buffer", gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &ctx->bo),
	     may_go);
	ctx->map = gem_map(ctx->fd, ctx->bo, PAGE);
	must("map a buffer", ctx->map ? 0 : -ENODEV, may_go);
	ctx->map[0] = CDM_TERMINATE;
	ctx->map[1] = 0;
	must("bind a buffer", vm_bind(ctx->fd, ctx->vm, ctx->bo, USER_VA, PAGE), may_go);
	must("create a queue", queue_create(ctx->fd, ctx->vm, &ctx->queue), may_go);
	send_fence(sock, -1, READY);
}

/* Until it is killed. */
static void client(int sock, int ours, bool may_go)
{
	int own = sw_sync_create(), n = 0;
	struct context ctx, second;

	need("open sw_sync", own);
	client_context(&ctx, sock, may_go);
	second = ctx;
	must("create a queue", queue_create(ctx.fd, ctx.vm, &second.queue), may_go);
	for (;;) {
		struct context *queue = rnd(2) ? &ctx : &second;
		int file;

		switch (rnd(32)) {
		case 0 ... 7:
			file = sw_sync_fence(own, ++n);
			must("create a fence", file, may_go);
			client_submit(queue, sock, file, OWN, may_go);
			close(file);
			break;
		case 8 ... 11:
			sw_sync_advance(own, 1 + rnd(3));
			break;
		case 12 ... 14:
			client_submit(queue, sock, ours, OURS, may_go);
			break;
		case 15:
			must("destroy a queue", queue_destroy(ctx.fd, queue->queue), may_go);
			must("create a queue", queue_create(ctx.fd, ctx.vm, &queue->queue), may_go);
			break;
		case 16:
			context_fini(&ctx);
			client_context(&ctx, sock, may_go);
			second = ctx;
			must("create a queue", queue_create(ctx.fd, ctx.vm, &second.queue), may_go);
			break;
		case 17:
			/* More than there is room for: it waits in the ioctl until it is killed. */
			file = sw_sync_fence(own, INT32_MAX);
			must("create a fence", file, may_go);
			for (int i = 0; i < 300; i++)
				client_submit(queue, sock, i ? -1 : file, OWN, may_go);
			close(file);
			break;
		default:
			client_submit(queue, sock, -1, OWN, may_go);
		}
	}
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

/* What waits for us does, whatever became of who waits. */
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

static void kill_round(void)
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

static int driver_write(const char *file)
{
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), DRIVER "%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, DEVICE, strlen(DEVICE)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static void unbind_round(void)
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
		_exit(driver_write("unbind") ? 1 : 0);
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
	need("bind", driver_write("bind"));
	close(ours);
	close(timeline);
}

/* What a sync file says of its only fence. */
static struct sync_fence_info info_of(int file)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };

	need("ask a sync file", ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : 0);
	check_true("it has one fence, which says the same",
		   info.num_fences == 1 && info.status == fence.status);
	return fence;
}

static void check_outlived(int file, int status)
{
	struct sync_merge_data merged = { .name = "merged", .fd2 = file };
	struct sync_fence_info info = info_of(file);

	check("its result", sync_file_wait(file, 0), status);
	check_true("names that are nobody's", !strcmp(info.driver_name, "detached-driver") &&
		   !strcmp(info.obj_name, "signaled-timeline"));
	check_true("the time when it signalled", info.timestamp_ns);
	check("merge it", ioctl(file, SYNC_IOC_MERGE, &merged) ? -errno : 0, 0);
	check_true("the merged one has signalled", sync_file_wait(merged.fence, 0) != -ETIME);
	close(merged.fence);
	close(file);
}

static int outlive(void)
{
	struct compute_command command = compute_command();
	int timeline = sw_sync_create(), in, files[2], status;
	struct drm_asahi_sync syncs[2] = { 0 };
	struct sync_fence_info info;
	struct context ctx;
	pid_t pid;

	need("open sw_sync", timeline);
	in = sw_sync_fence(timeline, 1);
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &syncs[0].handle));
	need("create a syncobj", syncobj_create(ctx.fd, &syncs[1].handle));
	need("submit", submit_one(&ctx, syncs[1].handle));
	files[0] = syncobj_export_sync_file(ctx.fd, syncs[1].handle);
	need("export a sync file", files[0]);
	check("a job that goes well", sync_file_wait(files[0], LIMIT_MS), 0);
	need("import a sync file", syncobj_import_sync_file(ctx.fd, syncs[0].handle, in));
	need("submit", submit(&ctx, &command, sizeof(command), syncs, 1, 1));
	files[1] = syncobj_export_sync_file(ctx.fd, syncs[1].handle);
	need("export a sync file", files[1]);
	info = info_of(files[1]);
	check_true("one that waits has its driver's name", !strcmp(info.driver_name, "asahi"));
	context_fini(&ctx);
	sw_sync_advance(timeline, 1);
	check("it is cancelled with its file", sync_file_wait(files[1], LIMIT_MS), -ECANCELED);

	fflush(stdout);
	pid = fork();
	need("fork", pid < 0 ? -errno : 0);
	if (!pid) {
		execlp("rmmod", "rmmod", "asahi", "jobqueue", "kasync", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	check_true("unload all modules", WIFEXITED(status) && !WEXITSTATUS(status));
	check_outlived(files[0], 0);
	check_outlived(files[1], -ECANCELED);
	close(in);
	close(timeline);
	return finish();
}

/* Whether there was something to see. */
static bool enough(void)
{
	return seen.rounds > 1 && seen.well && seen.cancelled + seen.gone;
}

int main(int argc, char **argv)
{
	bool unbind = argc > 1 && !strcmp(argv[1], "unbind");
	uint32_t seed = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;
	struct context ctx;
	uint32_t sync;
	int64_t end;

	if (argc == 2 && !strcmp(argv[1], "outlive"))
		return outlive();
	if (argc < 3 || (!unbind && strcmp(argv[1], "kill"))) {
		fprintf(stderr, "usage: lives kill|unbind SECONDS [SEED], lives outlive\n");
		return 2;
	}
	state = seed | 1;
	for (int i = 0; i < 8; i++)
		rnd(2);
	end = now_ms() + atoi(argv[2]) * 1000ll;
	/* A machine that is slow takes longer until there was something to see. */
	while ((now_ms() < end || (!enough() && now_ms() < end + MOST_MS)) && !seen.stuck &&
	       !seen.late) {
		if (unbind)
			unbind_round();
		else
			kill_round();
		seen.rounds++;
	}
	printf("# seed %u: %u rounds, %u clients, %u of them without a job; %u fences: %u well, %u cancelled, %u without device; %u were blocked\n",
	       seed, seen.rounds, seen.clients, seen.unready, seen.fences, seen.well,
	       seen.cancelled, seen.gone, seen.blocked);
	check_true("all clients have ended", !seen.stuck);
	check_true("all fences have signalled", !seen.late);
	check_true("none early", !seen.early);
	check_true("nothing unexpected", !seen.wrong);
	check_true("there was something to see", enough());

	/* And the device still works. */
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	check("submit after all that", submit_one(&ctx, sync), 0);
	check("its fence signals", syncobj_wait(ctx.fd, sync, LIMIT_MS / 1000), 0);
	context_fini(&ctx);
	return finish();
}
