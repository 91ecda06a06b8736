// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A timeline whose points a thread signals, in turn by itself and by jobs. Another thread waits for
 * each point, before or after it is there, and a third one asks how far the timeline is: never
 * less far than it was.
 */
#include "reports.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define POINTS 20000
/* Each point with a number that is a multiple of this is a job's. */
#define JOB_EACH 16
/* How far the signaller is ahead of the waiter, at most: jobs of a queue are limited. */
#define AHEAD 256

static struct context ctx;
static uint32_t timeline;
static atomic_ulong waited;
static atomic_bool over, gave_up;
static int wait_result;
static unsigned long asked, backwards, beyond;

static int wait_for(uint64_t point)
{
	struct timespec now;
	struct drm_syncobj_timeline_wait args = {
		.handles = (uintptr_t)&timeline,
		.points = (uintptr_t)&point,
		.count_handles = 1,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
	};

	clock_gettime(CLOCK_MONOTONIC, &now);
	args.timeout_nsec = (now.tv_sec + SECONDS) * 1000000000ll + now.tv_nsec;
	return gpu_ioctl(ctx.fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

static void *waiter(void *unused)
{
	(void)unused;
	for (uint64_t point = 1; point <= POINTS; point++) {
		wait_result = wait_for(point);
		if (wait_result) {
			atomic_store(&gave_up, true);
			break;
		}
		atomic_store(&waited, point);
	}
	return NULL;
}

static void *asker(void *unused)
{
	uint64_t last = 0, point = 0;
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&timeline,
		.points = (uintptr_t)&point,
		.count_handles = 1,
	};

	(void)unused;
	while (!atomic_load(&over)) {
		need("ask for the point", gpu_ioctl(ctx.fd, DRM_IOCTL_SYNCOBJ_QUERY, &args));
		backwards += point < last;
		beyond += point > POINTS;
		last = point;
		asked++;
	}
	return NULL;
}

static int signal_by_job(uint64_t point)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = {
		.sync_type = DRM_ASAHI_SYNC_TIMELINE_SYNCOBJ,
		.handle = timeline,
		.timeline_value = point,
	};

	return submit(&ctx, &command, sizeof(command), &out, 0, 1);
}

static int signal_by_hand(uint64_t point)
{
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&timeline,
		.points = (uintptr_t)&point,
		.count_handles = 1,
	};

	return gpu_ioctl(ctx.fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &args);
}

/* Returns the first point that could not be signalled, or 0. */
static uint64_t signal_all(void)
{
	for (uint64_t point = 1; point <= POINTS; point++) {
		if (point % JOB_EACH ? signal_by_hand(point) : signal_by_job(point))
			return point;
		/* The waiter has a time limit for each point. */
		while (point > atomic_load(&waited) + AHEAD && !atomic_load(&gave_up))
			sched_yield();
		if (atomic_load(&gave_up))
			return point;
	}
	return 0;
}

void test_timelines(void)
{
	pthread_t waits, asks;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &timeline));
	need("start a thread", -pthread_create(&waits, NULL, waiter, NULL));
	need("start a thread", -pthread_create(&asks, NULL, asker, NULL));
	check_true("all points are signalled", signal_all() == 0);
	pthread_join(waits, NULL);
	atomic_store(&over, true);
	pthread_join(asks, NULL);
	check("no wait for a point is lost", wait_result, 0);
	printf("# %lu points waited for, %lu questions\n", atomic_load(&waited), asked);
	check_true("all were waited for", atomic_load(&waited) == POINTS);
	check_true("questions were answered", asked > 0);
	check_true("the timeline does not go back", backwards == 0);
	check_true("nor beyond its end", beyond == 0);
	context_fini(&ctx);
}
