// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Mappings that the GPU has used and that change then: by address, by whole contexts, when a client
 * goes, and when contexts have other owners. Each job reads its control stream through what changes
 * next. Whether anything old could still be used is for the emulator to say (--tlbi). Prints TAP.
 *
 * usage: translations [ROUNDS]
 */
#include "../uapi/uapi.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 60
/* Where a job has its stream. */
#define PLACE (USER_VA + 0x10000000ull)
/* A mapping so large that its context is invalidated and not its pages. */
#define LARGE (128 * PAGE)
/* More than there are contexts in hardware. */
#define CLIENTS 80

static unsigned int rounds = 12;

/* The result of a job of one command. */
static int run(struct context *ctx, const void *command, size_t size)
{
	return submit_and_wait(ctx, command, size, SECONDS);
}

/* The result of a job whose stream is at @place: a render if @render, else a compute command. */
static int run_at(struct context *ctx, uint64_t place, bool render)
{
	struct compute_command compute = compute_command();
	struct render_command draw = render_command();

	compute.compute.cdm_ctrl_stream_base = place;
	compute.compute.cdm_ctrl_stream_end = place + 8;
	draw.render.vdm_ctrl_stream_base = place + 0x100;
	return render ? run(ctx, &draw, sizeof(draw)) : run(ctx, &compute, sizeof(compute));
}

/*
 * The emulator reports a translation when the guest was idle after its entry has changed, if no
 * invalidation has reached it by then. It looks whenever it is given a job, so that it has seen the
 * change at one of these and the guest idle by the next. What comes after this invalidates
 * everything at times, and so would hide that an invalidation before it has reached nothing.
 */
static void let_report(struct context *ctx)
{
	struct timespec pause = { .tv_nsec = 100000000 };

	for (int i = 0; i < 10; i++) {
		need("run a job", run_at(ctx, USER_VA, false));
		nanosleep(&pause, NULL);
	}
}

/* A buffer with an empty stream of either kind in each of its pages. */
static uint32_t streams(struct context *ctx, uint64_t size)
{
	uint32_t handle, *map;

	need("create a buffer", gem_create(ctx->fd, size, DRM_ASAHI_GEM_WRITEBACK, 0, &handle));
	map = gem_map(ctx->fd, handle, size);
	need("map it", map ? 0 : -ENOMEM);
	for (uint64_t at = 0; at < size; at += PAGE) {
		map[at / 4] = CDM_TERMINATE;
		map[at / 4 + 1] = 0;
		map[(at + 0x100) / 4] = VDM_TERMINATE;
	}
	return handle;
}

static int bind_range(struct context *ctx, uint32_t handle, uint32_t flags, uint64_t size)
{
	struct drm_asahi_gem_bind_op op = {
		.handle = handle,
		.flags = flags,
		.addr = PLACE,
		.range = size,
	};

	return vm_bind_op(ctx->fd, ctx->vm, op);
}

/* Jobs in each page, or in some of many. */
static int run_in(struct context *ctx, uint64_t size)
{
	uint64_t step = size > 4 * PAGE ? size / 4 : PAGE;
	int ret = 0;

	for (uint64_t at = 0; at < size && !ret; at += step) {
		ret = run_at(ctx, PLACE + at, false);
		if (!ret)
			ret = run_at(ctx, PLACE + at, true);
	}
	return ret;
}

/* Unbound and bound again, replaced, and with other rights, at one place. */
static void check_churn(struct context *ctx, const char *what, uint64_t size)
{
	const uint32_t read = DRM_ASAHI_BIND_READ, both = read | DRM_ASAHI_BIND_WRITE;
	uint32_t buffers[2] = { streams(ctx, size), streams(ctx, size) };
	int bad = 0;

	for (unsigned int i = 0; i < rounds && !bad; i++) {
		uint32_t first = buffers[i % 2], other = buffers[(i + 1) % 2];

		bad = bind_range(ctx, first, both, size);
		if (!bad)
			bad = run_in(ctx, size);
		/* Replaced without being unbound. */
		if (!bad)
			bad = bind_range(ctx, other, both, size);
		if (!bad)
			bad = run_in(ctx, size);
		if (!bad)
			bad = bind_range(ctx, other, read, size);
		if (!bad)
			bad = run_in(ctx, size);
		if (!bad)
			bad = bind_range(ctx, 0, DRM_ASAHI_BIND_UNBIND, size);
	}
	check(what, bad, 0);
	/* A handle that goes takes its mappings along. */
	for (int i = 0; i < 2 && !bad; i++) {
		bad = bind_range(ctx, buffers[i], both, size);
		if (!bad)
			bad = run_in(ctx, size);
		if (!bad)
			bad = gem_close(ctx->fd, buffers[i]);
	}
	check("and by the end of its handle", bad, 0);
}

/*
 * Timestamps that the firmware writes in the kernel's half, whose translations are global. There
 * are so many pages that everything is invalidated and not each of them.
 */
static void check_timestamps(struct context *ctx)
{
	struct compute_command command = compute_command();
	unsigned int written = 0;
	int bad = 0;

	command.compute.ts.end.offset = LARGE - 8;
	for (unsigned int i = 0; i < rounds && !bad; i++) {
		struct drm_asahi_gem_bind_object bind = {
			.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
			.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
			.range = LARGE,
		};
		struct drm_asahi_gem_bind_object unbind = {
			.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND,
		};
		volatile uint64_t *map;

		need("create a buffer", gem_create(ctx->fd, LARGE, DRM_ASAHI_GEM_WRITEBACK, 0,
						   &bind.handle));
		map = gem_map(ctx->fd, bind.handle, LARGE);
		need("map it", map ? 0 : -ENOMEM);
		need("bind it", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
		unbind.object_handle = bind.object_handle;
		command.compute.ts.start.handle = bind.object_handle;
		command.compute.ts.end.handle = bind.object_handle;
		bad = run(ctx, &command, sizeof(command));
		written += map[0] && map[LARGE / 8 - 1];
		munmap((void *)map, LARGE);
		need("unbind it", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &unbind));
		need("close it", gem_close(ctx->fd, bind.handle));
	}
	check("timestamps in many pages", bad, 0);
	check_true("they are written", written == rounds);
}

/* VMs that come and go, one after another: contexts are used again and again. */
static void check_vms(void)
{
	struct context ctx;
	int bad = 0;

	context_init(&ctx);
	for (unsigned int i = 0; i < 4 * rounds && !bad; i++) {
		struct context other = ctx;

		bad = vm_create(ctx.fd, &other.vm);
		if (!bad)
			bad = vm_bind(ctx.fd, other.vm, ctx.bo, USER_VA, PAGE);
		if (!bad)
			bad = queue_create(ctx.fd, other.vm, &other.queue);
		if (!bad)
			bad = run_at(&other, USER_VA, false);
		if (!bad)
			bad = queue_destroy(ctx.fd, other.queue);
		if (!bad)
			bad = vm_destroy(ctx.fd, other.vm);
	}
	check("VMs that come and go", bad, 0);
	context_fini(&ctx);
}

/* More clients with jobs than there are contexts: they take them from each other, twice. */
static void check_clients(void)
{
	static struct context clients[CLIENTS];
	int bad = 0;

	for (int i = 0; i < CLIENTS; i++) {
		context_init(&clients[i]);
		clients[i].map[0x100 / 4] = VDM_TERMINATE;
	}
	for (int i = 0; i < 2 * CLIENTS && !bad; i++)
		bad = run_at(&clients[i % CLIENTS], USER_VA, i % 2);
	check("more clients than contexts", bad, 0);
	for (int i = 0; i < CLIENTS; i++)
		context_fini(&clients[i]);
}

/* Clients that end by themselves or are killed, a job in flight, and another one after each. */
static void check_exits(void)
{
	int bad = 0;

	for (unsigned int i = 0; i < rounds && !bad; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct context ctx;
			uint32_t out;

			context_init(&ctx);
			need("create a syncobj", syncobj_create(ctx.fd, &out));
			need("run a job", run_at(&ctx, USER_VA, false));
			need("submit a job", submit_one(&ctx, out));
			if (i % 2)
				kill(getpid(), SIGKILL);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			bad = -errno;
		else
			bad = new_job(SECONDS);
		/* The mappings of a client that has gone fault in its last job. */
		if (bad == -ECANCELED)
			bad = new_job(SECONDS);
	}
	check("clients that end and are killed", bad, 0);
}

int main(int argc, char **argv)
{
	struct context ctx;

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	context_init(&ctx);
	check_churn(&ctx, "pages that are bound, replaced, and unbound", 2 * PAGE);
	let_report(&ctx);
	check_churn(&ctx, "many pages at once", LARGE);
	let_report(&ctx);
	check_timestamps(&ctx);
	let_report(&ctx);
	check_vms();
	let_report(&ctx);
	check_clients();
	let_report(&ctx);
	check_exits();
	let_report(&ctx);
	context_fini(&ctx);
	return finish();
}
