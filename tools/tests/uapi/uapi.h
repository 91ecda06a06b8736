/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Shared by the UAPI tests: a TAP reporter, and one thin function per ioctl.
 *
 * Every wrapper returns 0 or a negative errno, so that a test can name the one it expects.
 */
#ifndef UAPI_TEST_H
#define UAPI_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <drm/asahi_drm.h>
#include <drm/drm.h>

#define PAGE 0x4000ull
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Where the tests put what every VM has: the kernel's range, and the first address of their own. */
#define KERNEL_START 0x7000000000ull
#define KERNEL_END 0x7040000000ull
#define USER_VA 0x1000000000ull

/* CDM stream terminate: type 2 in bits 31:29 of the first of two words. */
#define CDM_TERMINATE (2u << 29)
/* VDM stream terminate: type 6 there. */
#define VDM_TERMINATE (6u << 29)

/* A result that a check may accept besides the one it names. 1 is never an errno result. */
#define NO_OTHER 1

void check(const char *what, int got, int want);
void check_either(const char *what, int got, int want, int other);
void check_true(const char *what, bool held);
/* A plan that is left out, and why. */
void skip(const char *what, const char *why);
/* What a test cannot go on without: ends the program with "Bail out!". */
void need(const char *what, int result);
int failures(void);
int finish(void);

/* A group of checks that is run by its name. */
struct test_group {
	const char *name;
	void (*run)(void);
};

/* Runs the groups that @argv names, or all if it names none; returns what finish() returns. */
int run_groups(const struct test_group *groups, size_t count, int argc, char **argv);

int gpu_open(void);
/* The primary node of a driver. */
int card_open(const char *driver);
int gpu_ioctl(int fd, unsigned long request, void *arg);
int get_params(int fd, struct drm_asahi_params_global *params);

int vm_create(int fd, uint32_t *vm);
int vm_destroy(int fd, uint32_t vm);
int gem_create(int fd, uint64_t size, uint32_t flags, uint32_t vm, uint32_t *handle);
int gem_close(int fd, uint32_t handle);
int gem_mmap_offset(int fd, uint32_t handle, uint64_t *offset);
/* Maps a whole object, or returns NULL. */
void *gem_map(int fd, uint32_t handle, uint64_t size);
int vm_bind_op(int fd, uint32_t vm, struct drm_asahi_gem_bind_op op);
int vm_bind(int fd, uint32_t vm, uint32_t handle, uint64_t addr, uint64_t size);
int bind_timestamps(int fd, uint32_t bo, uint64_t size, uint32_t *object);
/*
 * Binds the start of @bo, which has @size bytes: the largest power of two of them below @size that
 * the client's share of addresses has room for. Returns how many.
 */
uint64_t bind_most_timestamps(int fd, uint32_t bo, uint64_t size, uint32_t *object);
int unbind_timestamps(int fd, uint32_t object);
int queue_create(int fd, uint32_t vm, uint32_t *queue);
int queue_destroy(int fd, uint32_t queue);

int syncobj_create(int fd, uint32_t *handle);
int syncobj_destroy(int fd, uint32_t handle);
int syncobj_reset(int fd, uint32_t handle);
/* Waits up to @seconds for a binary object's fence. */
int syncobj_wait(int fd, uint32_t handle, unsigned int seconds);
int syncobj_import_sync_file(int fd, uint32_t handle, int file);
/* Returns the file descriptor, or a negative errno. */
int syncobj_export_sync_file(int fd, uint32_t handle);
/* Merges two sync files into a new one, which is returned; closes neither. */
int sync_file_merge(int a, int b);
/* The result of a fence, when it has one; -ETIME if that takes longer than @ms. */
int sync_file_wait(int file, int ms);
/*
 * sw_sync: a timeline, a fence on it that signals when the timeline gets to @value, and its going
 * on. Files, or negative errnos.
 */
int sw_sync_create(void);
int sw_sync_fence(int timeline, uint32_t value);
void sw_sync_advance(int timeline, uint32_t by);
/* A sync file of @count fences, each of a timeline of its own, that do not signal. */
int sw_sync_fences(unsigned int count);
int timeline_wait(int fd, uint32_t handle, uint64_t point, unsigned int seconds);

/* A VM with one bound buffer that starts with an empty control stream, and a queue on it. */
struct context {
	int fd;
	uint32_t vm;
	uint32_t queue;
	uint32_t bo;
	uint32_t *map;
};

void context_init(struct context *ctx);
/* The same in a file that is open, which goes with the context. */
void context_init_in(struct context *ctx, int fd);
void context_fini(struct context *ctx);

/*
 * Writes a stream to @stream: a launch of one thread with 64 uniform halves, of what is described
 * @pipeline bytes from the queue's base of shaders on; the end. The launch has the form that Mesa
 * gives it for the parameters of the GPU. Returns the bytes written, which are at most 48.
 */
size_t launch_one(int fd, void *stream, uint32_t pipeline);

/* A compute command that runs the context's empty stream, with its header. */
struct compute_command {
	struct drm_asahi_cmd_header header;
	struct drm_asahi_cmd_compute compute;
};

struct compute_command compute_command(void);

/* A render command of 64 x 64 pixels that draws nothing, with its header. */
struct render_command {
	struct drm_asahi_cmd_header header;
	struct drm_asahi_cmd_render render;
};

struct render_command render_command(void);
int submit(struct context *ctx, const void *commands, size_t size,
	   const struct drm_asahi_sync *syncs, uint32_t in, uint32_t out);
/* The result of one submit with these commands: its errno, or that of its fence, for @seconds. */
int submit_and_wait(struct context *ctx, const void *commands, size_t size, unsigned int seconds);
/* One empty compute job that signals a binary object. */
int submit_one(struct context *ctx, uint32_t out_syncobj);
/* The result of one empty compute job of a new client, which waits @seconds at most, and ends. */
int new_job(unsigned int seconds);

/* The driver and the device in sysfs. */
#define DRIVER "/sys/bus/platform/drivers/asahi/"
#define DEVICE "11000000.gpu"
/* Binds the device to the driver, and unbinds it: 0 or a negative errno. */
int bind_device(void);
int unbind_device(void);
/* Writes to a file that is there; 0 or a negative errno. */
int write_file(const char *path, const char *text);

/* A line of /proc/meminfo, in KiB; -1 if there is none. */
long long meminfo(const char *key);
/* How much memory all clients have pinned, in KiB. */
long long pinned(void);
/* Frees what the kernel can do without. */
void drop_caches(void);

int64_t now_ms(void);
void pause_ms(int ms);
/* The state of a process: a letter, as in /proc; 0 if there is none. */
char process_state(pid_t pid);
/* Whether @pid sleeps, so that a signal wakes it, within @ms and before it ends. */
bool process_sleeps(pid_t pid, int ms);
/* Whether the child @pid ends within @ms, and how. */
bool process_ends(pid_t pid, int ms, int *status);

void test_params(void);
void test_vm(void);
void test_bind_model(void);
void test_gem(void);
void test_timestamps(void);
void test_queue(void);
void test_submit(void);
void test_submit_errors(void);
void test_teardown(void);
void test_import(void);
void test_fdinfo(void);
void test_fences(void);
/* Wants a guest of 2 GiB. */
void test_memory(void);
void test_newcomers(void);
void test_blocked(void);
/* On a kernel without checkers: of as much as there is room for. */
void test_limits(void);
void test_dependencies(void);
/* Takes longer than a minute; with jobs that take long (--fault delay:1000). */
void test_starve(void);
/* With a second job that takes 75 s (--fault delay:2:75000), or 300 s. */
void test_long(void);
void test_longer(void);

#endif
