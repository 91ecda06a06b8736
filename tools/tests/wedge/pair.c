// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client at SCHED_IDLE and a normal one, at the same time, on the only processor, which has busy
 * threads. The fences of jobs in flight have to signal as early for the one as for the other.
 *
 * How late a fence is: its timestamp, less the GPU's end timestamp of its job. Both clocks are the
 * processor's counter. The job's time itself does not count, nor does the time until the client
 * sees the fence.
 *
 * Each client has many queues, and two jobs in each. The second one is submitted while the first
 * one is in flight, and is the one that is measured: the firmware reports the jobs of a queue when
 * the last one in flight is complete. The jobs take long enough (--fault delay:20) that most
 * complete while the client at SCHED_IDLE does not run.
 *
 * Times on a machine that is itself busy are compared only with times of the same moment: each
 * fence of the client at SCHED_IDLE has as its partner the fence of the normal one whose job ended
 * next to its own.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUSY 3
#define QUEUES 24
#define MAX_FENCES 16384
/* Fences of the client at SCHED_IDLE. */
#define WANTED (5 * QUEUES)
#define SECONDS 240
/*
 * A shorter time counts as this much: a tick of the scheduler, which a worker may have to wait for
 * on this processor whatever the client is.
 */
#define FLOOR_US 4000

struct fence {
	int64_t end_us;
	int32_t late_us;
};

struct client {
	volatile bool stop;
	volatile int count;
	int64_t offset_us;
	struct fence fences[MAX_FENCES];
};

static void run_client(void *arg)
{
	struct drm_asahi_gem_bind_object bind = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.range = PAGE,
	};
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = { 0 };
	struct client *client = arg;
	uint32_t queues[QUEUES];
	int files[QUEUES];
	struct context ctx;
	uint64_t *stamps;

	context_init(&ctx);
	need("create a buffer", gem_create(ctx.fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bind.handle));
	stamps = gem_map(ctx.fd, bind.handle, PAGE);
	need("map a buffer", stamps ? 0 : -ENOMEM);
	need("bind it for timestamps", gpu_ioctl(ctx.fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	need("create a syncobj", syncobj_create(ctx.fd, &out.handle));
	for (int i = 0; i < QUEUES; i++)
		need("create a queue", queue_create(ctx.fd, ctx.vm, &queues[i]));

	while (!client->stop && client->count + QUEUES <= MAX_FENCES) {
		for (int i = 0; i < QUEUES; i++) {
			ctx.queue = queues[i];
			need("submit a first job", submit_one(&ctx, out.handle));
		}
		for (int i = 0; i < QUEUES; i++) {
			ctx.queue = queues[i];
			command.compute.ts.end =
				(struct drm_asahi_timestamp){ bind.object_handle, i * 8 };
			need("submit", submit(&ctx, &command, sizeof(command), &out, 0, 1));
			files[i] = syncobj_export_sync_file(ctx.fd, out.handle);
			need("export a sync file", files[i]);
		}
		for (int i = 0; i < QUEUES; i++) {
			int64_t signalled = signalled_us(files[i]);
			int64_t end = client->offset_us + (int64_t)(stamps[i] / 1000);

			close(files[i]);
			client->fences[client->count++] = (struct fence){ end, signalled - end };
		}
	}
}

static struct client *client_new(int64_t offset_us)
{
	struct client *client = mmap(NULL, sizeof(*client), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	need("map memory", client == MAP_FAILED ? -ENOMEM : 0);
	client->offset_us = offset_us;
	return client;
}

/* The fence whose job ended next to @end. */
static int32_t next_to(const struct client *client, int count, int64_t end_us)
{
	int64_t best = INT64_MAX;
	int32_t late = 0;

	for (int i = 0; i < count; i++) {
		int64_t distance = llabs(client->fences[i].end_us - end_us);

		if (distance < best) {
			best = distance;
			late = client->fences[i].late_us;
		}
	}
	return late;
}

static int compare(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

struct figures {
	int32_t median, p90, longest;
};

static struct figures figures(const char *name, int32_t *late, int count)
{
	struct figures f;

	qsort(late, count, sizeof(late[0]), compare);
	f = (struct figures){ late[count / 2], late[count * 9 / 10], late[count - 1] };
	printf("# %s: %d fences, late by %d us (median), %d us (nine in ten), %d us at most\n",
	       name, count, f.median, f.p90, f.longest);
	return f;
}

static bool within_twice(int32_t idle_us, int32_t normal_us)
{
	return idle_us <= 2 * (normal_us > FLOOR_US ? normal_us : FLOOR_US);
}

void test_pair(void)
{
	static int32_t idle_late[MAX_FENCES], partners[MAX_FENCES], normal_late[MAX_FENCES];
	int64_t end, offset = clock_offset_us(gpu_open());
	struct client *normal = client_new(offset), *idle = client_new(offset);
	struct figures i, p, n;
	pid_t busy[BUSY], normal_pid, idle_pid;
	int first, count, normal_count;

	need("this wants one processor", sysconf(_SC_NPROCESSORS_ONLN) == 1 ? 0 : -EINVAL);
	normal_pid = attacker_start(run_client, normal);
	idle_pid = attacker_start(run_client, idle);
	/* They have what they need, and have begun. */
	for (end = now_us() + SECONDS * 1000000ll; !normal->count || !idle->count;) {
		need("both clients begin", now_us() < end ? 0 : -ETIME);
		pause_ms(10);
	}
	for (int i = 0; i < BUSY; i++)
		busy[i] = attacker_start(be_busy, NULL);
	policy(idle_pid, SCHED_IDLE);
	/* Without the jobs that it submitted before. */
	first = idle->count + QUEUES;

	end = now_us() + SECONDS * 1000000ll;
	while (idle->count < first + WANTED * scale && now_us() < end)
		pause_ms(50);
	count = idle->count - first;
	normal_count = normal->count;
	normal->stop = idle->stop = true;
	policy(idle_pid, SCHED_OTHER);
	for (int i = 0; i < BUSY; i++)
		attacker_kill(busy[i]);
	check_true("the normal client ends", attacker_wait(normal_pid, 300));
	check_true("the client at SCHED_IDLE ends", attacker_wait(idle_pid, 300));

	check_true("there was something to measure", count >= 2 * QUEUES && normal_count >= count);
	if (count <= 0 || !normal_count)
		return;
	for (int k = 0; k < count; k++) {
		idle_late[k] = idle->fences[first + k].late_us;
		partners[k] = next_to(normal, normal_count, idle->fences[first + k].end_us);
	}
	for (int k = 0; k < normal_count; k++)
		normal_late[k] = normal->fences[k].late_us;
	i = figures("SCHED_IDLE", idle_late, count);
	p = figures("normal, next to those", partners, count);
	n = figures("normal, all", normal_late, normal_count);
	check_true("half of the fences are as early as those of the normal client",
		   within_twice(i.median, p.median));
	check_true("so are nine in ten", within_twice(i.p90, p.p90));
	check_true("and all", within_twice(i.longest, n.longest));
}
