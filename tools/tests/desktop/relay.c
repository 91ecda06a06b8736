// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * usage: relay PORT SOCKET
 *
 * Connects the other end of a virtio serial port, one connection after another, to the server at a
 * Unix socket. Ends only on an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The port hangs up while its other end is closed. */
static bool connected(int port)
{
	struct pollfd fd = { .fd = port };

	if (poll(&fd, 1, 0) < 0)
		die("poll");
	return !(fd.revents & POLLHUP);
}

static int call(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die(path);
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		die("fcntl");
	return fd;
}

/* Bytes on their way in one direction. */
struct pipe {
	int from, to;
	size_t start, end;
	char bytes[32768];
};

/* False if the connection is over. */
static bool move(struct pipe *pipe)
{
	ssize_t count;

	if (pipe->start == pipe->end) {
		count = read(pipe->from, pipe->bytes, sizeof(pipe->bytes));
		if (count == 0 || (count < 0 && errno != EAGAIN))
			return false;
		pipe->start = 0;
		pipe->end = count < 0 ? 0 : count;
	}
	if (pipe->start < pipe->end) {
		count = write(pipe->to, pipe->bytes + pipe->start, pipe->end - pipe->start);
		if (count < 0 && errno != EAGAIN)
			return false;
		pipe->start += count < 0 ? 0 : count;
	}
	return true;
}

static void relay(int port, int server)
{
	static struct pipe in, out;

	in = (struct pipe){ .from = port, .to = server };
	out = (struct pipe){ .from = server, .to = port };
	do {
		bool in_waits = in.start < in.end, out_waits = out.start < out.end;
		struct pollfd fds[2] = {
			{ port, (in_waits ? 0 : POLLIN) | (out_waits ? POLLOUT : 0), 0 },
			{ server, (out_waits ? 0 : POLLIN) | (in_waits ? POLLOUT : 0), 0 },
		};

		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[0].revents & POLLHUP)
			return;
	} while (move(&in) && move(&out));
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int port, signal, server;

	if (argc != 3) {
		fprintf(stderr, "usage: relay PORT SOCKET\n");
		return 2;
	}
	port = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port < 0)
		die(argv[1]);
	/* The port's signal is how the driver says that somebody came. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGIO);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) || fcntl(port, F_SETOWN, getpid()) ||
	    fcntl(port, F_SETFL, O_NONBLOCK | O_ASYNC))
		die("signals of the port");
	for (;;) {
		while (!connected(port))
			sigwait(&signals, &signal);
		server = call(argv[2]);
		relay(port, server);
		close(server);
		/* A server that hung up cannot tell the other end, which has to go first. */
		while (connected(port))
			sigwait(&signals, &signal);
	}
}
