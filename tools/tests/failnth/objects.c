// SPDX-License-Identifier: MIT OR Apache-2.0
/* The first call that needs the pages of an object: they count as pinned if they are there. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (4 * PAGE)
/* Where there are tables already. */
#define OBJECT_VA (USER_VA + 0x100000)

static void prepare_new(struct state *s)
{
	need("create a buffer", gem_create(s->ctx.fd, SIZE, 0, 0, &s->made));
}

static void prepare_private(struct state *s)
{
	need("create a buffer", gem_create(s->ctx.fd, SIZE, DRM_ASAHI_GEM_VM_PRIVATE, s->ctx.vm,
					   &s->made));
}

static int call_bind(struct state *s)
{
	return vm_bind(s->ctx.fd, s->ctx.vm, s->made, OBJECT_VA, SIZE);
}

static int call_map(struct state *s)
{
	s->map = gem_map(s->ctx.fd, s->made, SIZE);
	if (!s->map)
		return -errno;
	*(volatile uint32_t *)s->map = 1;
	return 0;
}

static void undo_map(struct state *s)
{
	munmap(s->map, SIZE);
	undo_gem_create(s);
}

static void prepare_offset(struct state *s)
{
	uint64_t offset;

	prepare_new(s);
	need("an offset", gem_mmap_offset(s->ctx.fd, s->made, &offset));
}

static void prepare_file(struct state *s)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };

	prepare_new(s);
	export.handle = s->made;
	need("export it", gpu_ioctl(s->ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	s->file = export.fd;
}

static int call_map_file(struct state *s)
{
	s->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->file, 0);
	if (s->map == MAP_FAILED)
		return -errno;
	*(volatile uint32_t *)s->map = 1;
	return 0;
}

static void undo_map_file(struct state *s)
{
	munmap(s->map, SIZE);
	close(s->file);
	undo_gem_create(s);
}

const struct call object_calls[] = {
	/* Closing the handle unbinds it. */
	{ .name = "VM_BIND of a new object", .make = call_bind, .undo = undo_gem_create,
	  .prepare = prepare_new, .least = 5, .pins = true },
	{ .name = "VM_BIND of a private object", .make = call_bind, .undo = undo_gem_create,
	  .prepare = prepare_private, .least = 5, .pins = true },
	{ .name = "mmap of a new object", .make = call_map, .undo = undo_map,
	  .prepare = prepare_offset, .least = 2, .pins = true },
	{ .name = "mmap of a new object's file", .make = call_map_file, .undo = undo_map_file,
	  .prepare = prepare_file, .least = 2, .pins = true },
	{},
};
