// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * VM_BIND against a model: random operations on windows of one address space, by a thread each, and
 * the GPU's word for what is there.
 *
 * A window is 64 pages. Each page of each buffer begins with a word of its own, and a shader reads
 * the first word of each page of the window; where nothing is bound it finds 0. The windows lie
 * side by side, so that the threads share tables and locks.
 */
#include "look.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 2
#define PAGES LOOK_PAGES
#define BUFFERS 4
#define BUFFER_PAGES 16
#define MOST_OPS 8
#define ROUNDS 1200
/* Operations between two looks. */
#define LOOK_EVERY 4

#define WINDOW_VA (USER_VA + 0x40000000ull)

struct buffer {
	uint32_t handle;
	/* The first word of its first page; that of the next is one more. */
	uint32_t first;
};

struct worker {
	pthread_t thread;
	struct look look;
	uint32_t state, next_word;
	uint64_t window;
	struct buffer buffers[BUFFERS];
	/* What is in the window: the first word of each page, 0 where nothing is bound. */
	uint32_t model[PAGES];
	/* Which buffer it is of, and 0 for none. */
	uint32_t handle[PAGES];
	/* What went wrong, and what was seen. */
	const char *wrong;
	unsigned int ops, refused, looks, mapped, closed;
};

static uint32_t rnd(struct worker *w, uint32_t below)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 17;
	w->state ^= w->state << 5;
	return w->state % below;
}

/* A new buffer in place of @buffer, with pages that were in no other. */
static void buffer_create(struct worker *w, struct buffer *buffer)
{
	int fd = w->look.ctx.fd;
	uint32_t *map;

	need("create a buffer", gem_create(fd, BUFFER_PAGES * PAGE, DRM_ASAHI_GEM_WRITEBACK, 0,
					   &buffer->handle));
	map = gem_map(fd, buffer->handle, BUFFER_PAGES * PAGE);
	need("map a buffer", map ? 0 : -ENOMEM);
	buffer->first = w->next_word;
	for (int page = 0; page < BUFFER_PAGES; page++)
		map[page * (PAGE / sizeof(*map))] = w->next_word++;
	munmap(map, BUFFER_PAGES * PAGE);
}

/* The worker's window and buffers, in the address space that all share. */
static void worker_init(struct worker *w, const struct context *shared, void *shader, int n,
			uint32_t seed)
{
	w->state = seed * 2654435761u + n + 1;
	w->next_word = (n + 1) << 24;
	w->window = WINDOW_VA + n * PAGES * PAGE;
	look_init(&w->look, shared, shader, n, w->window);
	for (int i = 0; i < BUFFERS; i++)
		buffer_create(w, &w->buffers[i]);
}

/* What @op does to the model. */
static void apply(struct worker *w, const struct drm_asahi_gem_bind_op *op,
		  const struct buffer *buffer)
{
	uint64_t first = (op->addr - w->window) / PAGE, count = op->range / PAGE;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t from = op->offset / PAGE;

		if (!(op->flags & DRM_ASAHI_BIND_SINGLE_PAGE))
			from += i;
		w->handle[first + i] = buffer ? buffer->handle : 0;
		w->model[first + i] = buffer ? buffer->first + from : 0;
	}
}

/* A random operation that can be done. */
static struct drm_asahi_gem_bind_op random_op(struct worker *w, const struct buffer **buffer)
{
	/* What may not be read at all would end the job that reads it. */
	static const uint32_t rights[] = {
		DRM_ASAHI_BIND_READ,
		DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE,
	};
	uint32_t first = rnd(w, PAGES), count;
	struct drm_asahi_gem_bind_op op = { .addr = w->window + first * PAGE };

	*buffer = NULL;
	if (rnd(w, 3) == 0) {
		op.flags = DRM_ASAHI_BIND_UNBIND;
		op.range = (1 + rnd(w, PAGES - first)) * PAGE;
		return op;
	}
	*buffer = &w->buffers[rnd(w, BUFFERS)];
	op.handle = (*buffer)->handle;
	op.flags = rights[rnd(w, ARRAY_SIZE(rights))];
	if (rnd(w, 4) == 0) {
		op.flags |= DRM_ASAHI_BIND_SINGLE_PAGE;
		op.offset = rnd(w, BUFFER_PAGES) * PAGE;
		op.range = (1 + rnd(w, PAGES - first)) * PAGE;
		return op;
	}
	count = PAGES - first < BUFFER_PAGES ? PAGES - first : BUFFER_PAGES;
	count = 1 + rnd(w, count);
	op.range = count * PAGE;
	op.offset = rnd(w, BUFFER_PAGES - count + 1) * PAGE;
	return op;
}

/* Makes @op one that is refused. Returns the error. */
static int spoil(struct worker *w, struct drm_asahi_gem_bind_op *op)
{
	switch (rnd(w, 4)) {
	case 0:
		op->flags = 1u << 31;
		return -EINVAL;
	case 1:
		op->addr += 1;
		return -EINVAL;
	case 2:
		*op = (struct drm_asahi_gem_bind_op){
			.flags = DRM_ASAHI_BIND_READ, .handle = 0xffffff,
			.addr = w->window, .range = PAGE,
		};
		return -ENOENT;
	default:
		*op = (struct drm_asahi_gem_bind_op){
			.flags = DRM_ASAHI_BIND_READ, .handle = w->buffers[0].handle,
			.addr = w->window, .offset = BUFFER_PAGES * PAGE, .range = PAGE,
		};
		return -EINVAL;
	}
}

/* An array of operations, one of which may be wrong: those before it are done, the others not. */
static void bind_some(struct worker *w)
{
	struct drm_asahi_gem_bind_op ops[MOST_OPS];
	uint32_t count = 1 + rnd(w, MOST_OPS), bad = rnd(w, 4) ? count : rnd(w, count);
	struct drm_asahi_vm_bind args = {
		.vm_id = w->look.ctx.vm, .num_binds = count,
		.stride = sizeof(ops[0]), .userptr = (uintptr_t)ops,
	};
	int want = 0, ret;

	for (uint32_t i = 0; i < count; i++) {
		const struct buffer *buffer;

		ops[i] = random_op(w, &buffer);
		if (i == bad)
			want = spoil(w, &ops[i]);
		else if (i < bad)
			apply(w, &ops[i], buffer);
	}
	ret = gpu_ioctl(w->look.ctx.fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
	w->ops += bad < count ? bad : count;
	w->refused += bad < count;
	if (ret != want)
		w->wrong = "what VM_BIND says";
}

/* Closes a buffer: what is bound of it no longer is. */
static void close_one(struct worker *w)
{
	struct buffer *buffer = &w->buffers[rnd(w, BUFFERS)];

	for (int i = 0; i < PAGES; i++) {
		if (w->handle[i] == buffer->handle)
			w->handle[i] = w->model[i] = 0;
	}
	if (gem_close(w->look.ctx.fd, buffer->handle))
		w->wrong = "close a buffer";
	buffer_create(w, buffer);
	w->closed++;
}

static void look(struct worker *w)
{
	int ret = look_at(&w->look);

	if (ret) {
		printf("# a job: %s\n", strerror(-ret));
		w->wrong = "a job";
		return;
	}
	for (int i = 0; i < PAGES; i++) {
		uint32_t found = w->look.found[i];

		w->mapped += w->model[i] != 0;
		if (found == w->model[i])
			continue;
		printf("# page %d: %#x is there, not %#x\n", i, found, w->model[i]);
		w->wrong = "what the GPU sees";
	}
	w->looks++;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int round = 0; round < ROUNDS && !w->wrong; round++) {
		if (rnd(w, 50) == 0)
			close_one(w);
		else
			bind_some(w);
		if (round % LOOK_EVERY == 0)
			look(w);
	}
	if (!w->wrong)
		look(w);
	return NULL;
}

void test_bind_model(void)
{
	const char *text = getenv("ASAHI_SEED");
	uint32_t seed = text ? strtoul(text, NULL, 0) : 1;
	static struct worker workers[THREADS];
	struct context shared;
	void *shader;

	context_init(&shared);
	shader = look_shader(&shared);
	for (int i = 0; i < THREADS; i++)
		worker_init(&workers[i], &shared, shader, i, seed);
	for (int i = 0; i < THREADS; i++)
		need("start a thread",
		     -pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		pthread_join(w->thread, NULL);
		printf("# seed %u, thread %d: %u operations, %u refused, %u buffers closed; %u looks, %u pages seen\n",
		       seed, i, w->ops, w->refused, w->closed, w->looks, w->mapped);
		if (w->wrong)
			printf("# wrong: %s\n", w->wrong);
		check_true("the GPU finds what the model says", !w->wrong);
		check_true("there was something to see", w->ops > ROUNDS && w->refused > 10 &&
							       w->closed && w->mapped > w->looks);
		look_fini(&w->look);
	}
	munmap(shader, PAGE);
	context_fini(&shared);
}
