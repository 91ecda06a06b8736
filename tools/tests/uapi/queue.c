// SPDX-License-Identifier: MIT OR Apache-2.0
/* QUEUE_CREATE and QUEUE_DESTROY. */
#include "uapi.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TASKS "/sys/kernel/debug/kasync/tasks"
#define SECONDS 120

/* Live tasks, and a line more: each queue has one. */
static int tasks(void)
{
	FILE *file = fopen(TASKS, "r");
	int c, lines = 0;

	need("read the table of tasks", file ? 0 : -errno);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

/* Many at once, and left to the close of the file, which it does. */
static void check_many(int fd, uint32_t vm)
{
	struct timespec pause = { .tv_nsec = 5000000 };
	uint32_t queue;
	int before;

	for (int i = 0; i < 100; i++)
		need("create many queues", queue_create(fd, vm, &queue));
	before = tasks();
	check_true("100 queues at once have a task each", before > 100);
	close(fd);
	for (int i = 0; i < SECONDS * 200 && tasks() > before - 100; i++)
		nanosleep(&pause, NULL);
	check_true("they end with the file", tasks() <= before - 100);
}

static int create_with(int fd, uint32_t flags, uint32_t vm, uint32_t priority)
{
	struct drm_asahi_queue_create args = { .flags = flags, .vm_id = vm, .priority = priority };
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_QUEUE_CREATE, &args);

	if (!ret)
		queue_destroy(fd, args.queue_id);
	return ret;
}

void test_queue(void)
{
	struct drm_asahi_queue_destroy bad = { .queue_id = 1, .pad = 1 };
	uint32_t vm, queue;
	int fd = gpu_open();
	int other = gpu_open();

	need("open the render node", fd);
	need("open again", other);
	need("create a VM", vm_create(fd, &vm));

	check("create: low", create_with(fd, 0, vm, DRM_ASAHI_PRIORITY_LOW), 0);
	check("create: medium", create_with(fd, 0, vm, DRM_ASAHI_PRIORITY_MEDIUM), 0);
	/* The header reserves these two. */
	check("create: high", create_with(fd, 0, vm, DRM_ASAHI_PRIORITY_HIGH), -EINVAL);
	check("create: realtime", create_with(fd, 0, vm, DRM_ASAHI_PRIORITY_REALTIME), -EINVAL);
	check("create: unknown priority", create_with(fd, 0, vm, 4), -EINVAL);
	check("create: flags", create_with(fd, 1, vm, 0), -EINVAL);
	check("create: unknown VM", create_with(fd, 0, 12345, 0), -ENOENT);
	check("create: another file's VM", create_with(other, 0, vm, 0), -ENOENT);

	need("create a queue", queue_create(fd, vm, &queue));
	check_true("identifier is not zero", queue != 0);
	check("destroy: pad", gpu_ioctl(fd, DRM_IOCTL_ASAHI_QUEUE_DESTROY, &bad), -EINVAL);
	check("destroy: another file's", queue_destroy(other, queue), -ENOENT);
	check("destroy", queue_destroy(fd, queue), 0);
	check("destroy: twice", queue_destroy(fd, queue), -ENOENT);
	check("destroy: unknown", queue_destroy(fd, 12345), -ENOENT);

	check_many(fd, vm);
	close(other);
}
