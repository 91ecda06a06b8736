// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A plugin for QEMU: how many instructions of the guest all processors execute from one hint to
 * another.
 *
 * HINT #0x60 begins a region, HINT #0x61 ends it (tools/bench/plugin.h). What waits for an
 * interrupt executes nothing. Each line of the file given by out= is the count of a region.
 */
#include <stdio.h>
#include <string.h>

#include "../../../bench/plugin.h"

/* The rest of QEMU's interface for plugins, version 7. */
struct qemu_plugin_scoreboard;
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
						       enum qemu_plugin_op op,
						       qemu_plugin_u64 entry, uint64_t imm);

int qemu_plugin_version = 7;

static qemu_plugin_u64 executed;
static uint64_t start;
static FILE *out;

static void begin(unsigned int vcpu, void *data)
{
	start = qemu_plugin_u64_sum(executed);
}

static void end(unsigned int vcpu, void *data)
{
	fprintf(out, "%llu\n", (unsigned long long)(qemu_plugin_u64_sum(executed) - start));
	fflush(out);
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, executed,
							  count);
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;

		qemu_plugin_insn_data(insn, &word, sizeof(word));
		if (word == HINT_BEGIN)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, 0, NULL);
		else if (word == HINT_END)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, end, 0, NULL);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
	if (!out) {
		fprintf(stderr, "count: out=FILE is missing, or cannot be written\n");
		return -1;
	}
	executed.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	return 0;
}
