// SPDX-License-Identifier: MIT OR Apache-2.0
/* Buffer objects. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int create_with(int fd, uint64_t size, uint32_t flags, uint32_t vm, uint32_t pad)
{
	struct drm_asahi_gem_create args = {
		.size = size,
		.flags = flags,
		.vm_id = vm,
		.pad = pad,
	};
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_CREATE, &args);

	if (!ret)
		gem_close(fd, args.handle);
	return ret;
}

static void check_create(int fd, uint32_t vm)
{
	const uint32_t private = DRM_ASAHI_GEM_VM_PRIVATE;

	check("create", create_with(fd, PAGE, 0, 0, 0), 0);
	check("create: write-back", create_with(fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, 0), 0);
	check("create: private to a VM", create_with(fd, PAGE, private, vm, 0), 0);
	check("create: private to an unknown VM", create_with(fd, PAGE, private, 12345, 0),
	      -ENOENT);
	check("create: VM without the flag", create_with(fd, PAGE, 0, vm, 0), -EINVAL);
	check("create: unknown flag", create_with(fd, PAGE, 1 << 7, 0, 0), -EINVAL);
	check("create: pad", create_with(fd, PAGE, 0, 0, 1), -EINVAL);
	check("create: no size", create_with(fd, 0, 0, 0, 0), -EINVAL);
	check_either("create: size wraps", create_with(fd, UINT64_MAX, 0, 0, 0), -EINVAL, -ENOMEM);
	check_either("create: size of the address space", create_with(fd, 1ull << 62, 0, 0, 0),
		     -EINVAL, -ENOMEM);
}

static bool zeroed(const unsigned char *map, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (map[i])
			return false;
	return true;
}

static void check_map(int fd, uint32_t flags, const char *what)
{
	struct drm_asahi_gem_mmap_offset args = { .flags = 1 };
	unsigned char *map, *twin;
	uint64_t offset;
	uint32_t bo;

	/* One byte asked, one page had. */
	check(what, gem_create(fd, 1, flags, 0, &bo), 0);
	args.handle = bo;
	check("mmap offset: flags", gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_MMAP_OFFSET, &args), -EINVAL);
	check("mmap offset", gem_mmap_offset(fd, bo, &offset), 0);

	map = gem_map(fd, bo, PAGE);
	twin = gem_map(fd, bo, PAGE);
	check_true("maps twice", map && twin);
	if (!map || !twin)
		return;
	check_true("starts zeroed", zeroed(map, PAGE));
	memset(map, 0x5a, PAGE);
	check_true("both mappings are one object", twin[0] == 0x5a && twin[PAGE - 1] == 0x5a);
	check_true("no mapping past the object",
		   mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);

	gem_close(fd, bo);
	check_true("a mapping outlives the handle", map[PAGE / 2] == 0x5a);
	munmap(map, PAGE);
	munmap(twin, PAGE);
	check("mmap offset: closed object", gem_mmap_offset(fd, bo, &offset), -ENOENT);
}

static void check_prime(int fd, uint32_t vm)
{
	struct drm_prime_handle export = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_prime_handle import = { 0 };
	unsigned char *here, *there;
	int other = gpu_open();
	uint32_t bo;

	need("open again", other);
	need("create a buffer", gem_create(fd, PAGE, 0, 0, &bo));
	export.handle = bo;
	check("export", gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export), 0);
	import.fd = export.fd;
	check("import in another file", gpu_ioctl(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);

	here = gem_map(fd, bo, PAGE);
	there = gem_map(other, import.handle, PAGE);
	check_true("both files map it", here && there);
	if (here && there) {
		here[7] = 7;
		check_true("both files see one object", there[7] == 7);
	}
	close(export.fd);
	close(other);
	gem_close(fd, bo);

	need("create a private buffer", gem_create(fd, PAGE, DRM_ASAHI_GEM_VM_PRIVATE, vm, &bo));
	export.handle = bo;
	check_either("export: private object", gpu_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export),
		     -EINVAL, -EPERM);
	gem_close(fd, bo);
}

/* Exports whatever has a handle, until it is told to end. */
struct exporter {
	int fd;
	uint32_t handle;
	volatile bool over;
	long tried, found, exported;
};

static void *export_again(void *arg)
{
	struct exporter *e = arg;

	while (!e->over) {
		struct drm_prime_handle export = { .handle = e->handle };
		int ret = gpu_ioctl(e->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export);

		e->tried++;
		e->found += ret != -ENOENT;
		if (!ret) {
			e->exported++;
			close(export.fd);
		}
	}
	return NULL;
}

/* A private object is private from the moment on at which it has a handle. */
static void check_prime_race(int fd, uint32_t vm)
{
	struct exporter e = { .fd = fd };
	pthread_t thread;

	/* A handle that is closed is the next one to be given. */
	need("create a private buffer",
	     gem_create(fd, PAGE, DRM_ASAHI_GEM_VM_PRIVATE, vm, &e.handle));
	gem_close(fd, e.handle);
	need("start a thread", -pthread_create(&thread, NULL, export_again, &e));
	for (int i = 0; i < 20000 && (i < 2000 || e.found < 20); i++) {
		uint32_t bo;

		need("create a private buffer",
		     gem_create(fd, PAGE, DRM_ASAHI_GEM_VM_PRIVATE, vm, &bo));
		need("get the handle again", bo == e.handle ? 0 : -EEXIST);
		gem_close(fd, bo);
	}
	e.over = true;
	pthread_join(thread, NULL);
	printf("# %ld exports, %ld of them of an object\n", e.tried, e.found);
	check_true("exports meet private objects that are new", e.found >= 20);
	check_true("and none is exported", !e.exported);
}

/*
 * Names, which only the primary node has: they lead to an object from any of its files, whatever
 * the object is private to. It stays private: no other VM can have it bound.
 */
static void check_names(void)
{
	int card = card_open("asahi"), other = card_open("asahi");
	struct drm_gem_flink flink = {};
	struct drm_gem_open by_name = {};
	uint32_t vm, other_vm, bo, *here, *there;

	need("open the primary node", card);
	need("open it again", other);
	need("create a VM", vm_create(card, &vm));
	need("create a VM", vm_create(other, &other_vm));
	need("create a private buffer",
	     gem_create(card, PAGE, DRM_ASAHI_GEM_VM_PRIVATE, vm, &bo));
	flink.handle = bo;
	check("name a private object", gpu_ioctl(card, DRM_IOCTL_GEM_FLINK, &flink), 0);
	by_name.name = flink.name;
	check("open it by its name", gpu_ioctl(other, DRM_IOCTL_GEM_OPEN, &by_name), 0);
	check("bind it in another VM", vm_bind(other, other_vm, by_name.handle, USER_VA, PAGE),
	      -EINVAL);
	check("bind it in its own", vm_bind(card, vm, bo, USER_VA, PAGE), 0);
	here = gem_map(card, bo, PAGE);
	there = gem_map(other, by_name.handle, PAGE);
	check_true("both files map it", here && there);
	if (here && there) {
		here[1] = 0x600d;
		check_true("both files see one object", there[1] == 0x600d);
	}
	if (here)
		munmap(here, PAGE);
	close(card);
	if (there) {
		check_true("it is there without its VM", there[1] == 0x600d);
		munmap(there, PAGE);
	}
	check("bind it without its VM", vm_bind(other, other_vm, by_name.handle, USER_VA, PAGE),
	      -EINVAL);
	check("close it", gem_close(other, by_name.handle), 0);
	check("the name has gone with its last handle",
	      gpu_ioctl(other, DRM_IOCTL_GEM_OPEN, &by_name), -ENOENT);
	close(other);
}

static uint32_t open_again(int fd, uint32_t name)
{
	struct drm_gem_open by_name = { .name = name };

	need("open by its name", gpu_ioctl(fd, DRM_IOCTL_GEM_OPEN, &by_name));
	return by_name.handle;
}

/* Two handles of one object in one file: it stays bound until the last of them is closed. */
static void check_two_handles(void)
{
	struct drm_gem_flink flink = {};
	struct context ctx;
	uint32_t second, object;
	long long total;
	int card = card_open("asahi");

	need("open the primary node", card);
	context_init_in(&ctx, card);
	flink.handle = ctx.bo;
	need("name it", gpu_ioctl(card, DRM_IOCTL_GEM_FLINK, &flink));
	total = fdinfo(card, "drm-total-memory");
	second = open_again(card, flink.name);
	check_true("another handle is another one", second != ctx.bo);
	check("bind by it", vm_bind(card, ctx.vm, second, USER_VA + PAGE, PAGE), 0);
	check("have timestamps by it", bind_timestamps(card, second, PAGE, &object), 0);
	check("close it", gem_close(card, second), 0);
	check("what has another handle stays bound", run(&ctx), 0);
	check_true("and counts once", fdinfo(card, "drm-total-memory") == total);

	second = open_again(card, flink.name);
	check("close the first", gem_close(card, ctx.bo), 0);
	check("what was bound by it stays bound", run(&ctx), 0);
	check_true("and counts once", fdinfo(card, "drm-total-memory") == total);
	check("close the last", gem_close(card, second), 0);
	check("what has no handle is unbound", run(&ctx), -EIO);
	check_true("timestamps keep it", fdinfo(card, "drm-total-memory") == total);
	check("end them", unbind_timestamps(card, object), 0);
	total -= PAGE / 1024;
	check_true("nothing keeps it", fdinfo(card, "drm-total-memory") == total);
	context_fini(&ctx);
}

static int bind_object(int fd, struct drm_asahi_gem_bind_object args, uint32_t *object)
{
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &args);

	*object = args.object_handle;
	return ret;
}

static void check_bind_object(int fd)
{
	struct drm_asahi_gem_bind_object good = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.range = PAGE,
	};
	struct drm_asahi_gem_bind_object args;
	uint32_t object, ignored;
	int other;

	need("create a buffer", gem_create(fd, 2 * PAGE, 0, 0, &good.handle));
	check("bind object", bind_object(fd, good, &object), 0);
	check_true("object handle is not zero", object != 0);

#define REFUSED(what, field, value, want) do { \
		args = good; \
		args.field = value; \
		check("bind object: " what, bind_object(fd, args, &ignored), want); \
	} while (0)
	REFUSED("unknown operation", op, 2, -EINVAL);
	REFUSED("no usage", flags, 0, -EINVAL);
	REFUSED("unknown usage", flags, 3, -EINVAL);
	REFUSED("VM", vm_id, 1, -EINVAL);
	REFUSED("pad", pad, 1, -EINVAL);
	REFUSED("unknown object", handle, 12345, -ENOENT);
	REFUSED("empty range", range, 0, -EINVAL);
	REFUSED("unaligned range", range, 0x1000, -EINVAL);
	REFUSED("unaligned offset", offset, 0x1000, -EINVAL);
	REFUSED("past the object", range, 4 * PAGE, -EINVAL);
	REFUSED("offset past the object", offset, 2 * PAGE, -EINVAL);
	REFUSED("offset wraps", offset, -PAGE, -EINVAL);
#undef REFUSED

	other = gpu_open();
	need("open again", other);
	args = (struct drm_asahi_gem_bind_object){
		.op = DRM_ASAHI_BIND_OBJECT_OP_UNBIND,
		.object_handle = object,
	};
	check("unbind object: another file's", bind_object(other, args, &ignored), -ENOENT);
	close(other);
	check("unbind object", bind_object(fd, args, &ignored), 0);
	check("unbind object: twice", bind_object(fd, args, &ignored), -ENOENT);
	gem_close(fd, good.handle);
}

/* The range for timestamps is one for all files: what is closed must come back. */
static void check_bind_object_reuse(void)
{
	int ret = 0;

	for (int round = 0; round < 64 && !ret; round++) {
		int fd = gpu_open();
		struct drm_asahi_gem_bind_object args = {
			.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS, .range = 2 << 20,
		};
		uint32_t object;

		need("open again", fd);
		need("create a large buffer", gem_create(fd, 2 << 20, 0, 0, &args.handle));
		ret = bind_object(fd, args, &object);
		close(fd);
	}
	check("timestamp range is given back by close", ret, 0);
}

void test_gem(void)
{
	int fd = gpu_open();
	uint32_t vm;

	need("open the render node", fd);
	need("create a VM", vm_create(fd, &vm));
	check_create(fd, vm);
	check_map(fd, 0, "create one byte");
	check_map(fd, DRM_ASAHI_GEM_WRITEBACK, "create one byte, write-back");
	check_prime(fd, vm);
	check_prime_race(fd, vm);
	check_bind_object(fd);
	close(fd);
	check_names();
	check_two_handles();
	check_bind_object_reuse();
}
