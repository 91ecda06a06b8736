// SPDX-License-Identifier: MIT OR Apache-2.0
/* VM_CREATE, VM_DESTROY and VM_BIND. */
#define _GNU_SOURCE
#include "uapi.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW (DRM_ASAHI_BIND_READ | DRM_ASAHI_BIND_WRITE)

static int create_with(int fd, uint64_t start, uint64_t end, uint32_t pad)
{
	struct drm_asahi_vm_create args = { .kernel_start = start, .kernel_end = end, .pad = pad };
	int ret = gpu_ioctl(fd, DRM_IOCTL_ASAHI_VM_CREATE, &args);

	if (!ret)
		vm_destroy(fd, args.vm_id);
	return ret;
}

static void check_create(int fd, const struct drm_asahi_params_global *p)
{
	struct drm_asahi_vm_destroy bad = { .vm_id = 1, .pad = 1 };
	uint64_t min = p->vm_kernel_min_size;
	uint32_t vm;
	int other;

	check("create", create_with(fd, KERNEL_START, KERNEL_START + min, 0), 0);
	check("create: range at the start", create_with(fd, 0x8000, 0x8000 + min, 0), 0);
	check("create: range at an odd page", create_with(fd, PAGE * 3, PAGE * 3 + min, 0), 0);
	check("create: pad", create_with(fd, KERNEL_START, KERNEL_END, 1), -EINVAL);
	check("create: kernel range too small",
	      create_with(fd, KERNEL_START, KERNEL_START + min - PAGE * 2, 0), -EINVAL);
	check("create: empty kernel range", create_with(fd, KERNEL_START, KERNEL_START, 0),
	      -EINVAL);
	check("create: reversed kernel range", create_with(fd, KERNEL_END, KERNEL_START, 0),
	      -EINVAL);
	check("create: kernel range below the VM", create_with(fd, 0, min, 0), -EINVAL);
	check("create: kernel range past the VM",
	      create_with(fd, p->vm_end - min + PAGE * 2, p->vm_end + PAGE * 2, 0), -EINVAL);
	check("create: kernel range wraps", create_with(fd, -0x8000ull, min, 0), -EINVAL);
	check("create: unaligned kernel range",
	      create_with(fd, KERNEL_START + 1, KERNEL_END + 1, 0), -EINVAL);

	need("create a VM", vm_create(fd, &vm));
	check_true("identifier is not zero", vm != 0);
	other = gpu_open();
	need("open again", other);
	check("destroy: another file's", vm_destroy(other, vm), -ENOENT);
	close(other);
	check("destroy", vm_destroy(fd, vm), 0);
	check("destroy: twice", vm_destroy(fd, vm), -ENOENT);
	check("destroy: unknown", vm_destroy(fd, 12345), -ENOENT);
	check("destroy: zero", vm_destroy(fd, 0), -ENOENT);
	check("destroy: pad", gpu_ioctl(fd, DRM_IOCTL_ASAHI_VM_DESTROY, &bad), -EINVAL);
}

static void check_bind_op(const char *what, int fd, uint32_t vm, uint32_t flags, uint32_t handle,
			  uint64_t offset, uint64_t range, uint64_t addr, int want)
{
	check(what,
	      vm_bind_op(fd, vm,
			 (struct drm_asahi_gem_bind_op){
				 .flags = flags,
				 .handle = handle,
				 .offset = offset,
				 .range = range,
				 .addr = addr,
			 }),
	      want);
}

static void check_bind(int fd, const struct drm_asahi_params_global *p, uint32_t vm, uint32_t bo)
{
	const uint64_t va = USER_VA;

	check_bind_op("bind", fd, vm, RW, bo, 0, 4 * PAGE, va, 0);
	check_bind_op("bind: over itself", fd, vm, RW, bo, PAGE, PAGE, va + PAGE, 0);
	check_bind_op("bind: read only", fd, vm, DRM_ASAHI_BIND_READ, bo, 0, PAGE, va + 8 * PAGE,
		      0);
	check_bind_op("bind: write only", fd, vm, DRM_ASAHI_BIND_WRITE, bo, 0, PAGE, va + 9 * PAGE,
		      0);
	check_bind_op("bind: one page many times", fd, vm, RW | DRM_ASAHI_BIND_SINGLE_PAGE, bo,
		      3 * PAGE, 64 * PAGE, va + 16 * PAGE, 0);
	check_bind_op("bind: single page past the object", fd, vm, RW | DRM_ASAHI_BIND_SINGLE_PAGE,
		      bo, 4 * PAGE, PAGE, va + 16 * PAGE, -EINVAL);
	check_bind_op("bind: first page of the VM", fd, vm, RW, bo, 0, PAGE, p->vm_start, 0);
	check_bind_op("bind: last page of the VM", fd, vm, RW, bo, 0, PAGE, p->vm_end - PAGE, 0);

	check_bind_op("bind: address unaligned", fd, vm, RW, bo, 0, PAGE, va + 0x1000, -EINVAL);
	check_bind_op("bind: range unaligned", fd, vm, RW, bo, 0, 0x1000, va, -EINVAL);
	check_bind_op("bind: offset unaligned", fd, vm, RW, bo, 0x1000, PAGE, va, -EINVAL);
	check_bind_op("bind: empty range", fd, vm, RW, bo, 0, 0, va, -EINVAL);
	check_bind_op("bind: neither read nor write", fd, vm, 0, bo, 0, PAGE, va, -EINVAL);
	check_bind_op("bind: unknown flag", fd, vm, RW | 0x10, bo, 0, PAGE, va, -EINVAL);
	check_bind_op("bind: past the object", fd, vm, RW, bo, PAGE, 4 * PAGE, va, -EINVAL);
	check_bind_op("bind: offset past the object", fd, vm, RW, bo, 1ull << 40, PAGE, va,
		      -EINVAL);
	check_bind_op("bind: offset wraps", fd, vm, RW, bo, -PAGE, 2 * PAGE, va, -EINVAL);
	check_bind_op("bind: address wraps", fd, vm, RW, bo, 0, 2 * PAGE, -PAGE, -EINVAL);
	check_bind_op("bind: below the VM", fd, vm, RW, bo, 0, PAGE, 0, -EINVAL);
	check_bind_op("bind: past the VM", fd, vm, RW, bo, 0, PAGE, p->vm_end, -EINVAL);
	check_bind_op("bind: into the kernel's range", fd, vm, RW, bo, 0, PAGE, KERNEL_START,
		      -EINVAL);
	check_bind_op("bind: across the kernel's range", fd, vm, RW, bo, 0, 2 * PAGE,
		      KERNEL_START - PAGE, -EINVAL);
	check_bind_op("bind: unknown object", fd, vm, RW, 12345, 0, PAGE, va, -ENOENT);
	check_bind_op("bind: unknown VM", fd, 12345, RW, bo, 0, PAGE, va, -ENOENT);

	check_bind_op("unbind", fd, vm, DRM_ASAHI_BIND_UNBIND, 0, 0, PAGE, va + PAGE, 0);
	check_bind_op("unbind: what is not bound", fd, vm, DRM_ASAHI_BIND_UNBIND, 0, 0, PAGE,
		      va + (1ull << 32), 0);
	check_bind_op("unbind: with another flag", fd, vm, RW | DRM_ASAHI_BIND_UNBIND, 0, 0, PAGE,
		      va, -EINVAL);
	check_bind_op("unbind: with an object", fd, vm, DRM_ASAHI_BIND_UNBIND, bo, 0, PAGE, va,
		      -EINVAL);
	check_bind_op("unbind: with an offset", fd, vm, DRM_ASAHI_BIND_UNBIND, 0, PAGE, PAGE, va,
		      -EINVAL);
	check_bind_op("unbind: the kernel's range", fd, vm, DRM_ASAHI_BIND_UNBIND, 0, 0, PAGE,
		      KERNEL_START, -EINVAL);
	check_bind_op("unbind: all of ours", fd, vm, DRM_ASAHI_BIND_UNBIND, 0, 0, 1ull << 32, va,
		      0);
}

static int bind_array(int fd, uint32_t vm, uint32_t count, uint32_t stride, uint32_t pad,
		      uint64_t ops)
{
	struct drm_asahi_vm_bind args = {
		.vm_id = vm, .num_binds = count, .stride = stride, .pad = pad, .userptr = ops,
	};

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_VM_BIND, &args);
}

/* An operation whose record is a page long, and ends with @last. */
static int bind_page(int fd, uint32_t vm, const struct drm_asahi_gem_bind_op *op, char last)
{
	static char record[PAGE];

	memset(record, 0, sizeof(record));
	memcpy(record, op, sizeof(*op));
	record[sizeof(record) - 1] = last;
	return bind_array(fd, vm, 1, sizeof(record), 0, (uintptr_t)record);
}

static void check_bind_array(int fd, uint32_t vm, uint32_t bo)
{
	struct { struct drm_asahi_gem_bind_op op; uint64_t later[4]; } ops[8];
	uint32_t stride = sizeof(ops[0]);

	memset(ops, 0, sizeof(ops));
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i].op = (struct drm_asahi_gem_bind_op){
			.flags = RW, .handle = bo, .range = PAGE, .addr = USER_VA + i * 2 * PAGE,
		};

	check("bind array with a longer stride", bind_array(fd, vm, 8, stride, 0, (uintptr_t)ops),
	      0);
	check("bind array: pad", bind_array(fd, vm, 8, stride, 1, (uintptr_t)ops), -EINVAL);
	check("bind array: no stride", bind_array(fd, vm, 8, 0, 0, (uintptr_t)ops), -EINVAL);
	check("bind array: a stride of a page", bind_page(fd, vm, &ops[0].op, 0), 0);
	check("bind array: with a last byte that is not 0", bind_page(fd, vm, &ops[0].op, 1),
	      -E2BIG);
	check("bind array: a stride above a page", bind_array(fd, vm, 1, 16385, 0, (uintptr_t)ops),
	      -E2BIG);
	check("bind array: bad pointer", bind_array(fd, vm, 8, stride, 0, 8), -EFAULT);
	check_true("bind array: runs into unmapped memory",
		   bind_array(fd, vm, 0xffffffff, stride, 0, (uintptr_t)ops) != 0);

	ops[5].op.handle = 12345;
	check("bind array: one bad entry", bind_array(fd, vm, 8, stride, 0, (uintptr_t)ops),
	      -ENOENT);
	check("bind array: still usable", bind_array(fd, vm, 5, stride, 0, (uintptr_t)ops), 0);
}

/* Maps one file of operations again and again, and binds all of them, which takes hours. */
static void bind_for_hours(int fd, uint32_t vm, int started)
{
	const size_t size = 4 << 20, times = 8192;
	struct drm_asahi_gem_bind_op *ops;
	int file = memfd_create("ops", MFD_CLOEXEC);
	char *at = mmap(NULL, size * times, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);

	if (file < 0 || ftruncate(file, size) || at == MAP_FAILED)
		return;
	for (size_t i = 0; i < times; i++)
		if (mmap(at + i * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
			 0) == MAP_FAILED)
			return;
	ops = (void *)at;
	for (size_t i = 0; i < size / sizeof(*ops); i++)
		ops[i] = (struct drm_asahi_gem_bind_op){ .flags = DRM_ASAHI_BIND_UNBIND,
							 .range = PAGE,
							 .addr = USER_VA };
	if (write(started, "", 1) == 1)
		bind_array(fd, vm, size / sizeof(*ops) * times, sizeof(*ops), 0, (uintptr_t)ops);
}

static void check_killed(int fd, uint32_t vm)
{
	int started[2], death, status;
	struct pollfd poller;
	pid_t child;
	char byte;

	need("create a pipe", pipe(started) ? -errno : 0);
	child = fork();
	need("fork", child);
	if (child == 0) {
		bind_for_hours(fd, vm, started[1]);
		_exit(0);
	}
	close(started[1]);
	check_true("a process binds for hours", read(started[0], &byte, 1) == 1);
	close(started[0]);
	death = syscall(SYS_pidfd_open, child, 0);
	need("open a process", death);
	poller = (struct pollfd){ .fd = death, .events = POLLIN };
	check_true("it is still at it", poll(&poller, 1, 200) == 0);
	kill(child, SIGKILL);
	/* Its end takes thousands of mappings apart, slowly on a kernel with all checkers. */
	check_true("it dies when it is killed", poll(&poller, 1, 300000) == 1);
	close(death);
	check_true("of the signal",
		   waitpid(child, &status, WNOHANG) == child && WIFSIGNALED(status));
}

/* Many at once, each with a mapping of its own, and left to the close of the file. */
static void check_many(int fd)
{
	uint32_t vms[100], bo;
	bool bound = true, distinct = true;

	need("create a buffer", gem_create(fd, PAGE, 0, 0, &bo));
	for (int i = 0; i < 100; i++) {
		need("create many VMs", vm_create(fd, &vms[i]));
		for (int j = 0; j < i; j++)
			distinct = distinct && vms[i] != vms[j];
	}
	for (int i = 0; i < 100; i++)
		bound = bound && !vm_bind(fd, vms[i], bo, USER_VA, PAGE);
	check_true("100 VMs at once have identifiers of their own", distinct);
	check_true("each of them takes a mapping", bound);
}

void test_vm(void)
{
	struct drm_asahi_params_global p;
	uint32_t vm, bo;
	int fd = gpu_open();

	need("open the render node", fd);
	need("get params", get_params(fd, &p));
	check_create(fd, &p);

	need("create a VM", vm_create(fd, &vm));
	need("create a buffer", gem_create(fd, 4 * PAGE, 0, 0, &bo));
	check_bind(fd, &p, vm, bo);
	check_bind_array(fd, vm, bo);
	check_killed(fd, vm);
	/* memory.c looks at what becomes of the mapping. */
	check("bind once more", vm_bind(fd, vm, bo, USER_VA, PAGE), 0);
	check("close a bound object", gem_close(fd, bo), 0);
	check("destroy with bindings", vm_destroy(fd, vm), 0);

	check_many(fd);
	close(fd);
}
