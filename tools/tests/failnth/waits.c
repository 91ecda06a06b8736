// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Calls that wait: submits for a job of ours that has not begun, and for room in their queue; a
 * bind of timestamps for a job that writes to what has been unbound.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* So many jobs are there before a submit sleeps. */
#define MAX_JOBS 256
#define SECONDS 60
/* More than a client's share of the addresses for timestamps. */
#define LARGE (64ull << 20)

/* The first object gets the next step of a timeline. */
static void next_step(struct state *s)
{
	int file = sw_sync_fence(s->timelines[0], s->value + 1);

	need("a fence", file);
	need("import a fence", syncobj_import_sync_file(s->ctx.fd, s->pending[0], file));
	close(file);
}

/*
 * A job on @queue that waits for the first object, and is what the second one has. It writes to
 * @timestamps, if that is not 0.
 */
static void submit_waiting(struct state *s, uint32_t queue, uint32_t timestamps)
{
	struct compute_command command = compute_command();
	const struct drm_asahi_sync in = { .handle = s->pending[0] };
	const struct drm_asahi_sync out = { .handle = s->pending[1] };
	const struct drm_asahi_sync syncs[] = { in, out };
	struct context ctx = s->ctx;

	ctx.queue = queue;
	command.compute.ts.end.handle = timestamps;
	need("a job that waits", submit(&ctx, &command, sizeof(command), syncs, 1, 1));
}

static void prepare_other_queue(struct state *s)
{
	next_step(s);
	submit_waiting(s, s->other_queue, 0);
}

static void prepare_same_queue(struct state *s)
{
	next_step(s);
	submit_waiting(s, s->ctx.queue, 0);
}

static int call_after_job(struct state *s)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[] = { { .handle = s->pending[1] }, { .handle = s->sync_out } };

	return submit(&s->ctx, &command, sizeof(command), syncs, 1, 1);
}

static void undo_after_job(struct state *s)
{
	sw_sync_advance(s->timelines[0], 1);
	sw_sync_advance(s->timelines[1], 1);
	s->value++;
	need("the job that was waited for", syncobj_wait(s->ctx.fd, s->pending[1], SECONDS));
	undo_submit(s);
}

/* What makes room once the caller sleeps. */
static struct waker {
	pthread_t thread;
	int caller, timeline;
	atomic_bool over;
} waker;
/* Failures that came when there was room. */
static unsigned int late;

static bool sleeps(int tid)
{
	char path[64], stack[4096];
	ssize_t size;
	int file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stack", tid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	need("the caller's stack", file < 0 ? -errno : 0);
	size = read(file, stack, sizeof(stack) - 1);
	close(file);
	stack[size > 0 ? size : 0] = 0;
	return strstr(stack, "park_interruptible");
}

static void *make_room(void *unused)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	int i;

	(void)unused;
	for (i = 0; i < SECONDS * 500 && !sleeps(waker.caller); i++)
		nanosleep(&pause, NULL);
	need("the caller sleeps", i < SECONDS * 500 ? 0 : -ETIME);
	atomic_store(&waker.over, true);
	sw_sync_advance(waker.timeline, 1);
	return NULL;
}

static void start_waker(struct state *s)
{
	waker.caller = gettid();
	waker.timeline = s->timelines[0];
	atomic_store(&waker.over, false);
	need("start a thread", -pthread_create(&waker.thread, NULL, make_room, NULL));
}

static void prepare_full(struct state *s)
{
	next_step(s);
	for (int i = 0; i < MAX_JOBS; i++)
		submit_waiting(s, s->ctx.queue, 0);
	start_waker(s);
}

static int call_full(struct state *s)
{
	int ret = submit_one(&s->ctx, s->sync_out);

	late += ret && atomic_load(&waker.over);
	return ret;
}

static void undo_full(struct state *s)
{
	pthread_join(waker.thread, NULL);
	sw_sync_advance(s->timelines[1], 1);
	s->value++;
	undo_submit(s);
}

/* A buffer, and how much of it may be bound for timestamps: once, but not twice. */
static struct stamps {
	uint32_t bo, object;
	uint64_t size;
} stamps;

static void stamps_init(struct state *s)
{
	need("create a buffer", gem_create(s->ctx.fd, LARGE, 0, 0, &stamps.bo));
	stamps.size = bind_most_timestamps(s->ctx.fd, stamps.bo, LARGE, &stamps.object);
	need("unbind them", unbind_timestamps(s->ctx.fd, stamps.object));
}

static void prepare_in_use(struct state *s)
{
	next_step(s);
	need("bind timestamps",
	     bind_timestamps(s->ctx.fd, stamps.bo, stamps.size, &stamps.object));
	submit_waiting(s, s->ctx.queue, stamps.object);
	need("unbind them", unbind_timestamps(s->ctx.fd, stamps.object));
	start_waker(s);
}

static int call_in_use(struct state *s)
{
	int ret = bind_timestamps(s->ctx.fd, stamps.bo, stamps.size, &stamps.object);

	late += ret && atomic_load(&waker.over);
	return ret;
}

static void undo_in_use(struct state *s)
{
	pthread_join(waker.thread, NULL);
	s->value++;
	need("the job that was waited for", syncobj_wait(s->ctx.fd, s->pending[1], SECONDS));
	need("unbind timestamps", unbind_timestamps(s->ctx.fd, stamps.object));
}

void waits_init(struct state *s)
{
	stamps_init(s);
	need("create a queue", queue_create(s->ctx.fd, s->ctx.vm, &s->other_queue));
}

const struct call wait_calls[] = {
	{ .name = "SUBMIT after a job of another queue", .make = call_after_job,
	  .undo = undo_after_job, .prepare = prepare_other_queue, .least = 1 },
	{ .name = "SUBMIT after a job of its queue", .make = call_after_job,
	  .undo = undo_after_job, .prepare = prepare_same_queue, .least = 1 },
	{ .name = "SUBMIT that waits for room", .make = call_full, .undo = undo_full,
	  .prepare = prepare_full, .least = 2, .counted = &late },
	{ .name = "GEM_BIND_OBJECT that waits for a job", .make = call_in_use,
	  .undo = undo_in_use, .prepare = prepare_in_use, .least = 2, .counted = &late },
	{},
};
