// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A thread sleeps in SUBMIT, as its queue is full of jobs that wait for a fence. Another thread has
 * every other call of the same file come back meanwhile, that which destroys this very queue last:
 * it ends the submit.
 */
#define _GNU_SOURCE
#include "reports.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* So many jobs are there before a submit sleeps. */
#define MAX_JOBS 256

static struct context ctx;
static uint32_t in, out;
static atomic_int tid;
static atomic_bool over;
static int result;

static int submit_waiting(void)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[] = { { .handle = in }, { .handle = out } };

	return submit(&ctx, &command, sizeof(command), syncs, 1, 1);
}

static void *sleeper(void *unused)
{
	(void)unused;
	atomic_store(&tid, gettid());
	result = submit_waiting();
	atomic_store(&over, true);
	return NULL;
}

static void calls(uint32_t other_vm, uint32_t other_queue)
{
	struct drm_asahi_get_time time = {};
	struct drm_asahi_params_global params;
	struct drm_asahi_gem_bind_object object = {
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .range = PAGE,
	};
	uint32_t vm, handle, queue, sync;
	uint64_t offset;

	check("GET_PARAMS", get_params(ctx.fd, &params), 0);
	check("GET_TIME", gpu_ioctl(ctx.fd, DRM_IOCTL_ASAHI_GET_TIME, &time), 0);
	check("VM_CREATE", vm_create(ctx.fd, &vm), 0);
	check("GEM_CREATE", gem_create(ctx.fd, PAGE, 0, 0, &handle), 0);
	check("GEM_MMAP_OFFSET", gem_mmap_offset(ctx.fd, handle, &offset), 0);
	check("VM_BIND, in the address space of the jobs",
	      vm_bind(ctx.fd, ctx.vm, handle, USER_VA + 0x100000, PAGE), 0);
	object.handle = handle;
	check("GEM_BIND_OBJECT", gpu_ioctl(ctx.fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &object), 0);
	check("QUEUE_CREATE", queue_create(ctx.fd, vm, &queue), 0);
	check("QUEUE_DESTROY of another queue", queue_destroy(ctx.fd, queue), 0);
	check("VM_DESTROY", vm_destroy(ctx.fd, vm), 0);
	check("GEM_CLOSE", gem_close(ctx.fd, handle), 0);
	check("SYNCOBJ_CREATE", syncobj_create(ctx.fd, &sync), 0);
	ctx.queue = other_queue;
	check("SUBMIT to another queue", submit_one(&ctx, sync), 0);
	check("its job is done", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	check("close a dup", close(dup(ctx.fd)) ? -errno : 0, 0);
	check("VM_DESTROY of the other queue's", vm_destroy(ctx.fd, other_vm), 0);
}

/* Reads all that fdinfo says. */
static int read_fdinfo(void)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ctx.fd);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		;
	fclose(file);
	return 0;
}

void test_held_up(void)
{
	uint32_t full, other_vm, other_queue;
	int timeline = sw_sync_create(), file;
	pthread_t thread;

	need("a timeline", timeline);
	file = sw_sync_fence(timeline, 1);
	need("a fence", file);
	context_init(&ctx);
	need("create a VM", vm_create(ctx.fd, &other_vm));
	need("bind a stream", vm_bind(ctx.fd, other_vm, ctx.bo, USER_VA, PAGE));
	need("create a queue", queue_create(ctx.fd, other_vm, &other_queue));
	need("create a syncobj", syncobj_create(ctx.fd, &in));
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	need("import a fence", syncobj_import_sync_file(ctx.fd, in, file));
	for (int i = 0; i < MAX_JOBS; i++)
		need("submit", submit_waiting());
	full = ctx.queue;
	need("start a thread", -pthread_create(&thread, NULL, sleeper, NULL));
	while (!atomic_load(&tid))
		usleep(1000);
	check_true("a thread sleeps in SUBMIT", sleeps_in(atomic_load(&tid), "park_interruptible"));
	calls(other_vm, other_queue);
	check("fdinfo", read_fdinfo(), 0);
	check_true("the thread still sleeps", !atomic_load(&over));
	check("QUEUE_DESTROY of its queue", queue_destroy(ctx.fd, full), 0);
	pthread_join(thread, NULL);
	check_either("that ends its SUBMIT", result, -ENOENT, -ECANCELED);
	sw_sync_advance(timeline, 1);
	check("jobs of the queue end", syncobj_wait(ctx.fd, out, SECONDS), 0);
	context_fini(&ctx);
	close(file);
	close(timeline);
}
