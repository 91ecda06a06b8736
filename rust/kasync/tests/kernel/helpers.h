/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef KASYNC_TEST_HELPERS_H
#define KASYNC_TEST_HELPERS_H

#include <linux/types.h>

typedef void (*kasync_test_fn)(void *data);

bool kasync_test_in_hardirq(void);
int kasync_test_nice(void);
bool kasync_test_is_fifo(void);
int kasync_test_cpu(void);
int kasync_test_bind(int cpu);
void kasync_test_irq(kasync_test_fn fn, void *data);
void kasync_test_atomic(kasync_test_fn fn, void *data);
void kasync_test_all_cpus(kasync_test_fn fn, void *data);
void *kasync_test_timer_start(u64 ns, kasync_test_fn fn, void *data);
void kasync_test_timer_stop(void *timer);
int kasync_test_under_fence_lock(kasync_test_fn fn, void *data);
int kasync_test_line_create(void);
void kasync_test_line_destroy(int irq);
bool kasync_test_line_has_thread(int irq);
void kasync_test_line_raise(int irq);
bool kasync_test_can_make_threads(void);
void *kasync_test_block_workers(void);
void kasync_test_unblock_workers(void *data);
bool kasync_test_in_rescuer(void);

#endif
