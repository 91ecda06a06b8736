// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A plugin for QEMU: the address of each instruction that the guest executes in regions (plugin.h),
 * in order. For a guest with one processor. The file given by out= is a sequence of 64-bit words:
 * an address, or BEGIN, MARK or END.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define BEGIN 1
#define MARK 2
#define END 3

int qemu_plugin_version = 7;

static bool inside;
static FILE *file;

static void put(uint64_t word)
{
	if (fwrite(&word, sizeof(word), 1, file) != 1) {
		perror("trace");
		abort();
	}
}

static void hint(unsigned int vcpu, void *data)
{
	uint64_t what = (uintptr_t)data;

	if (what == BEGIN)
		inside = true;
	if (inside)
		put(what);
	if (what == END)
		inside = false;
}

static void executed(unsigned int vcpu, void *data)
{
	if (inside)
		put((uintptr_t)data);
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		insn_callback *callback = hint;
		uint64_t what;
		uint32_t word = 0;

		qemu_plugin_insn_data(insn, &word, sizeof(word));
		switch (word) {
		case HINT_BEGIN:
			what = BEGIN;
			break;
		case HINT_MARK:
			what = MARK;
			break;
		case HINT_END:
			what = END;
			break;
		default:
			callback = executed;
			what = qemu_plugin_insn_vaddr(insn);
		}
		qemu_plugin_register_vcpu_insn_exec_cb(insn, callback, 0, (void *)(uintptr_t)what);
	}
}

static void finished(void *data)
{
	if (fclose(file))
		perror("trace");
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			file = fopen(argv[i] + 4, "w");
	if (!file) {
		fprintf(stderr, "trace: out=FILE is missing, or cannot be made\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
