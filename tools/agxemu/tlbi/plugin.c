// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A plugin for QEMU: tells the emulator which TLB invalidations the guest broadcasts in the outer
 * shareable domain, and when it is idle. A device cannot see them; the GPU of a Mac listens to
 * them.
 *
 * The file given by ring=, which the emulator has made, is mapped by both:
 *
 *   u64 magic, u64 count, u64 idle, then a ring of SLOTS times {u64 instruction, u64 operand}
 *
 * Entry n is in slot n % SLOTS, and there once count > n. The emulator takes an overrun for "all".
 *
 * "idle" grows by one when all vCPUs have become idle, and when one ceases to be: it is odd while
 * all are. A vCPU is idle while it waits in WFI, or is off. One that waits for a time or an event
 * (WFIT, WFET, WFE) is in the middle of something, as in udelay(). QEMU does not tell plugins of
 * idle vCPUs with "-icount".
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * What is needed of QEMU's interface for plugins, version 7, that of QEMU 11 (its documentation:
 * devel/tcg-plugins).
 */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_register;
typedef uint64_t qemu_plugin_id_t;
typedef void vcpu_callback(unsigned int vcpu, void *data);
typedef void tb_callback(struct qemu_plugin_tb *tb, void *data);
void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, vcpu_callback *callback, void *data);
void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, vcpu_callback *callback, void *data);
void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, vcpu_callback *callback, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_callback *callback, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, vcpu_callback *callback,
					    int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *data, size_t size);
#define CALLBACK_NO_REGISTERS 0
#define CALLBACK_READS_REGISTERS 1

/* GLib's arrays, which that interface uses; QEMU has the library. */
struct array {
	void *data;
	unsigned int len;
};
struct array *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qemu_plugin_register *handle, struct array *bytes);
unsigned int g_array_get_element_size(struct array *array);
struct array *g_byte_array_new(void);
struct array *g_byte_array_set_size(struct array *array, unsigned int len);

/* The head of what g_array_get_element_size() says is the size of. */
struct descriptor {
	struct qemu_plugin_register *handle;
	const char *name;
};

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 7;

#define MAGIC 0x49424c54554d4541
#define SLOTS 16384
#define VCPUS 64
#define REGISTERS 31

/* SYS #0, C8 or C9, C1 or C5, #op2, Xt: "TLBI …1OS". */
#define TLBI_MASK 0xffffe000
#define TLBI 0xd5088000
#define CRM(instruction) ((instruction) >> 8 & 0xf)

#define WFI 0xd503207f
#define WFE 0xd503205f
/* WFET and WFIT, whose register and lowest bit of op2 are free. */
#define WAIT_MASK 0xffffffc0
#define WAIT 0xd5031000
/* HVC and SMC, by which a vCPU goes off. */
#define CALL_MASK 0xffe0001c
#define CALL 0xd4000000

struct ring {
	uint64_t magic;
	uint64_t count;
	uint64_t idle;
	uint64_t entries[SLOTS][2];
};

static struct ring *ring;
static bool busy;
static struct qemu_plugin_register *registers[VCPUS][REGISTERS];
static struct array *bytes[VCPUS];
/* How many vCPUs are not idle, and which are. */
static unsigned int awake;
static bool is_idle[VCPUS];
/* Those that were in the middle of something when they began to wait last. */
static bool in_the_middle[VCPUS];

static void lock(void)
{
	while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
		;
}

static void unlock(void)
{
	__atomic_clear(&busy, __ATOMIC_RELEASE);
}

static void wakes(void)
{
	if (awake++ == 0 && ring->idle % 2)
		__atomic_store_n(&ring->idle, ring->idle + 1, __ATOMIC_RELEASE);
}

static void vcpu_waits(unsigned int vcpu, void *data)
{
	if (vcpu >= VCPUS || in_the_middle[vcpu])
		return;
	lock();
	if (!is_idle[vcpu]) {
		is_idle[vcpu] = true;
		if (--awake == 0)
			__atomic_store_n(&ring->idle, ring->idle + 1, __ATOMIC_RELEASE);
	}
	unlock();
}

static void vcpu_resumes(unsigned int vcpu, void *data)
{
	if (vcpu >= VCPUS)
		return;
	lock();
	if (is_idle[vcpu]) {
		is_idle[vcpu] = false;
		wakes();
	}
	unlock();
}

/* Before an instruction by which @vcpu may begin to wait. */
static void may_wait(unsigned int vcpu, void *data)
{
	if (vcpu < VCPUS)
		in_the_middle[vcpu] = data;
}

static void find_registers(unsigned int vcpu)
{
	struct array *all = qemu_plugin_get_registers();
	unsigned int size = g_array_get_element_size(all), number;
	char rest;

	bytes[vcpu] = g_byte_array_new();
	for (unsigned int i = 0; i < all->len; i++) {
		struct descriptor *d = (void *)((char *)all->data + (size_t)i * size);

		if (sscanf(d->name, "x%u%c", &number, &rest) == 1 && number < REGISTERS)
			registers[vcpu][number] = d->handle;
	}
}

static void vcpu_init(unsigned int vcpu, void *data)
{
	lock();
	wakes();
	unlock();
	if (vcpu < VCPUS)
		find_registers(vcpu);
}

static uint64_t operand(unsigned int vcpu, uint32_t instruction)
{
	unsigned int number = instruction & 0x1f;
	uint64_t value = 0;

	if (number >= REGISTERS || vcpu >= VCPUS || !registers[vcpu][number])
		return 0;
	g_byte_array_set_size(bytes[vcpu], 0);
	qemu_plugin_read_register(registers[vcpu][number], bytes[vcpu]);
	if (bytes[vcpu]->len >= sizeof(value))
		memcpy(&value, bytes[vcpu]->data, sizeof(value));
	return value;
}

static void invalidate(unsigned int vcpu, void *data)
{
	uint32_t instruction = (uintptr_t)data;
	uint64_t value = operand(vcpu, instruction);
	uint64_t *entry;

	lock();
	entry = ring->entries[ring->count % SLOTS];
	__atomic_store_n(&entry[0], instruction, __ATOMIC_RELAXED);
	__atomic_store_n(&entry[1], value, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->count, ring->count + 1, __ATOMIC_RELEASE);
	unlock();
}

static bool waits_in_the_middle(uint32_t instruction)
{
	return instruction == WFE || (instruction & WAIT_MASK) == WAIT;
}

static bool waits(uint32_t instruction)
{
	return instruction == WFI || (instruction & CALL_MASK) == CALL;
}

static void translate(struct qemu_plugin_tb *tb, void *data)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t instruction = 0;

		qemu_plugin_insn_data(insn, &instruction, sizeof(instruction));
		if (waits(instruction) || waits_in_the_middle(instruction)) {
			void *in_the_middle = waits_in_the_middle(instruction) ? &busy : NULL;

			qemu_plugin_register_vcpu_insn_exec_cb(insn, may_wait,
							       CALLBACK_NO_REGISTERS,
							       in_the_middle);
		}
		if ((instruction & TLBI_MASK) != TLBI)
			continue;
		if (CRM(instruction) == 1 || CRM(instruction) == 5)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, invalidate,
							       CALLBACK_READS_REGISTERS,
							       (void *)(uintptr_t)instruction);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	const char *path = NULL;
	int fd;

	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "ring=", 5))
			path = argv[i] + 5;
	fd = path ? open(path, O_RDWR) : -1;
	if (fd < 0) {
		fprintf(stderr, "tlbi plugin: ring= names no file\n");
		return -1;
	}
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (ring == MAP_FAILED || ring->magic != MAGIC) {
		fprintf(stderr, "tlbi plugin: %s is not of the emulator's making\n", path);
		return -1;
	}
	qemu_plugin_register_vcpu_init_cb(id, vcpu_init, NULL);
	qemu_plugin_register_vcpu_idle_cb(id, vcpu_waits, NULL);
	qemu_plugin_register_vcpu_resume_cb(id, vcpu_resumes, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate, NULL);
	return 0;
}
