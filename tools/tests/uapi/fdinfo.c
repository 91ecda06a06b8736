// SPDX-License-Identifier: MIT OR Apache-2.0
/* The fdinfo of a client: Documentation/gpu/drm-usage-stats.rst. */
#include "uapi.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 120
#define ENGINE "drm-engine-compute"

static char text[4096];

static void read_fdinfo(int fd)
{
	char path[64];
	size_t length = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	if (file) {
		length = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[length] = 0;
}

/* What stands behind "key:", or NULL. Points into the text. */
static const char *value_of(const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length) && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

/* The number behind "key:", if it is followed by "unit"; else -1. */
static long long number_of(int fd, const char *key, const char *unit)
{
	const char *value;
	char *end;
	long long number;

	read_fdinfo(fd);
	value = value_of(key);
	if (!value)
		return -1;
	number = strtoll(value, &end, 10);
	return end != value && !strncmp(end, unit, strlen(unit)) ? number : -1;
}

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void check_engine(struct context *ctx, struct context *other)
{
	long long start, first, second, after, idle;
	uint32_t sync;
	int ret = 0;

	need("create a syncobj", syncobj_create(ctx->fd, &sync));
	check_true("a client that did nothing has used nothing",
		   number_of(ctx->fd, ENGINE, " ns\n") == 0);
	start = now();
	need("submit", submit_one(ctx, sync));
	need("wait", syncobj_wait(ctx->fd, sync, SECONDS));
	first = number_of(ctx->fd, ENGINE, " ns\n");
	check_true("a job takes time", first > 0);
	for (int i = 0; i < 100 && !ret; i++)
		ret = submit_one(ctx, sync);
	need("submit 100 jobs", ret);
	need("wait", syncobj_wait(ctx->fd, sync, SECONDS));
	second = number_of(ctx->fd, ENGINE, " ns\n");
	after = now();
	check_true("more jobs take more", second > first);
	check_true("jobs that overlap count once", second <= after - start);

	/* The last one's end is counted right after its fence has signalled. */
	do {
		idle = number_of(ctx->fd, ENGINE, " ns\n");
		usleep(20000);
		second = number_of(ctx->fd, ENGINE, " ns\n");
	} while (second != idle && now() - after < SECONDS * 1000000000ll);
	check_true("an idle client uses nothing", second == idle);
	check_true("other clients have used nothing", number_of(other->fd, ENGINE, " ns\n") == 0);
	syncobj_destroy(ctx->fd, sync);
}

static void check_identity(struct context *ctx, struct context *other)
{
	long long one = number_of(ctx->fd, "drm-client-id", "\n");
	const char *driver = value_of("drm-driver");

	check_true("the driver has a name", driver && !strncmp(driver, "asahi\n", 6));
	check_true("clients have numbers", one > 0);
	check_true("which tell them apart", number_of(other->fd, "drm-client-id", "\n") != one);
}

/*
 * The clock is the device's, whatever the client does. What the firmware does not count is not
 * there.
 */
static void check_clock(struct context *ctx)
{
	struct drm_asahi_params_global params;

	need("get the parameters", get_params(ctx->fd, &params));
	check_true("the highest clock is that of the parameters",
		   number_of(ctx->fd, "drm-maxfreq-compute", " Hz\n") ==
			   params.max_frequency_khz * 1000ll);
	check_true("cycles are not made up",
		   !value_of("drm-cycles-compute") && !value_of("drm-total-cycles-compute"));
}

static void check_memory(struct context *ctx)
{
	long long before = number_of(ctx->fd, "drm-total-memory", " KiB\n"), after;
	uint32_t handle;

	check_true("buffers count", before > 0);
	need("create a buffer", gem_create(ctx->fd, 64 * PAGE, 0, 0, &handle));
	after = number_of(ctx->fd, "drm-total-memory", " KiB\n");
	check_true("another buffer counts as well", after == before + 64 * 16);
	gem_close(ctx->fd, handle);
	check_true("and not any more once it is closed",
		   number_of(ctx->fd, "drm-total-memory", " KiB\n") == before);
}

struct closer {
	pthread_barrier_t barrier;
	int fd;
	uint32_t bo;
	useconds_t after;
};

static void *close_soon(void *arg)
{
	struct closer *closer = arg;

	pthread_barrier_wait(&closer->barrier);
	usleep(closer->after);
	gem_close(closer->fd, closer->bo);
	return NULL;
}

/*
 * The handle of a buffer is closed while timestamps are made in it: if there are any, the buffer
 * counts as long as they do.
 */
static void check_close_while_bound(struct context *ctx)
{
	const long long kib = 1000 * 16, before = number_of(ctx->fd, "drm-total-memory", " KiB\n");
	int bad = 0, bound = 0, refused = 0;

	for (int i = 0; i < 60; i++) {
		struct drm_asahi_gem_bind_object args = {
			.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .range = PAGE,
		};
		struct closer closer = { .fd = ctx->fd, .after = i * 200 };
		pthread_t thread;
		long long with, without;
		int ret;

		need("create a buffer", gem_create(ctx->fd, 1000 * PAGE, 0, 0, &closer.bo));
		args.handle = closer.bo;
		pthread_barrier_init(&closer.barrier, NULL, 2);
		need("start a thread", -pthread_create(&thread, NULL, close_soon, &closer));
		pthread_barrier_wait(&closer.barrier);
		ret = gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);
		pthread_join(thread, NULL);
		pthread_barrier_destroy(&closer.barrier);
		with = number_of(ctx->fd, "drm-total-memory", " KiB\n");
		if (ret) {
			refused++;
			bad += with != before;
			continue;
		}
		bound++;
		args = (struct drm_asahi_gem_bind_object){
			.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND,
			.object_handle = args.object_handle,
		};
		need("end them", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args));
		without = number_of(ctx->fd, "drm-total-memory", " KiB\n");
		bad += with != before + kib || without != before;
	}
	printf("# %d times timestamps, %d times the handle was closed before\n", bound, refused);
	check_true("some timestamps are made while the handle is closed", bound > 0);
	check_true("what timestamps keep counts whenever the handle was closed", !bad);
}

void test_fdinfo(void)
{
	struct context ctx, other;

	context_init(&ctx);
	context_init(&other);
	check_identity(&ctx, &other);
	check_engine(&ctx, &other);
	check_clock(&ctx);
	check_memory(&ctx);
	check_close_while_bound(&ctx);
	context_fini(&other);
	context_fini(&ctx);
	/* The operations outlive the file. */
	check_true("a closed file has no information", number_of(ctx.fd, ENGINE, " ns\n") == -1);
}
