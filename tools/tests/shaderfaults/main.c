// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Shaders that access what they may not, or never end, and other jobs beside them. Prints TAP.
 *
 * usage: shader-faults NAME [ROUNDS | together | mapped | unmapped]
 *
 * NAME: part of the device's name. With ROUNDS, so often: a shader without end, then a good job of
 * the same client, and one of another. With "together": a few rounds of three clients at a time,
 * whose shaders have no end, or write where they may not. With "mapped" or "unmapped": accesses to
 * the kernel's half of the address space, on a chip whose clients' contexts have it or have it not.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../vulkan/compute.h"
#include "access.h"

enum what { READ, WRITE, FOREVER };

#define THREADS 64
/*
 * Nothing is mapped there: Mesa begins above, and leaves the first 64 GiB but for a page or two
 * alone.
 */
#define UNMAPPED 0x700000000ull
/* Mesa's page of zeros, which it maps for reading. */
#define READ_ONLY 0x100000000ull

struct client {
	struct gpu gpu;
	struct buffer result;
	struct program program;
};

static int passed, failed;

static void report(const char *what, bool good)
{
	if (good)
		passed++;
	else
		failed++;
	printf("%sok %d - %s\n", good ? "" : "not ", passed + failed, what);
	fflush(stdout);
}

static void client_open(struct client *client, const char *name)
{
	struct binding binding = { .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
				   .buffer = &client->result };

	gpu_open(&client->gpu, name);
	buffer_create(&client->gpu, &client->result, 4096);
	program_create(&client->gpu, &client->program, access_code, sizeof(access_code), &binding,
		       1, 16);
}

static void start(struct client *client, enum what what, uint64_t address)
{
	struct {
		uint64_t address;
		uint32_t what, unused;
	} push = { address, what, 0 };

	memset(client->result.map, 0xee, client->result.size);
	begin(&client->gpu);
	dispatch(&client->gpu, &client->program, &push, sizeof(push), THREADS / 32, 1, 1);
	submit(&client->gpu);
}

/* Whether the result is @first, @first + @step, ... */
static bool is_result(const struct client *client, uint32_t first, uint32_t step)
{
	const uint32_t *words = client->result.map;

	for (uint32_t i = 0; i < THREADS; i++)
		if (words[2 + i] != first + i * step)
			return false;
	return true;
}

/* Makes a fault of a client of its own, while another one works. */
static void fault(const char *name, const char *text, enum what what, uint64_t address)
{
	struct client good, bad;
	char line[128];

	client_open(&good, name);
	client_open(&bad, name);
	start(&bad, what, address);
	/*
	 * Mesa does not look at the error of a fence: what can be seen is that the shader did not
	 * get to its end.
	 */
	wait_for(&bad.gpu);
	snprintf(line, sizeof(line), "%s: the job ends before its end", text);
	report(line, !is_result(&bad, 100, 1) && !is_result(&bad, 0, 0));
	/* Jobs of others that were in flight may have been killed, later ones are not. */
	start(&good, FOREVER + 1, 0);
	snprintf(line, sizeof(line), "%s: another client goes on", text);
	report(line, wait_for(&good.gpu) == VK_SUCCESS && is_result(&good, 100, 1));
	gpu_close(&bad.gpu);
	gpu_close(&good.gpu);
}

/* Whether a job does what it should. */
static bool is_good(struct client *client)
{
	start(client, FOREVER + 1, 0);
	return wait_for(&client->gpu) == VK_SUCCESS && is_result(client, 100, 1);
}

/* The bytes that the clients of this process have, as fdinfo says; -1 if it does not. */
static long long held(void)
{
	long long sum = -1;

	for (int fd = 3; fd < 64; fd++) {
		char path[64], line[256];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		file = fopen(path, "r");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file)) {
			char name[64], unit[8] = "";
			long long size;

			if (sscanf(line, "drm-total-%63[^:]: %lld %7s", name, &size, unit) < 2)
				continue;
			if (unit[0] == 'K')
				size <<= 10;
			else if (unit[0] == 'M')
				size <<= 20;
			sum = (sum < 0 ? 0 : sum) + size;
		}
		fclose(file);
	}
	return sum;
}

static void rounds(const char *name, int count)
{
	int ended = 0, own = 0, others = 0;
	long long first = -1, last;
	struct client bad, other;

	client_open(&bad, name);
	client_open(&other, name);
	for (int i = 0; i < count; i++) {
		start(&bad, FOREVER, 0);
		wait_for(&bad.gpu);
		ended += is_result(&bad, 100, 1) || is_result(&bad, 0, 0);
		own += is_good(&bad);
		others += is_good(&other);
		/* The first rounds may make what all have. */
		if (i == (count > 5 ? 4 : 0))
			first = held();
		if (i % 20 == 19)
			printf("# %d rounds\n", i + 1);
		fflush(stdout);
	}
	printf("# %d rounds: %d got to the end, %d and %d good jobs\n", count, ended, own, others);
	report("no shader without end gets to its end", !ended);
	report("the next job of the client is good, each time", own == count);
	report("that of another client as well", others == count);
	last = held();
	printf("# the clients have %lld bytes, then %lld\n", first, last);
	report("the clients do not have more than after the first rounds",
	       first > 0 && last <= first);
	gpu_close(&other.gpu);
	gpu_close(&bad.gpu);
}

#define TOGETHER 3

/* All clients of @bad do the same at once; then each has a good job, and @other as well. */
static bool all_fail(struct client *bad, struct client *other, enum what what, uint64_t address)
{
	bool ended = false, good = true;

	for (int i = 0; i < TOGETHER; i++)
		start(&bad[i], what, address);
	for (int i = 0; i < TOGETHER; i++) {
		wait_for(&bad[i].gpu);
		ended |= is_result(&bad[i], 100, 1) || is_result(&bad[i], 0, 0);
	}
	for (int i = 0; i < TOGETHER; i++)
		good &= is_good(&bad[i]);
	return !ended && good && is_good(other);
}

static void together(const char *name)
{
	struct client bad[TOGETHER], other;
	int endless = 0, faults = 0, count = 3;

	client_open(&other, name);
	for (int i = 0; i < TOGETHER; i++)
		client_open(&bad[i], name);
	for (int i = 0; i < count; i++) {
		endless += all_fail(bad, &other, FOREVER, 0);
		faults += all_fail(bad, &other, WRITE, READ_ONLY);
	}
	printf("# of %d rounds %d and %d are as they should be\n", count, endless, faults);
	report("three shaders without end at once: all end, and later jobs are good",
	       endless == count);
	report("three writes to a read-only page at once: all end, and later jobs are good",
	       faults == count);
	for (int i = 0; i < TOGETHER; i++)
		gpu_close(&bad[i].gpu);
	gpu_close(&other.gpu);
}

/*
 * What the driver has in the kernel's half (alloc/heap.rs, mmu/uat.rs), and the firmware's image:
 * the first page of each is mapped as long as the driver is bound.
 */
static const struct part {
	const char *name;
	uint64_t address;
} parts[] = {
	{ "the firmware's image", 0xffffff8000000000 },
	{ "the heap \"private\"", 0xffffffa000000000 },
	{ "the heap \"shared\"", 0xffffffa800000000 },
	{ "the heap \"shared_ro\"", 0xffffffaa00000000 },
	{ "buffers of RTKit", 0xffffffae00000000 },
	{ "registers", 0xffffffaf00000000 },
};

/*
 * The heap "gpu_ro", which clients may read, has the commands of queues and nothing else. It grows
 * and shrinks with them, so any part of it may go with a client.
 */
#define GPU_RO 0xffffffa600000000
/* How much of it is looked at, in steps of what. The heap grows by 1 MiB. */
#define GPU_RO_SIZE (16u << 20)
#define GPU_RO_STEP (64u << 10)

/* Whether an access of a client of its own faults. If not, @result is what it has read. */
static bool faults(const char *name, enum what what, uint64_t address, uint32_t *result)
{
	struct client client;
	bool stopped;

	client_open(&client, name);
	start(&client, what, address);
	wait_for(&client.gpu);
	memcpy(result, (uint32_t *)client.result.map + 2, THREADS * sizeof(*result));
	stopped = what == READ ? result[0] == 0xeeeeeeee : !is_result(&client, 100, 1);
	gpu_close(&client.gpu);
	return stopped;
}

/* Whether something is there that is not zero. No access of the client may fault before. */
static bool has_something(struct client *client, uint64_t address)
{
	const uint32_t *words = (uint32_t *)client->result.map + 2;
	bool none = true;

	start(client, READ, address);
	if (wait_for(&client->gpu) != VK_SUCCESS || words[0] == 0xeeeeeeee)
		return false;
	for (int i = 0; i < THREADS; i++)
		none &= !words[i];
	return !none;
}

/* Returns where the heap "gpu_ro" has something, or 0. */
static uint64_t in_gpu_ro(struct client *client)
{
	for (uint64_t offset = 0; offset < GPU_RO_SIZE; offset += GPU_RO_STEP)
		if (has_something(client, GPU_RO + offset))
			return GPU_RO + offset;
	return 0;
}

/* Clients may read the heap "gpu_ro", and not write it. A queue has a command in it. */
static void gpu_ro(const char *name)
{
	uint32_t words[THREADS];
	struct client client;
	bool stopped = false;
	uint64_t address;

	client_open(&client, name);
	address = in_gpu_ro(&client);
	printf("# the heap \"gpu_ro\" has something at 0x%llx\n", (unsigned long long)address);
	report("a read of the heap \"gpu_ro\" gives what it has", address);
	/* What was found may be of a client that ends, and go. Then there is another place. */
	while (address && !stopped) {
		stopped = faults(name, WRITE, address, words);
		if (!stopped && has_something(&client, address))
			break;
		if (!stopped)
			address = in_gpu_ro(&client);
	}
	report("a write to the heap \"gpu_ro\" faults", stopped);
	gpu_close(&client.gpu);
}

/* Clients reach of the kernel's half what asahi.rst says, if their contexts have it. */
static void kernel_half(const char *name, bool mapped)
{
	struct client good;
	uint32_t words[THREADS];
	char line[128];

	/* Its queue has memory in each heap. */
	client_open(&good, name);
	report("a job before", is_good(&good));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct part *part = &parts[i];
		bool stopped = faults(name, READ, part->address, words), none = true;

		for (int j = 0; j < THREADS; j++)
			none &= !words[j];
		if (mapped) {
			snprintf(line, sizeof(line), "a read of %s faults", part->name);
			report(line, stopped);
		} else {
			snprintf(line, sizeof(line), "a read of %s gives zeros", part->name);
			report(line, !stopped && none);
		}
		stopped = faults(name, WRITE, part->address, words);
		snprintf(line, sizeof(line), "a write to %s %s", part->name,
			 mapped ? "faults" : "vanishes");
		report(line, stopped == mapped);
	}
	if (mapped) {
		gpu_ro(name);
	} else {
		struct client client;

		client_open(&client, name);
		report("reads of the heap \"gpu_ro\" give zeros", !in_gpu_ro(&client));
		gpu_close(&client.gpu);
		report("a write to the heap \"gpu_ro\" vanishes",
		       !faults(name, WRITE, GPU_RO, words));
	}
	report("a job after", is_good(&good));
	gpu_close(&good.gpu);
}

int main(int argc, char **argv)
{
	struct client client;

	if (argc == 3 && (!strcmp(argv[2], "mapped") || !strcmp(argv[2], "unmapped"))) {
		kernel_half(argv[1], !strcmp(argv[2], "mapped"));
		printf("1..%d\n", passed + failed);
		return failed ? 1 : 0;
	}

	if (argc == 3 && !strcmp(argv[2], "together")) {
		together(argv[1]);
		printf("1..%d\n", passed + failed);
		return failed ? 1 : 0;
	}

	if (argc == 3 && atoi(argv[2]) > 0) {
		rounds(argv[1], atoi(argv[2]));
		printf("1..%d\n", passed + failed);
		return failed ? 1 : 0;
	}
	if (argc != 2)
		fail("usage: shader-faults NAME [ROUNDS | together | mapped | unmapped]");
	client_open(&client, argv[1]);
	start(&client, READ, UNMAPPED);
	report("a read of nothing gives zeros",
	       wait_for(&client.gpu) == VK_SUCCESS && is_result(&client, 0, 0));
	start(&client, WRITE, UNMAPPED);
	report("a write to nothing vanishes",
	       wait_for(&client.gpu) == VK_SUCCESS && is_result(&client, 100, 1));
	start(&client, READ, READ_ONLY);
	report("a read-only page can be read",
	       wait_for(&client.gpu) == VK_SUCCESS && is_result(&client, 0, 0));
	gpu_close(&client.gpu);
	fault(argv[1], "a write to a read-only page", WRITE, READ_ONLY);
	fault(argv[1], "a shader without end", FOREVER, 0);
	printf("1..%d\n", passed + failed);
	return failed ? 1 : 0;
}
