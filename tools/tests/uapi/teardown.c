// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Queues, VMs, buffers and files that go while jobs are in flight. A second file has the syncobjs,
 * and looks at the fences. The kernel log is the other half of the test.
 */
#include "uapi.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
#define JOBS 40

static void submit_jobs(struct context *ctx, uint32_t sync)
{
	for (int i = 0; i < JOBS; i++)
		need("submit", submit_one(ctx, sync));
}

static void check_queue_destroyed(void)
{
	struct context ctx;
	uint32_t sync;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	submit_jobs(&ctx, sync);
	check("destroy a queue with jobs in flight", queue_destroy(ctx.fd, ctx.queue), 0);
	check("its last fence signals", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	check("submit to it", submit_one(&ctx, sync), -ENOENT);
	context_fini(&ctx);
}

static void check_vm_destroyed(void)
{
	struct context ctx;
	uint32_t sync;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	submit_jobs(&ctx, sync);
	check("destroy a VM under its queue", vm_destroy(ctx.fd, ctx.vm), 0);
	check("its last fence signals", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	/* The queue keeps the address space: what was bound stays bound. */
	check("submit after that", submit_one(&ctx, sync), 0);
	check("its fence signals", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	context_fini(&ctx);
}

static void check_buffer_closed(void)
{
	struct context ctx;
	uint32_t sync;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	submit_jobs(&ctx, sync);
	check("close a buffer in use", gem_close(ctx.fd, ctx.bo), 0);
	check("the last fence signals", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	context_fini(&ctx);
}

static void send_fd(int sock, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	if (sendmsg(sock, &msg, 0) != 1)
		_exit(3);
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd = -1;

	if (recvmsg(sock, &msg, 0) != 1)
		return -EPIPE;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd < 0 ? -EPIPE : fd;
}

static void child(int sock)
{
	struct drm_syncobj_handle export = { 0 };
	struct context ctx;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &export.handle));
	submit_jobs(&ctx, export.handle);
	need("export a syncobj", gpu_ioctl(ctx.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &export));
	send_fd(sock, export.fd);
	/* More of them until the parent strikes. */
	for (;;)
		submit_one(&ctx, export.handle);
}

static int killed_once(int fd)
{
	struct drm_syncobj_handle import = { 0 };
	int sock[2], status, ret;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sock))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(sock[0]);
		child(sock[1]);
	}
	close(sock[1]);
	import.fd = receive_fd(sock[0]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(sock[0]);
	if (import.fd < 0)
		return import.fd;

	ret = gpu_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import);
	close(import.fd);
	if (ret)
		return ret;
	ret = syncobj_wait(fd, import.handle, SECONDS);
	syncobj_destroy(fd, import.handle);
	return ret;
}

static void check_killed(void)
{
	int fd = gpu_open();
	int ret = 0;

	need("open the render node", fd);
	for (int i = 0; i < 20 && !ret; i++)
		ret = killed_once(fd);
	check("a killed client's fences signal", ret, 0);
	close(fd);
}

static void check_closed(void)
{
	int last[50], open = 0;

	for (int i = 0; i < 50; i++) {
		struct context ctx;
		uint32_t sync;

		context_init(&ctx);
		need("create a syncobj", syncobj_create(ctx.fd, &sync));
		for (int job = 0; job < i; job++)
			need("submit", submit_one(&ctx, sync));
		/* Of none there is no fence. */
		if (i)
			last[i] = syncobj_export_sync_file(ctx.fd, sync);
		context_fini(&ctx);
		need("export the last fence", i && last[i] < 0 ? last[i] : 0);
	}
	for (int i = 1; i < 50; i++) {
		open += sync_file_wait(last[i], SECONDS * 1000) == -ETIME;
		close(last[i]);
	}
	check("close a file with any number of jobs in flight: fences that do not signal", open, 0);
}

/* A dependency that is not there yet: the job waits, its queue goes, the dependency comes. */
static void check_waiting(void)
{
	struct compute_command command = compute_command();
	struct context slow, fast;
	struct drm_asahi_sync syncs[2] = { 0 };

	context_init(&slow);
	fast = slow;
	need("create a second queue", queue_create(slow.fd, slow.vm, &fast.queue));
	need("create a syncobj", syncobj_create(slow.fd, &syncs[0].handle));
	need("create a syncobj", syncobj_create(slow.fd, &syncs[1].handle));
	submit_jobs(&slow, syncs[0].handle);
	need("submit behind them", submit(&fast, &command, sizeof(command), syncs, 1, 1));
	check("destroy the waiting queue", queue_destroy(fast.fd, fast.queue), 0);
	check("the cancelled job's fence signals", syncobj_wait(slow.fd, syncs[1].handle, SECONDS),
	      0);
	context_fini(&slow);
}

void test_teardown(void)
{
	struct context ctx;
	uint32_t sync;

	check_queue_destroyed();
	check_vm_destroyed();
	check_buffer_closed();
	check_waiting();
	check_killed();
	check_closed();

	/* And the device still works. */
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	check("submit after all that", submit_one(&ctx, sync), 0);
	check("its fence signals", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	context_fini(&ctx);
}
