/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A buffer of the GPU's, for the kernel's selftest of mappings without struct pages. */
#ifndef SELFTESTS_BUFFER_H
#define SELFTESTS_BUFFER_H

#include <sys/types.h>

/*
 * Makes a buffer. Returns a file that maps it, which is its dma-buf with EXPORTED and the render
 * node otherwise, and where in the file it is.
 */
int buffer_of_gpu(off_t *offset);

#endif
