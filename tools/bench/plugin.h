/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What profile.c and trace.c need of QEMU's interface for plugins, version 7, that of QEMU 11 (its
 * documentation: devel/tcg-plugins), and the hints of the guest.
 */
#ifndef ASAHI_BENCH_PLUGIN_H
#define ASAHI_BENCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
typedef void tb_callback(struct qemu_plugin_tb *tb, void *data);
typedef void insn_callback(unsigned int vcpu, void *data);
typedef void exit_callback(void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_callback *callback, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, insn_callback *callback,
					    int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_callback *callback, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *data, size_t size);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

/*
 * HINT #0x60 to #0x63, which do nothing: a region begins, it ends, something in it has happened,
 * the last one goes on.
 */
#define HINT_BEGIN 0xd5032c1f
#define HINT_END 0xd5032c3f
#define HINT_MARK 0xd5032c5f
#define HINT_RESUME 0xd5032c7f

#endif
