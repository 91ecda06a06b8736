// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * System suspend with jobs in all states, and then everything that was submitted completes.
 *
 * usage: suspend freezer|s2idle
 *
 * With "freezer" the kernel goes as far as it goes with pm_test at that: drivers are told, all
 * processes are frozen for a second, and that is undone. With "s2idle" the system sleeps until the
 * clock wakes it. By then devices are suspended, those by which the test talks to the outside, too:
 * the module keep_awake is for them.
 *
 * The emulator has to have the first job take 2 s, the second one 20 s, and all others 20 ms:
 *
 *	--fault delay:20 --fault delay:1:2000 --fault delay:2:20000
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What completes completes within this time after the system is back. */
#define SECONDS 60
/* So many jobs are there before a submit blocks. */
#define MAX_JOBS 256

#define ALARM "/sys/class/rtc/rtc0/wakealarm"
/*
 * So many seconds after it was set the clock wakes the system. If it is not asleep by then, it does
 * not get there any more.
 */
#define ALARM_SECONDS 10

static struct context ctx;
/* Down to s2idle, and not only to the freezer. */
static bool deep;

static int read_number(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	need(path, fd < 0 || read(fd, text, sizeof(text) - 1) < 0 ? -errno : 0);
	close(fd);
	return atoi(text);
}

static int seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static int suspend(void)
{
	int ret, start, before = read_number("/sys/power/suspend_stats/success");
	char alarm[16];

	if (deep) {
		snprintf(alarm, sizeof(alarm), "+%d", ALARM_SECONDS);
		need("clear the alarm", write_file(ALARM, "0"));
		need("set the alarm", write_file(ALARM, alarm));
	}
	start = seconds();
	ret = write_file("/sys/power/state", "freeze");
	printf("# suspend: %s, %d s\n", ret ? strerror(-ret) : "ok", seconds() - start);
	fflush(stdout);
	if (deep) {
		need("clear the alarm", write_file(ALARM, "0"));
		/* It has slept, and until the alarm, whose clock counts whole seconds. */
		if (!ret && (read_number("/sys/power/suspend_stats/success") != before + 1 ||
			     seconds() - start < ALARM_SECONDS - 2))
			ret = -EAGAIN;
	}
	return ret;
}

static void check_suspend(const char *what)
{
	char text[96];

	snprintf(text, sizeof(text), "the system sleeps with %s", what);
	check(text, suspend(), 0);
}

/* An empty job on @queue, after @in, if that is not 0, that signals @out. */
static int submit_on(uint32_t queue, uint32_t in, uint32_t out)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = {
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = in },
		{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = out },
	};
	struct context other = ctx;

	other.queue = queue;
	return submit(&other, &command, sizeof(command), in ? syncs : syncs + 1, !!in, 1);
}

static void check_one(const char *what)
{
	uint32_t sync;

	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	need("submit", submit_on(ctx.queue, 0, sync));
	check_suspend(what);
	check("it completes", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	syncobj_destroy(ctx.fd, sync);
}

/* A job that takes longer than any wait. */
static void check_refused(void)
{
	uint32_t sync;

	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	need("submit", submit_on(ctx.queue, 0, sync));
	check("suspend is refused with a job of 20 s", suspend(), -EBUSY);
	check("it completes", syncobj_wait(ctx.fd, sync, SECONDS), 0);
	syncobj_destroy(ctx.fd, sync);
}

/* More jobs than can be in flight, on four queues, the last of them after all others. */
static void check_many(int count)
{
	uint32_t queues[4] = { ctx.queue }, last = 0, *syncs = calloc(count, sizeof(*syncs));
	char text[64];
	int ret = 0;

	need("have memory", syncs ? 0 : -ENOMEM);
	for (size_t i = 1; i < ARRAY_SIZE(queues); i++)
		need("create a queue", queue_create(ctx.fd, ctx.vm, &queues[i]));
	for (int i = 0; i < count; i++) {
		need("create a syncobj", syncobj_create(ctx.fd, &syncs[i]));
		/* Each waits for the one before it on another queue, now and then. */
		need("submit", submit_on(queues[i % ARRAY_SIZE(queues)], i % 10 == 9 ? last : 0,
					 syncs[i]));
		last = syncs[i];
	}
	snprintf(text, sizeof(text), "%d jobs", count);
	check_suspend(text);
	for (int i = 0; i < count; i++) {
		ret = ret ?: syncobj_wait(ctx.fd, syncs[i], SECONDS);
		syncobj_destroy(ctx.fd, syncs[i]);
	}
	check("all complete", ret, 0);
	for (size_t i = 1; i < ARRAY_SIZE(queues); i++)
		queue_destroy(ctx.fd, queues[i]);
	free(syncs);
}

struct thread {
	pthread_t id;
	uint32_t in, out;
	volatile bool begun;
	int result;
};

static void *submit_blocked(void *arg)
{
	struct thread *thread = arg;

	thread->begun = true;
	thread->result = submit_on(ctx.queue, 0, thread->out);
	return NULL;
}

static void *wait_for(void *arg)
{
	struct thread *thread = arg;

	thread->begun = true;
	thread->result = syncobj_wait(ctx.fd, thread->out, SECONDS);
	return NULL;
}

static void start(struct thread *thread, void *(*body)(void *))
{
	need("start a thread", -pthread_create(&thread->id, NULL, body, thread));
	while (!thread->begun)
		usleep(1000);
}

/* Jobs that wait for a fence, a submit that waits for them, and a thread that waits for that. */
static void check_waits(void)
{
	int timeline = sw_sync_create(), file = sw_sync_fence(timeline, 1);
	struct thread blocked = {}, waiter = {};
	uint32_t in, out;
	int ret = 0;

	need("create a timeline", timeline);
	need("create a fence", file);
	need("create a syncobj", syncobj_create(ctx.fd, &in));
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	need("create a syncobj", syncobj_create(ctx.fd, &blocked.out));
	need("import it", syncobj_import_sync_file(ctx.fd, in, file));
	for (int i = 0; i < MAX_JOBS && !ret; i++)
		ret = submit_on(ctx.queue, in, out);
	need("submit", ret);
	waiter.out = out;
	start(&waiter, wait_for);
	start(&blocked, submit_blocked);
	/* The submit sleeps, sooner or later. Whether it does makes no difference to the result. */
	usleep(300000);

	check_suspend("a submit that sleeps and a thread that waits");
	sw_sync_advance(timeline, 1);
	pthread_join(waiter.id, NULL);
	check("the wait ends", waiter.result, 0);
	pthread_join(blocked.id, NULL);
	check("the submit goes on", blocked.result, 0);
	check("its job completes", syncobj_wait(ctx.fd, blocked.out, SECONDS), 0);
	close(file);
	close(timeline);
}

int main(int argc, char **argv)
{
	deep = argc == 2 && !strcmp(argv[1], "s2idle");
	if (!deep && (argc != 2 || strcmp(argv[1], "freezer"))) {
		fprintf(stderr, "usage: suspend freezer|s2idle\n");
		return 2;
	}
	need("say how far to go", write_file("/sys/power/pm_test", deep ? "none" : "freezer"));
	need("for a second", write_file("/sys/module/suspend/parameters/pm_test_delay", "1"));
	context_init(&ctx);
	check_one("a job of 2 s");
	check_refused();
	check_suspend("no job");
	check_one("a job");
	check_many(100);
	check_many(600);
	check_waits();
	context_fini(&ctx);
	return finish();
}
