// SPDX-License-Identifier: MIT OR Apache-2.0
/* GET_PARAMS and GET_TIME. */
#include "uapi.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int params_with(int fd, uint32_t group, uint32_t pad, uint64_t pointer, uint64_t size)
{
	struct drm_asahi_get_params args = {
		.param_group = group, .pad = pad, .pointer = pointer, .size = size,
	};

	return gpu_ioctl(fd, DRM_IOCTL_ASAHI_GET_PARAMS, &args);
}

/*
 * The chips, and which cores of the emulator's work if nothing else is said: a hexadecimal number
 * with a bit for each, those of the first cluster lowest.
 */
static const struct chip {
	const char *name;
	uint32_t id, generation, dies, clusters, cores;
	char variant;
	const char *working;
} chips[] = {
	{ "t8103", 0x8103, 13, 1, 1, 8, 'G', "fe" },
	{ "t8112", 0x8112, 14, 1, 1, 10, 'G', "3ff" },
	{ "t6000", 0x6000, 13, 1, 2, 8, 'S', "ffff" },
	{ "t6001", 0x6001, 13, 1, 4, 8, 'C', "ffffffff" },
	{ "t6002", 0x6002, 13, 2, 8, 8, 'D', "ffffffffffffffff" },
	{ "t6020", 0x6020, 14, 1, 2, 10, 'S', "ffdff" },
	{ "t6021", 0x6021, 14, 1, 4, 10, 'C', "ffdffffdff" },
	{ "t6022", 0x6022, 14, 2, 8, 10, 'D', "ffdffffdffffdffffdff" },
};

/* The chip that the machine was told to be. */
static const struct chip *machine(void)
{
	const char *name = getenv("ASAHI_CHIP");

	for (size_t i = 0; name && i < sizeof(chips) / sizeof(*chips); i++)
		if (!strcmp(chips[i].name, name))
			return &chips[i];
	return NULL;
}

/* Whether bit @bit of the hexadecimal number @number is set. */
static bool has_bit(const char *number, size_t bit)
{
	size_t digits = strlen(number);
	char digit[2] = { 0 };

	if (bit / 4 >= digits)
		return false;
	digit[0] = number[digits - 1 - bit / 4];
	return strtoul(digit, NULL, 16) >> bit % 4 & 1;
}

static void check_chip(const struct drm_asahi_params_global *p, const struct chip *chip)
{
	const size_t masks = sizeof(p->core_masks) / sizeof(*p->core_masks);
	const char *working = getenv("ASAHI_CORES");
	bool same = true, inside = true;

	if (!working)
		working = chip->working;
	check_true("generation", p->gpu_generation == chip->generation);
	check_true("variant", p->gpu_variant == (uint32_t)chip->variant);
	check_true("chip", p->chip_id == chip->id);
	check_true("dies", p->num_dies == chip->dies);
	check_true("clusters", p->num_clusters_total == chip->clusters);
	check_true("cores a cluster", p->num_cores_per_cluster == chip->cores);
	for (size_t i = 0; i < masks; i++) {
		uint64_t want = 0;

		for (uint32_t core = 0; i < chip->clusters && core < chip->cores; core++)
			want |= (uint64_t)has_bit(working, i * chip->cores + core) << core;
		inside = inside && !(p->core_masks[i] >> (i < chip->clusters ? chip->cores : 0));
		if (p->core_masks[i] == want)
			continue;
		printf("# cluster %zu: %#llx, not %#llx\n", i, (unsigned long long)p->core_masks[i],
		       (unsigned long long)want);
		same = false;
	}
	check_true("the cores that work", same);
	check_true("no core is outside of its cluster", inside);
}

static void check_values(const struct drm_asahi_params_global *p)
{
	const struct chip *chip = machine();

	check_true("the chip is known", chip != NULL);
	if (chip)
		check_chip(p, chip);
	check_true("maximum frequency is plausible",
		   p->max_frequency_khz >= 100000 && p->max_frequency_khz <= 5000000);
	check_true("VM starts at one page", p->vm_start == PAGE);
	check_true("VM ends below 2^39", p->vm_end > p->vm_start && p->vm_end < 1ull << 39);
	check_true("kernel range is page sized", p->vm_kernel_min_size % PAGE == 0);
	check_true("64 commands a submit", p->max_commands_per_submission == 64);
	check_true("16 attachments", p->max_attachments == 16);
	check_true("timestamps in nanoseconds", p->command_timestamp_frequency_hz == 1000000000);
}

static void check_sizes(int fd)
{
	struct drm_asahi_params_global p;
	unsigned char longer[sizeof(p) + 64];

	memset(&p, 0xa5, sizeof(p));
	check("short buffer", params_with(fd, 0, 0, (uintptr_t)&p, 12), 0);
	check_true("nothing written past the size given",
		   p.gpu_generation != 0xa5a5a5a5 && p.gpu_variant == 0xa5a5a5a5);

	memset(&p, 0xa5, sizeof(p));
	check("empty buffer", params_with(fd, 0, 0, (uintptr_t)&p, 0), 0);
	check_true("nothing written to an empty buffer", p.features == 0xa5a5a5a5a5a5a5a5);

	memset(longer, 0xa5, sizeof(longer));
	check("long buffer", params_with(fd, 0, 0, (uintptr_t)longer, sizeof(longer)), 0);
	check_true("nothing made up past the structure", longer[sizeof(p)] == 0xa5);
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void check_time(int fd)
{
	struct drm_asahi_get_time first = { 0 }, second = { 0 }, bad = { .flags = 1 };
	struct timespec pause = { .tv_nsec = 50000000 };
	/* Both clocks are read from one counter, and rounded. */
	const int64_t rounding = 2000;
	int64_t before, begin, end, after, gpu;

	before = now();
	check("get time", gpu_ioctl(fd, DRM_IOCTL_ASAHI_GET_TIME, &first), 0);
	begin = now();
	nanosleep(&pause, NULL);
	end = now();
	check("get time again", gpu_ioctl(fd, DRM_IOCTL_ASAHI_GET_TIME, &second), 0);
	after = now();

	gpu = second.gpu_timestamp - first.gpu_timestamp;
	check_true("GPU time runs in nanoseconds",
		   gpu >= end - begin - rounding && gpu <= after - before + rounding);
	check("get time: flags", gpu_ioctl(fd, DRM_IOCTL_ASAHI_GET_TIME, &bad), -EINVAL);
}

/* Whether this thread has CAP_SYS_ADMIN in effect. Its files are authenticated then. */
static void set_admin(bool admin)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const uint32_t mask = 1u << CAP_SYS_ADMIN;

	need("get capabilities", syscall(SYS_capget, &header, data) ? -errno : 0);
	data[0].effective = admin ? data[0].effective | mask : data[0].effective & ~mask;
	need("set capabilities", syscall(SYS_capset, &header, data) ? -errno : 0);
}

/* A client of the primary node needs no authentication. The first one is master, and has it. */
static void check_primary(void)
{
	struct drm_asahi_params_global p = { 0 };
	int first = card_open("asahi"), fd;
	uint32_t vm;

	need("open the primary node", first);
	set_admin(false);
	fd = card_open("asahi");
	set_admin(true);
	need("open the primary node again", fd);
	check("get params of the primary node", get_params(fd, &p), 0);
	check("create a VM without authentication", vm_create(fd, &vm), 0);
	check("destroy it", vm_destroy(fd, vm), 0);
	close(fd);
	close(first);
}

void test_params(void)
{
	struct drm_asahi_params_global p = { 0 };
	int fd = gpu_open();

	need("open the render node", fd);
	check("get params", get_params(fd, &p), 0);
	check_values(&p);
	check_sizes(fd);
	check("get params: group", params_with(fd, 1, 0, (uintptr_t)&p, sizeof(p)), -EINVAL);
	check("get params: pad", params_with(fd, 0, 1, (uintptr_t)&p, sizeof(p)), -EINVAL);
	check("get params: pointer", params_with(fd, 0, 0, 8, sizeof(p)), -EFAULT);
	check_time(fd);
	close(fd);
	check_primary();
}
