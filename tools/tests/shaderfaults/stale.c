// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Accesses of a running shader to a page whose binding changes. Prints TAP.
 *
 * A job counts, and writes the count to two pages: to "target", whose binding changes, and to
 * "control", where the test sees how far it is and tells it to stop, and where the job says that it
 * got to its end.
 */
#include "../uapi/uapi.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CODE_VA 0x1100000000ull /* the queue's base of shaders: see queue_create */
#define CONTROL_VA (USER_VA + 0x100000)
#define TARGET_VA (USER_VA + 0x400000)
#define ARGUMENTS 0x200
#define SHADER 0x1000
#define MARK 0xfeedf00d
#define SECONDS 120

/* What "agx-disasm" makes of it is behind it. */
static const uint8_t shader[] = {
	0x62, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* ldimm    r0, 0 */
	0x62, 0x85, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* ldimm    r1, 0 */
	0x0e, 0x05, 0x42, 0x12, 0x00, 0x00, 0x00, 0x00, /* iadd     r1, r1, 1 */
	0x45, 0x09, 0x00, 0x0d, 0x00, 0xc0, 0x12, 0x00, /* store    r1, du0, 0, i32, x, a */
	0x45, 0x09, 0x14, 0x0d, 0x00, 0xc0, 0x12, 0x00, /* store    r1, du2, 1, i32, x, a */
	0x05, 0x11, 0x04, 0x0d, 0x00, 0xc0, 0x12, 0x00, /* load     r2, du2, 0, i32, x, a */
	0x38, 0x00,                                     /* wait     a */
	0x52, 0x08, 0x44, 0x02, 0x00, 0x00,             /* if       r2, 0, 1, ieq */
	0x00, 0xc0, 0xd8, 0xff, 0xff, 0xff,             /* jmp_any  -40 */
	0x52, 0x0e, 0x00, 0x00, 0x00, 0x00,             /* pop_exec 1 */
	0x45, 0x09, 0x24, 0x0d, 0x00, 0xc0, 0x12, 0x00, /* store    r1, du2, 2, i32, x, a */
	0x88, 0x00,                                     /* stop */
	0x08, 0x00,                                     /* trap */
};

struct client {
	struct context ctx;
	uint32_t target, sync;
	uint8_t *code;
	volatile uint32_t *control, *map;
};

static void *bound(struct client *client, uint64_t va, uint32_t *handle)
{
	int fd = client->ctx.fd;
	void *map;

	need("create a buffer", gem_create(fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, handle));
	map = gem_map(fd, *handle, PAGE);
	need("map a buffer", map ? 0 : -ENOMEM);
	need("bind a buffer", vm_bind(fd, client->ctx.vm, *handle, va, PAGE));
	return map;
}

static void client_open(struct client *client)
{
	/* Eight halves from the arguments on, the shader, no preshader. */
	const uint64_t uniforms = 0x1d | 8ull << 20 | (USER_VA + ARGUMENTS) >> 2 << 26;
	const uint8_t pipeline[] = { 0x0d, 0x0c, SHADER & 0xff, SHADER >> 8, 0, 0, 0x88, 0 };
	const uint64_t arguments[] = { TARGET_VA, CONTROL_VA };
	uint32_t handle;

	context_init(&client->ctx);
	need("create a syncobj", syncobj_create(client->ctx.fd, &client->sync));
	client->code = bound(client, CODE_VA, &handle);
	client->control = bound(client, CONTROL_VA, &handle);
	client->map = bound(client, TARGET_VA, &client->target);
	launch_one(client->ctx.fd, client->ctx.map, 0x40);
	memcpy((uint8_t *)client->ctx.map + ARGUMENTS, arguments, sizeof(arguments));
	memcpy(client->code + 0x40, &uniforms, sizeof(uniforms));
	memcpy(client->code + 0x40 + sizeof(uniforms), pipeline, sizeof(pipeline));
	memcpy(client->code + SHADER, shader, sizeof(shader));
}

static void client_close(struct client *client)
{
	munmap(client->code, PAGE);
	munmap((void *)client->control, PAGE);
	if (client->map)
		munmap((void *)client->map, PAGE);
	context_fini(&client->ctx);
}

static void start(struct client *client)
{
	client->control[0] = 0;
	client->control[1] = 0;
	client->control[2] = 0;
	need("reset a syncobj", syncobj_reset(client->ctx.fd, client->sync));
	need("submit", submit_one(&client->ctx, client->sync));
}

/* Waits until the job has counted @count further. */
static bool counts(const struct client *client, uint32_t count)
{
	uint32_t first = client->control[1];
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	do {
		if (client->control[1] - first >= count)
			return true;
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec + SECONDS);
	return false;
}

static int ends(const struct client *client)
{
	return syncobj_wait(client->ctx.fd, client->sync, SECONDS);
}

/* Tells the job to stop; true if it gets to its end. */
static bool stop(struct client *client)
{
	client->control[0] = 1;
	return !ends(client) && client->control[2] != 0 && client->control[2] == client->control[1];
}

static int rebind(const struct client *client, uint32_t flags)
{
	bool unbind = flags & DRM_ASAHI_BIND_UNBIND;

	return vm_bind_op(client->ctx.fd, client->ctx.vm, (struct drm_asahi_gem_bind_op){
		.flags = flags,
		.handle = unbind ? 0 : client->target,
		.range = PAGE,
		.addr = TARGET_VA,
	});
}

/* Whether what is in the target stays while the job goes on. */
static bool stays(const struct client *client)
{
	/* A store that had begun is over when the next one is. */
	if (!counts(client, 2))
		return false;
	client->map[0] = MARK;
	return counts(client, 1000) && client->map[0] == MARK;
}

static void check_unbind(struct client *client)
{
	start(client);
	check_true("a job writes to a page", counts(client, 1000) && client->map[0] != 0);
	check("the page is unbound while the job runs", rebind(client, DRM_ASAHI_BIND_UNBIND), 0);
	check_true("the job goes on, and does not write to it any more", stays(client));
	check("the page is bound again", rebind(client, DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE),
	      0);
	check_true("the job writes to it again", counts(client, 1000) && client->map[0] != MARK);
	check_true("the job ends as it should", stop(client));
}

/* The memory of the page goes back to the system, which may give it away. */
static void check_reuse(struct client *client, struct client *other)
{
	uint32_t *pages[64];
	uint32_t handle;
	bool same = true;

	start(client);
	check_true("a job writes to a page", counts(client, 1000));
	check("the page is unbound", rebind(client, DRM_ASAHI_BIND_UNBIND), 0);
	munmap((void *)client->map, PAGE);
	client->map = NULL;
	check("and given back", gem_close(client->ctx.fd, client->target), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = bound(other, USER_VA + 0x800000 + i * PAGE, &handle);
		for (size_t n = 0; n < PAGE / 4; n++)
			pages[i][n] = MARK;
	}
	check_true("the job goes on", counts(client, 1000));
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		for (size_t n = 0; n < PAGE / 4; n++)
			same &= pages[i][n] == MARK;
		munmap(pages[i], PAGE);
	}
	check_true("and writes nothing into what others have now", same);
	check_true("the job ends as it should", stop(client));
}

static void check_read_only(struct client *client, struct client *other)
{
	uint32_t count;

	start(client);
	check_true("a job writes to a page", counts(client, 1000));
	check("the page becomes read-only while the job runs", rebind(client, DRM_ASAHI_BIND_READ),
	      0);
	check("the job is over", ends(client), 0);
	check_true("but did not get to its end", client->control[2] == 0);
	count = client->control[1];
	client->map[0] = MARK;
	/* It takes a while to start and end another one. */
	start(other);
	check_true("another client's job works", counts(other, 1000));
	check_true("and ends as it should", stop(other));
	check_true("the first writes nothing any more",
		   client->map[0] == MARK && client->control[1] == count);
}

int main(void)
{
	struct client client, other;

	client_open(&client);
	client_open(&other);
	check_unbind(&client);
	check_read_only(&client, &other);
	client_close(&client);
	client_open(&client);
	check_reuse(&client, &other);
	client_close(&client);
	client_close(&other);
	return finish();
}
