// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Calls that sleep in a page fault: what they copy, or copy to, is on a disk that does not answer.
 * Meanwhile the device is unbound, and the client killed. It goes at once, unbind comes to its end,
 * and the next bind has a GPU that works.
 *
 * usage: sleepers DISK
 *
 * The disk is QEMU's, limited to one byte a second after a burst of 256 KiB, and of 16 MiB at
 * least. Its first MiB is read here, which is more than there will be for hours.
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BURST (1024 * 1024)
#define SLOW_SIZE 0x10000ull
#define SECONDS 60

/* Pages of the disk that nobody has read yet; each call has some of its own. */
static off_t slow_at = 8 * 1024 * 1024;
static const char *disk;

static void *slow_map(int prot)
{
	int fd = open(disk, O_RDONLY | O_CLOEXEC);
	void *map;

	need("open the disk", fd < 0 ? -errno : 0);
	map = mmap(NULL, SLOW_SIZE, prot, MAP_PRIVATE, fd, slow_at);
	need("map it", map == MAP_FAILED ? -errno : 0);
	/* One page at a time. */
	madvise(map, SLOW_SIZE, MADV_RANDOM);
	close(fd);
	return map;
}

static int call_commands(struct context *ctx)
{
	return submit(ctx, slow_map(PROT_READ), sizeof(struct compute_command), NULL, 0, 0);
}

static int call_syncs(struct context *ctx)
{
	struct compute_command command = compute_command();

	return submit(ctx, &command, sizeof(command), slow_map(PROT_READ), 0, 1);
}

static int call_bind(struct context *ctx)
{
	struct drm_asahi_vm_bind args = {
		.vm_id = ctx->vm, .num_binds = 1, .stride = sizeof(struct drm_asahi_gem_bind_op),
		.userptr = (uintptr_t)slow_map(PROT_READ),
	};

	return gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

/* The arguments themselves. */
static int call_arguments(struct context *ctx)
{
	return gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_CREATE, slow_map(PROT_READ | PROT_WRITE));
}

/* Copied to, not from. */
static int call_params(struct context *ctx)
{
	return get_params(ctx->fd, slow_map(PROT_READ | PROT_WRITE));
}

static const struct {
	const char *name;
	int (*make)(struct context *ctx);
} sleepers[] = {
	{ "commands of SUBMIT", call_commands },
	{ "syncs of SUBMIT", call_syncs },
	{ "operations of VM_BIND", call_bind },
	{ "arguments of GEM_CREATE", call_arguments },
	{ "results of GET_PARAMS", call_params },
};

/* Whether @text becomes part of a file of /proc; false if that takes too long. */
static bool wait_for(pid_t pid, const char *name, const char *text)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	char path[64], all[4096];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	for (int i = 0; i < SECONDS * 100; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t size = fd < 0 ? -1 : read(fd, all, sizeof(all) - 1);

		if (fd >= 0)
			close(fd);
		if (size > 0) {
			all[size] = 0;
			if (strstr(all, text))
				return true;
		}
		nanosleep(&pause, NULL);
	}
	printf("# the %s of %d:\n# %s\n", name, pid, all);
	return false;
}

/* A client that makes the call, and sleeps in it. Returns its process. */
static pid_t start(size_t i)
{
	pid_t pid = fork();

	need("fork", pid < 0 ? -errno : 0);
	if (!pid) {
		struct context ctx;

		context_init(&ctx);
		_exit(sleepers[i].make(&ctx) ? 1 : 0);
	}
	slow_at += SLOW_SIZE;
	return pid;
}

static atomic_bool unbound;

static void *unbind(void *result)
{
	*(int *)result = unbind_device();
	atomic_store(&unbound, true);
	return NULL;
}

/* Whether a killed client is gone in time. */
static bool gone(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < SECONDS * 100; i++) {
		int status;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void check_killed(size_t i)
{
	char text[128];
	pid_t pid = start(i);
	bool asleep = wait_for(pid, "stack", "filemap_fault");

	snprintf(text, sizeof(text), "%s: asleep in a fault", sleepers[i].name);
	check_true(text, asleep);
	/* It holds nothing that others need. */
	snprintf(text, sizeof(text), "%s: another client's job", sleepers[i].name);
	check(text, new_job(SECONDS), 0);
	kill(pid, SIGKILL);
	snprintf(text, sizeof(text), "%s: the client goes", sleepers[i].name);
	check_true(text, gone(pid));
}

static void check_unbound(size_t i)
{
	struct timespec end;
	char text[128];
	pid_t pid = start(i);
	pthread_t thread;
	int result = 1, fd;

	if (!wait_for(pid, "stack", "filemap_fault")) {
		snprintf(text, sizeof(text), "%s: asleep before unbind", sleepers[i].name);
		check_true(text, false);
	}
	atomic_store(&unbound, false);
	need("start a thread", -pthread_create(&thread, NULL, unbind, &result));
	/* The node goes whether or not unbind waits for the client. */
	for (int n = 0; n < SECONDS * 100; n++) {
		fd = gpu_open();
		if (fd < 0)
			break;
		close(fd);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	snprintf(text, sizeof(text), "%s: no new clients meanwhile", sleepers[i].name);
	check(text, fd < 0 ? -ENODEV : 0, -ENODEV);
	printf("# unbind %s for the client\n", atomic_load(&unbound) ? "does not wait" : "waits");
	kill(pid, SIGKILL);
	snprintf(text, sizeof(text), "%s: the client goes, with unbind", sleepers[i].name);
	check_true(text, gone(pid));
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += SECONDS;
	need("unbind comes to its end", -pthread_timedjoin_np(thread, NULL, &end));
	snprintf(text, sizeof(text), "%s: unbind", sleepers[i].name);
	check(text, result, 0);
	snprintf(text, sizeof(text), "%s: bind again", sleepers[i].name);
	check(text, bind_device(), 0);
	snprintf(text, sizeof(text), "%s: a job", sleepers[i].name);
	check(text, new_job(SECONDS), 0);
}

/*
 * Keeps the disk open for ever: the last one that closes it would wait for what is read. The
 * process stays behind.
 */
static void hold(void)
{
	pid_t pid = fork();

	need("fork", pid < 0 ? -errno : 0);
	if (pid)
		return;
	need("open the disk", open(disk, O_RDONLY | O_CLOEXEC) < 0 ? -errno : 0);
	/* Others may wait for the end of the output. */
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	void *burst = aligned_alloc(PAGE, BURST);
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: sleepers DISK\n");
		return 2;
	}
	disk = argv[1];
	fflush(stdout);
	fd = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);
	need("open the disk", fd < 0 ? -errno : 0);
	need("read its first MiB", pread(fd, burst, BURST, 0) != BURST ? -EIO : 0);
	hold();
	close(fd);
	free(burst);
	for (size_t i = 0; i < ARRAY_SIZE(sleepers); i++) {
		check_killed(i);
		check_unbound(i);
	}
	return finish();
}
