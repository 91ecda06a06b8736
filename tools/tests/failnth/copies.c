// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What the kernel copies from the caller, or to it, lies across the end of a page, and there is
 * nothing behind that: each word of it is once the first that is missing. The call says EFAULT and
 * leaves nothing behind. The same is good when both pages are there.
 *
 * Results behind arguments that can be read are not tried: DRM copies them when the call is done,
 * and what that has made stays when they cannot be written, for every driver.
 */
#define _GNU_SOURCE
#include "before.h"
#include "calls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BINDS 3
#define SYNCS 4
/* A buffer of commands that is longer than the driver has room for on its stack. */
#define COMMANDS 6
/* The largest of all that is copied. */
#define MOST 1024

struct copy {
	const char *name;
	size_t size;
	/* Its arguments are what is copied, if this is not 0. */
	unsigned long request;
	/* What is copied, in full. What is only written to has none. */
	void (*fill)(struct state *s, void *to);
	/* The call, if it is not of its arguments alone. */
	int (*make)(struct state *s, void *at);
	/* Takes back what it has made. */
	void (*undo)(struct state *s, void *at);
};

static struct drm_asahi_params_global params;
static struct drm_asahi_gem_bind_op bind;
static struct drm_asahi_sync sync_out;
static struct compute_command command;

static void fill_get_params(struct state *s, void *to)
{
	(void)s;
	*(struct drm_asahi_get_params *)to = (struct drm_asahi_get_params){
		.pointer = (uintptr_t)&params, .size = sizeof(params),
	};
}

static void fill_vm_create(struct state *s, void *to)
{
	(void)s;
	*(struct drm_asahi_vm_create *)to = (struct drm_asahi_vm_create){
		.kernel_start = KERNEL_START, .kernel_end = KERNEL_END,
	};
}

static void undo_vm_create(struct state *s, void *at)
{
	need("destroy a VM", vm_destroy(s->ctx.fd, ((struct drm_asahi_vm_create *)at)->vm_id));
}

static void fill_vm_destroy(struct state *s, void *to)
{
	struct drm_asahi_vm_destroy args = {};

	need("create a VM", vm_create(s->ctx.fd, &args.vm_id));
	*(struct drm_asahi_vm_destroy *)to = args;
}

/* What is bound there is that already. */
static struct drm_asahi_gem_bind_op same_again(const struct state *s, uint64_t page)
{
	return (struct drm_asahi_gem_bind_op){
		.flags = DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE, .handle = s->big,
		.offset = page * PAGE, .addr = BIG_VA + page * PAGE, .range = PAGE,
	};
}

static void fill_vm_bind(struct state *s, void *to)
{
	bind = same_again(s, 1);
	*(struct drm_asahi_vm_bind *)to = (struct drm_asahi_vm_bind){
		.vm_id = s->ctx.vm, .num_binds = 1, .stride = sizeof(bind),
		.userptr = (uintptr_t)&bind,
	};
}

static void fill_binds(struct state *s, void *to)
{
	struct drm_asahi_gem_bind_op *ops = to;

	for (int i = 0; i < BINDS; i++)
		ops[i] = same_again(s, i);
}

static int call_binds(struct state *s, void *at)
{
	struct drm_asahi_vm_bind args = {
		.vm_id = s->ctx.vm, .num_binds = BINDS, .stride = sizeof(bind),
		.userptr = (uintptr_t)at,
	};

	return gpu_ioctl(s->ctx.fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

static void fill_gem_create(struct state *s, void *to)
{
	(void)s;
	*(struct drm_asahi_gem_create *)to = (struct drm_asahi_gem_create){ .size = PAGE };
}

static void undo_create(struct state *s, void *at)
{
	need("close a buffer", gem_close(s->ctx.fd, ((struct drm_asahi_gem_create *)at)->handle));
}

static void fill_offset(struct state *s, void *to)
{
	*(struct drm_asahi_gem_mmap_offset *)to = (struct drm_asahi_gem_mmap_offset){
		.handle = s->big,
	};
}

static void fill_object(struct state *s, void *to)
{
	*(struct drm_asahi_gem_bind_object *)to = (struct drm_asahi_gem_bind_object){
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .handle = s->big, .range = PAGE,
	};
}

static void undo_object(struct state *s, void *at)
{
	s->timestamps = ((struct drm_asahi_gem_bind_object *)at)->object_handle;
	undo_timestamps(s);
}

static void fill_queue_create(struct state *s, void *to)
{
	*(struct drm_asahi_queue_create *)to = (struct drm_asahi_queue_create){
		.vm_id = s->ctx.vm, .priority = DRM_ASAHI_PRIORITY_MEDIUM,
		.usc_exec_base = USER_VA,
	};
}

static void undo_queue(struct state *s, void *at)
{
	need("destroy a queue",
	     queue_destroy(s->ctx.fd, ((struct drm_asahi_queue_create *)at)->queue_id));
}

static void fill_queue_destroy(struct state *s, void *to)
{
	struct drm_asahi_queue_destroy args = {};

	need("create a queue", queue_create(s->ctx.fd, s->ctx.vm, &args.queue_id));
	*(struct drm_asahi_queue_destroy *)to = args;
}

static void fill_submit(struct state *s, void *to)
{
	command = compute_command();
	sync_out = (struct drm_asahi_sync){ .handle = s->sync_out };
	*(struct drm_asahi_submit *)to = (struct drm_asahi_submit){
		.syncs = (uintptr_t)&sync_out, .cmdbuf = (uintptr_t)&command,
		.queue_id = s->ctx.queue, .out_sync_count = 1, .cmdbuf_size = sizeof(command),
	};
}

static void undo_job(struct state *s, void *at)
{
	(void)at;
	undo_submit(s);
}

/* All have signalled but the last, which the job is to have. */
static void fill_syncs(struct state *s, void *to)
{
	struct drm_asahi_sync *syncs = to;

	for (int i = 0; i < SYNCS; i++)
		syncs[i] = (struct drm_asahi_sync){
			.handle = i == SYNCS - 1 ? s->sync_out : s->sync_in,
		};
}

static int call_syncs(struct state *s, void *at)
{
	command = compute_command();
	return submit(&s->ctx, &command, sizeof(command), at, SYNCS - 1, 1);
}

static void fill_command(struct state *s, void *to)
{
	(void)s;
	*(struct compute_command *)to = compute_command();
}

static void fill_commands(struct state *s, void *to)
{
	struct compute_command *commands = to;

	(void)s;
	for (int i = 0; i < COMMANDS; i++)
		commands[i] = compute_command();
}

static int call_command(struct state *s, void *at)
{
	sync_out = (struct drm_asahi_sync){ .handle = s->sync_out };
	return submit(&s->ctx, at, sizeof(command), &sync_out, 0, 1);
}

static int call_commands(struct state *s, void *at)
{
	sync_out = (struct drm_asahi_sync){ .handle = s->sync_out };
	return submit(&s->ctx, at, COMMANDS * sizeof(command), &sync_out, 0, 1);
}

static int call_params(struct state *s, void *at)
{
	return get_params(s->ctx.fd, at);
}

#define ARGUMENTS(name, fill, undo) \
	{ #name "'s arguments", sizeof(struct drm_asahi_##fill), DRM_IOCTL_ASAHI_##name, \
	  fill_##fill, NULL, undo }

static const struct copy copies[] = {
	ARGUMENTS(GET_PARAMS, get_params, NULL),
	{ "GET_TIME's arguments", sizeof(struct drm_asahi_get_time), DRM_IOCTL_ASAHI_GET_TIME,
	  NULL, NULL, NULL },
	ARGUMENTS(VM_CREATE, vm_create, undo_vm_create),
	ARGUMENTS(VM_DESTROY, vm_destroy, NULL),
	ARGUMENTS(VM_BIND, vm_bind, NULL),
	ARGUMENTS(GEM_CREATE, gem_create, undo_create),
	{ "GEM_MMAP_OFFSET's arguments", sizeof(struct drm_asahi_gem_mmap_offset),
	  DRM_IOCTL_ASAHI_GEM_MMAP_OFFSET, fill_offset, NULL, NULL },
	{ "GEM_BIND_OBJECT's arguments", sizeof(struct drm_asahi_gem_bind_object),
	  DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, fill_object, NULL, undo_object },
	ARGUMENTS(QUEUE_CREATE, queue_create, undo_queue),
	ARGUMENTS(QUEUE_DESTROY, queue_destroy, NULL),
	ARGUMENTS(SUBMIT, submit, undo_job),
	{ "VM_BIND's array", BINDS * sizeof(struct drm_asahi_gem_bind_op), 0, fill_binds,
	  call_binds, NULL },
	{ "SUBMIT's syncs", SYNCS * sizeof(struct drm_asahi_sync), 0, fill_syncs, call_syncs,
	  undo_job },
	{ "SUBMIT's command", sizeof(struct compute_command), 0, fill_command, call_command,
	  undo_job },
	{ "SUBMIT's commands", COMMANDS * sizeof(struct compute_command), 0, fill_commands,
	  call_commands, undo_job },
	{ "GET_PARAMS's result", sizeof(struct drm_asahi_params_global), 0, NULL, call_params,
	  NULL },
};

static int make(const struct copy *copy, struct state *s, void *at)
{
	return copy->request ? gpu_ioctl(s->ctx.fd, copy->request, at) : copy->make(s, at);
}

/* Two pages, of which the second one may be out of reach. */
static uint8_t *pages;

static void second_page(int protection)
{
	size_t page = sysconf(_SC_PAGESIZE);

	need("change a page", mprotect(pages + page, page, protection) ? -errno : 0);
}

static void check_copy(const struct copy *copy, struct state *s)
{
	uint8_t whole[MOST] = {}, *end = pages + sysconf(_SC_PAGESIZE), *at;
	const char *wrong = NULL;
	char before[1024], text[128];
	size_t there;
	int ret;

	need(copy->name, copy->size <= MOST && copy->size % 4 == 0 ? 0 : -E2BIG);
	if (copy->fill)
		copy->fill(s, whole);
	read_fdinfo(s->ctx.fd, before, sizeof(before));
	second_page(PROT_NONE);
	for (there = 0; there < copy->size && !wrong; there += 4) {
		at = end - there;
		memcpy(at, whole, there);
		ret = make(copy, s, at);
		if (ret != -EFAULT)
			wrong = ret ? strerrorname_np(-ret) : "success";
		else if (!fdinfo_is_back(s->ctx.fd, before))
			wrong = "left something behind";
	}
	if (wrong)
		printf("# %zu bytes of %zu are there: %s\n", there - 4, copy->size, wrong);
	snprintf(text, sizeof(text), "%s: each word is missing once", copy->name);
	check_true(text, !wrong);

	second_page(PROT_READ | PROT_WRITE);
	at = end - copy->size / 8 * 4;
	memcpy(at, whole, copy->size);
	ret = make(copy, s, at);
	snprintf(text, sizeof(text), "%s: all of it", copy->name);
	check(text, ret, 0);
	if (!ret && copy->undo)
		copy->undo(s, at);
}

void check_copies(struct state *s)
{
	size_t page = sysconf(_SC_PAGESIZE);

	pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need("map two pages", pages == MAP_FAILED ? -errno : 0);
	/* What is made once for all stays. */
	need("a job", run_job(s));
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++)
		check_copy(&copies[i], s);
	munmap(pages, 2 * page);
	pages = NULL;
}
