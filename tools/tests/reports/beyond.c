// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One process makes a buffer, exports it and goes; another binds it twice, once beyond its end,
 * unbinds half of it, and has the GPU use the rest.
 */
#define _GNU_SOURCE
#include "reports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 8
#define FIRST_VA (USER_VA + 0x1000000ull)
#define SECOND_VA (USER_VA + 0x2000000ull)

static void send_file(int socket, int file)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = {};
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &file, sizeof(int));
	need("send a file", sendmsg(socket, &message, 0) < 0 ? -errno : 0);
}

static int receive_file(int socket)
{
	char byte, room[CMSG_SPACE(sizeof(int))] = {};
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	int file;

	need("receive a file", recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0 ? -errno : 0);
	need("a file", CMSG_FIRSTHDR(&message) ? 0 : -EBADF);
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return file;
}

/* Each page begins with an empty stream. */
static void maker(int socket)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int fd = gpu_open();
	uint32_t *map;

	need("open the render node", fd);
	need("create a buffer", gem_create(fd, PAGES * PAGE, 0, 0, &export.handle));
	map = gem_map(fd, export.handle, PAGES * PAGE);
	need("map it", map ? 0 : -ENOMEM);
	for (int i = 0; i < PAGES; i++)
		map[i * (PAGE / 4)] = CDM_TERMINATE;
	need("export it", gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	send_file(socket, export.fd);
}

static int run_at(struct context *ctx, uint64_t va)
{
	struct compute_command command = compute_command();

	command.compute.cdm_ctrl_stream_base = va;
	command.compute.cdm_ctrl_stream_end = va + 8;
	return submit_and_wait(ctx, &command, sizeof(command), SECONDS);
}

void test_beyond(void)
{
	struct drm_prime_handle import = {};
	struct drm_gem_close again = {};
	struct context ctx;
	int sockets[2], status;
	pid_t pid;

	need("a pair of sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) ? -errno : 0);
	fflush(stdout);
	pid = fork();
	need("fork", pid < 0 ? -errno : 0);
	if (!pid) {
		maker(sockets[1]);
		_exit(0);
	}
	import.fd = receive_file(sockets[0]);
	need("the maker goes", waitpid(pid, &status, 0) < 0 ? -errno : 0);
	check_true("the maker is gone", WIFEXITED(status) && !WEXITSTATUS(status));
	context_init(&ctx);
	check("import", gpu_ioctl(ctx.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);
	again.handle = import.handle;
	check("bind", vm_bind(ctx.fd, ctx.vm, import.handle, FIRST_VA, PAGES * PAGE), 0);
	check("bind beyond its end",
	      vm_bind(ctx.fd, ctx.vm, import.handle, SECOND_VA, (PAGES + 1) * PAGE), -EINVAL);
	check("bind again", vm_bind(ctx.fd, ctx.vm, import.handle, SECOND_VA, PAGES * PAGE), 0);
	check("unbind half", vm_bind_op(ctx.fd, ctx.vm, (struct drm_asahi_gem_bind_op){
		.flags = DRM_ASAHI_BIND_UNBIND, .addr = FIRST_VA, .range = PAGES / 2 * PAGE }), 0);
	close(import.fd);
	check("the GPU reads the other half",
	      run_at(&ctx, FIRST_VA + (PAGES - 1) * PAGE), 0);
	check("and the second mapping", run_at(&ctx, SECOND_VA), 0);
	/* With its handle it goes from the client's address spaces. */
	check("close the handle", gpu_ioctl(ctx.fd, DRM_IOCTL_GEM_CLOSE, &again), 0);
	check("it is no longer mapped", run_at(&ctx, SECOND_VA), -EIO);
	context_fini(&ctx);
	close(sockets[0]);
	close(sockets[1]);
}
