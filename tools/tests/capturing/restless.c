// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Memory that changes while captures are taken: a thread counts in many pages, one after another,
 * while jobs are submitted, and stands still for every second one. "walk" looks whether what was
 * captured was there at one moment.
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define PAGES 32
#define WORDS (PAGE / 4)
#define JOBS 20
#define SECONDS 60
#define PAGES_VA (USER_VA + 0x10000000ull)

/* Every page: a count, this, the page's number, and the count again in the last word. */
static const char magic[8] = "restless";

static uint32_t *pages;
static atomic_bool go, over;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static bool still = true;

/* One pass over all pages, in order. */
static void count(uint32_t n)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		uint32_t *page = pages + i * WORDS;

		__atomic_store_n(page, n, __ATOMIC_SEQ_CST);
		__atomic_store_n(page + WORDS - 1, n, __ATOMIC_SEQ_CST);
	}
}

static void *counter(void *unused)
{
	uint32_t n = 1;

	(void)unused;
	for (;;) {
		while (atomic_load(&go))
			count(++n);
		pthread_mutex_lock(&lock);
		still = true;
		pthread_cond_broadcast(&turn);
		while (!atomic_load(&go) && !atomic_load(&over))
			pthread_cond_wait(&turn, &lock);
		still = false;
		pthread_cond_broadcast(&turn);
		pthread_mutex_unlock(&lock);
		if (atomic_load(&over))
			return NULL;
	}
}

/* Has it count, or stand still between two passes. */
static void set(bool on)
{
	pthread_mutex_lock(&lock);
	atomic_store(&go, on);
	pthread_cond_broadcast(&turn);
	while (still == on)
		pthread_cond_wait(&turn, &lock);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	struct context ctx;
	uint32_t buffer, out;
	pthread_t thread;
	int result = 0;

	context_init(&ctx);
	need("create a buffer",
	     gem_create(ctx.fd, PAGES * PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &buffer));
	pages = gem_map(ctx.fd, buffer, PAGES * PAGE);
	need("map it", pages ? 0 : -ENOMEM);
	for (uint32_t i = 0; i < PAGES; i++) {
		memcpy(pages + i * WORDS + 1, magic, sizeof(magic));
		pages[i * WORDS + 3] = i;
	}
	need("bind it", vm_bind(ctx.fd, ctx.vm, buffer, PAGES_VA, PAGES * PAGE));
	need("create a syncobj", syncobj_create(ctx.fd, &out));
	need("start a thread", -pthread_create(&thread, NULL, counter, NULL));
	for (int i = 0; i < JOBS && !result; i++) {
		set(i % 2 == 0);
		result = submit_one(&ctx, out);
		if (!result)
			result = syncobj_wait(ctx.fd, out, SECONDS);
	}
	check("jobs beside a thread that writes", result, 0);
	set(false);
	atomic_store(&over, true);
	pthread_mutex_lock(&lock);
	pthread_cond_broadcast(&turn);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	context_fini(&ctx);
	return finish();
}
