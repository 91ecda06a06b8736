// SPDX-License-Identifier: MIT OR Apache-2.0
/* Calls with a buffer of a process's own pages, of which the driver's table has an entry each. */
#define _GNU_SOURCE
#include "../sharing/pages.h"
#include "calls.h"

#include <fcntl.h>
#include <unistd.h>

/* In reverse, so that no two are a piece; more than fit in one part of the table. */
#define PAGES 600
#define PAGES_VA (USER_VA + 0x30000000ull)

static int call_import(struct state *s)
{
	return import(s, s->ctx.fd, s->pages);
}

static int call_bound(struct state *s)
{
	return import_bound(s, s->pages, PAGES_VA, PAGES * PAGE);
}

bool pages_init(struct state *s)
{
	unsigned int order[PAGES];
	int device = open(UDMABUF, O_RDWR | O_CLOEXEC), memory;
	void *map;

	if (device < 0)
		return false;
	for (unsigned int i = 0; i < PAGES; i++)
		order[i] = PAGES - 1 - i;
	memory = sealed_memory(0, PAGES * PAGE, &map);
	s->pages = udmabuf_create(device, memory, order, PAGES);
	need("a buffer of a process's pages", s->pages);
	close(memory);
	close(device);
	return true;
}

const struct call page_calls[] = {
	{ .name = "PRIME_FD_TO_HANDLE of a process's pages", .make = call_import,
	  .undo = undo_own_import, .least = 4 },
	{ .name = "the same, and VM_BIND of them", .make = call_bound,
	  .undo = undo_own_import, .least = 6 },
	{},
};
