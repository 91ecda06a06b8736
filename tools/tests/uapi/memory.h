/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Shared by the tests of clients' memory. */
#ifndef MEMORY_TEST_H
#define MEMORY_TEST_H

#include "uapi.h"

#define MIB (1ll << 20)
#define KIB_PER_MIB 1024

/*
 * A line of the file's fdinfo in KiB, or -1. It is in the largest unit without a fraction, and 0
 * has none.
 */
long long fdinfo(int fd, const char *key);
/*
 * Whether there is as much memory again as before, but for @slack MiB; waits for what comes late.
 */
bool is_back(const char *what, long long before, long long slack);
double seconds(void);
/* The result of a job of the context's. */
int run(struct context *ctx);

/* The parts of the group "memory". */
void check_fdinfo(void);
void check_greeds(void);
void check_closes(void);

#endif
