// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A client that has bound very many single pages is killed while it ends all of them, or before:
 * how long it takes to end, beside how long it takes to end all of them.
 */
#define _GNU_SOURCE
#include "wedge.h"

#include <stdio.h>
#include <unistd.h>

#define MAPPINGS 100000
/* In one call. */
#define OPERATIONS 1000
/* Something else of the machine may hold up a client, and not all of them. */
#define TRIES 3
/* Of the time that it takes to unbind all. */
#define PART 3
/* What the bystander may take besides, in KiB: less than what the mappings take. */
#define SLACK 4096

enum way { BY_UNBIND, BY_VM_DESTROY, BY_GEM_CLOSE, BY_EXIT };

static const char *const names[] = { "UNBIND", "VM_DESTROY", "GEM_CLOSE", "exit" };

struct many {
	enum way way;
	volatile bool bound;
	/* When it has ended them: how long that took. */
	volatile int64_t took_us;
};

static void bind_all(int fd, uint32_t vm, uint32_t bo)
{
	static struct drm_asahi_gem_bind_op ops[OPERATIONS];

	for (int done = 0; done < MAPPINGS * scale; done += OPERATIONS) {
		struct drm_asahi_vm_bind args = {
			.vm_id = vm,
			.num_binds = OPERATIONS,
			.stride = sizeof(ops[0]),
			.userptr = (uintptr_t)ops,
		};

		for (int i = 0; i < OPERATIONS; i++)
			ops[i] = (struct drm_asahi_gem_bind_op){
				.flags = DRM_ASAHI_BIND_READ,
				.handle = bo,
				.range = PAGE,
				.addr = USER_VA + (done + i) * PAGE,
			};
		need("bind", gpu_ioctl(fd, DRM_IOCTL_ASAHI_VM_BIND, &args));
	}
}

static void attack(void *arg)
{
	struct many *many = arg;
	struct drm_asahi_gem_bind_op unbind = {
		.flags = DRM_ASAHI_BIND_UNBIND,
		.range = MAPPINGS * scale * PAGE,
		.addr = USER_VA,
	};
	int fd = gpu_open();
	uint32_t vm, bo;
	int64_t start;

	need("open the render node", fd);
	need("create a VM", vm_create(fd, &vm));
	need("create a buffer", gem_create(fd, PAGE, 0, 0, &bo));
	bind_all(fd, vm, bo);
	start = now_us();
	many->bound = true;
	if (many->way == BY_UNBIND)
		vm_bind_op(fd, vm, unbind);
	else if (many->way == BY_VM_DESTROY)
		vm_destroy(fd, vm);
	else if (many->way == BY_GEM_CLOSE)
		gem_close(fd, bo);
	many->took_us = now_us() - start;
	for (;;)
		pause();
}

static bool comes_back(long long before)
{
	int64_t end = now_us() + 120 * 1000000ll;

	while (pinned() > before + SLACK && now_us() < end)
		pause_ms(10);
	return pinned() <= before + SLACK;
}

static pid_t start(struct many *many, enum way way)
{
	pid_t pid;

	*many = (struct many){ .way = way };
	pid = attacker_start(attack, many);
	while (!many->bound)
		pause_ms(1);
	return pid;
}

/* How long it takes to unbind all, in a client that nobody kills before. */
static int64_t unbind_all(struct many *many)
{
	long long before = pinned();
	pid_t pid = start(many, BY_UNBIND);

	while (!many->took_us)
		pause_ms(1);
	printf("# %d mappings, unbound in %lld ms\n", MAPPINGS * scale,
	       (long long)many->took_us / 1000);
	check_true("what is unbound comes back", comes_back(before));
	check_true("the client is gone", attacker_kill(pid) >= 0);
	check_true("all it had comes back", comes_back(before));
	return many->took_us;
}

static void check_way(struct many *many, enum way way, int64_t all_us)
{
	bool soon = false, back = true;
	char text[80];

	for (int i = 0; i < TRIES && !soon && back; i++) {
		long long before = pinned();
		pid_t pid = start(many, way);
		int64_t gone;

		pause_ms(2);
		gone = attacker_kill(pid);
		printf("# %s: killed%s, gone after %lld ms\n", names[way],
		       many->took_us ? " afterwards" : "", (long long)gone / 1000);
		soon = gone >= 0 && gone < all_us / PART;
		back = comes_back(before);
	}
	snprintf(text, sizeof(text), "%s: a client that is killed ends soon", names[way]);
	check_true(text, soon);
	snprintf(text, sizeof(text), "%s: and all it had comes back", names[way]);
	check_true(text, back);
}

void test_mappings(void)
{
	struct bystander b = bystander_start();
	struct many *many = shared_page();
	int64_t all_us = unbind_all(many);

	for (enum way way = BY_UNBIND; way <= BY_EXIT; way++) {
		check_way(many, way, all_us);
		check_true("the bystander gets on", bystander_lives(&b, 60));
	}
	bystander_stop(&b);
}
