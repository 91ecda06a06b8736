/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernel's fault injection, for one thread. */
#ifndef FAILNTH_NTH_H
#define FAILNTH_NTH_H

#include <stdbool.h>

/* It looks at all allocations of a thread from now on. */
void fail_nth_init(void);
/* The @n-th allocation of this thread fails from here on. Returns a file for fail_nth_end(). */
int fail_nth(unsigned int n);
/* Ends that; returns whether it came so far. */
bool fail_nth_end(int file);
void write_needed(const char *path, const char *text);

#endif
