// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * VM_BIND whose failure is looked at: an array of operations over a mapping, each allocation of
 * which fails once. The GPU reads all pages then: the operations before the one that failed are
 * done, that one and those behind it have changed nothing. The same call is good afterwards.
 *
 * Each allocation has a client of its own, as the tables of an address space stay.
 */
#define _GNU_SOURCE
#include "calls.h"

#include "../uapi/look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* A table has this many pages: half of the window is in one, and half in the next. */
#define TABLE_PAGES 2048
#define WINDOW_VA (USER_VA + 0x40000000ull - LOOK_PAGES / 2 * PAGE)
_Static_assert((WINDOW_VA / PAGE + LOOK_PAGES / 2) % TABLE_PAGES == 0, "two tables");
/* The call has not so many allocations. */
#define MOST 400
#define RW (DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE)

/* Two buffers: what is bound first, as far as the first table goes, and what comes over it. */
enum { BASE, OVER, BUFFERS, NONE = BUFFERS };

static const uint32_t first_words[] = { 0x1000, 0x2000 };

static const struct step {
	int buffer;
	uint32_t flags, page, pages, from;
} steps[] = {
	/* The mapping is cut in three. */
	{ OVER, RW, 10, 10, 0 },
	/* A part of each of two of them, and the end of the first. */
	{ NONE, DRM_ASAHI_BIND_UNBIND, 5, 10, 0 },
	/* Into the next table, one page again and again. */
	{ OVER, RW | DRM_ASAHI_BIND_SINGLE_PAGE, 18, 30, 7 },
	/* Over all of these. */
	{ BASE, DRM_ASAHI_BIND_READ, 12, 28, 20 },
	{ NONE, DRM_ASAHI_BIND_UNBIND, 30, 1, 0 },
	/* Where nothing is, to the end. */
	{ OVER, RW, 50, 14, 40 },
};
#define STEPS ARRAY_SIZE(steps)

/* What is in each page when so many steps have been done. */
static uint32_t models[STEPS + 1][LOOK_PAGES];

static void make_models(void)
{
	for (uint32_t page = 0; page < LOOK_PAGES / 2; page++)
		models[0][page] = first_words[BASE] + page;
	for (size_t i = 0; i < STEPS; i++) {
		const struct step *step = &steps[i];

		memcpy(models[i + 1], models[i], sizeof(models[i]));
		for (uint32_t page = 0; page < step->pages; page++) {
			uint32_t from = step->from;

			if (!(step->flags & DRM_ASAHI_BIND_SINGLE_PAGE))
				from += page;
			models[i + 1][step->page + page] =
				step->buffer == NONE ? 0 : first_words[step->buffer] + from;
		}
	}
}

struct client {
	struct context ctx;
	struct look look;
	void *shader;
	uint32_t buffers[BUFFERS];
};

static void client_init(struct client *c)
{
	context_init(&c->ctx);
	c->shader = look_shader(&c->ctx);
	look_init(&c->look, &c->ctx, c->shader, 0, WINDOW_VA);
	for (int i = 0; i < BUFFERS; i++) {
		uint32_t *map;

		need("create a buffer", gem_create(c->ctx.fd, LOOK_PAGES * PAGE,
						   DRM_ASAHI_GEM_WRITEBACK, 0, &c->buffers[i]));
		map = gem_map(c->ctx.fd, c->buffers[i], LOOK_PAGES * PAGE);
		need("map a buffer", map ? 0 : -ENOMEM);
		for (uint32_t page = 0; page < LOOK_PAGES; page++)
			map[page * (PAGE / sizeof(*map))] = first_words[i] + page;
		munmap(map, LOOK_PAGES * PAGE);
	}
	need("bind the first one", vm_bind(c->ctx.fd, c->ctx.vm, c->buffers[BASE], WINDOW_VA,
					   LOOK_PAGES / 2 * PAGE));
}

static void client_fini(struct client *c)
{
	look_fini(&c->look);
	munmap(c->shader, PAGE);
	context_fini(&c->ctx);
}

static int bind_all(struct client *c)
{
	struct drm_asahi_gem_bind_op ops[STEPS];
	struct drm_asahi_vm_bind args = {
		.vm_id = c->ctx.vm, .num_binds = STEPS, .stride = sizeof(ops[0]),
		.userptr = (uintptr_t)ops,
	};

	for (size_t i = 0; i < STEPS; i++) {
		const struct step *step = &steps[i];

		ops[i] = (struct drm_asahi_gem_bind_op){
			.flags = step->flags,
			.handle = step->buffer == NONE ? 0 : c->buffers[step->buffer],
			.offset = step->from * PAGE,
			.addr = WINDOW_VA + step->page * PAGE,
			.range = step->pages * PAGE,
		};
	}
	return gpu_ioctl(c->ctx.fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

/* How many steps the GPU finds done, or -1 if what it finds is not what any number of them does. */
static int steps_done(struct client *c)
{
	need("a job that looks", look_at(&c->look));
	for (size_t done = 0; done <= STEPS; done++)
		if (!memcmp((void *)c->look.found, models[done], sizeof(models[done])))
			return done;
	for (int page = 0; page < LOOK_PAGES; page++)
		printf("# page %d: %#x\n", page, c->look.found[page]);
	return -1;
}

void check_binds(void)
{
	unsigned int seen[STEPS] = {}, n;
	const char *wrong = NULL;
	bool hit = true, each = true;

	make_models();
	for (n = 1; n < MOST && hit && !wrong; n++) {
		struct client client;
		int nth, ret, done;

		client_init(&client);
		need("nothing is done at first", steps_done(&client) == 0 ? 0 : -EINVAL);
		nth = fail_nth(n);
		ret = bind_all(&client);
		hit = fail_nth_end(nth);
		done = steps_done(&client);
		if (ret && !hit)
			wrong = "failed without a reason";
		else if (ret && ret != -ENOMEM)
			wrong = strerrorname_np(-ret);
		else if (done < 0)
			wrong = "left something between old and new";
		else if (!ret && done != (int)STEPS)
			wrong = "went through without doing all";
		else if (ret && done == (int)STEPS)
			wrong = "failed with all done";
		else if (ret && bind_all(&client))
			wrong = "failed a second time";
		else if (steps_done(&client) != (int)STEPS)
			wrong = "did not do all the second time";
		else if (ret)
			seen[done]++;
		client_fini(&client);
	}
	if (wrong)
		printf("# allocation %u of VM_BIND: %s\n", n - 1, wrong);
	printf("# VM_BIND: %u allocations; failures of step", n - 2);
	for (size_t i = 0; i < STEPS; i++) {
		printf(" %zu: %u", i, seen[i]);
		each = each && seen[i];
	}
	printf("\n");
	check_true("VM_BIND: what fails has changed nothing, and what came before it stays",
		   !wrong && !hit);
	check_true("VM_BIND: each operation of the array has failed", each);
}
