// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A plugin for QEMU: how often each instruction of the guest is executed while something is
 * measured.
 *
 * The guest says so by hints that do nothing (bench.h): HINT #0x60 begins the next region, HINT
 * #0x61 ends it, HINT #0x63 goes on with it. At the end each line of the file given by out= is
 * "region address count".
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

int qemu_plugin_version = 7;

#define REGIONS 64
#define BUCKETS (1 << 16)

struct address {
	struct address *next;
	uint64_t address;
	uint64_t counts[REGIONS];
};

static struct address *buckets[BUCKETS];
static int region, regions;
static bool inside;
static const char *path;

static struct address *find(uint64_t address)
{
	struct address **bucket = &buckets[(address >> 2) % BUCKETS], *a;

	for (a = *bucket; a; a = a->next)
		if (a->address == address)
			return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		abort();
	a->address = address;
	a->next = *bucket;
	*bucket = a;
	return a;
}

static void begin(unsigned int vcpu, void *data)
{
	inside = regions < REGIONS;
	region = regions++;
}

static void end(unsigned int vcpu, void *data)
{
	inside = false;
}

static void resume(unsigned int vcpu, void *data)
{
	inside = regions > 0 && regions <= REGIONS;
}

static void executed(unsigned int vcpu, void *data)
{
	if (inside)
		((struct address *)data)->counts[region]++;
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;

		qemu_plugin_insn_data(insn, &word, sizeof(word));
		switch (word) {
		case HINT_BEGIN:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, 0, NULL);
			break;
		case HINT_END:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, end, 0, NULL);
			break;
		case HINT_RESUME:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, resume, 0, NULL);
			break;
		default:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, 0,
							       find(qemu_plugin_insn_vaddr(insn)));
		}
	}
}

static void finished(void *data)
{
	FILE *file = fopen(path, "w");
	bool failed;

	if (!file) {
		perror(path);
		return;
	}
	for (size_t b = 0; b < BUCKETS; b++)
		for (struct address *a = buckets[b]; a; a = a->next)
			for (int r = 0; r < regions && r < REGIONS; r++)
				if (a->counts[r])
					fprintf(file, "%d %llx %llu\n", r,
						(unsigned long long)a->address,
						(unsigned long long)a->counts[r]);
	/* A part of the counts would be taken for fewer instructions. */
	failed = ferror(file);
	if (fclose(file) || failed) {
		fprintf(stderr, "profile: %s was not written\n", path);
		remove(path);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			path = strdup(argv[i] + 4);
	if (!path) {
		fprintf(stderr, "profile: out=FILE is missing\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
