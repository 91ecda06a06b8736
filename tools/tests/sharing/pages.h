/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Buffers made of a process's own pages: udmabuf. */
#ifndef SHARING_PAGES_H
#define SHARING_PAGES_H

#include <stdint.h>

#define UDMABUF "/dev/udmabuf"

/*
 * A file of memory that does not shrink, with the flags of memfd_create(), and where it is
 * mapped.
 */
int sealed_memory(unsigned int flags, uint64_t size, void **map);
/*
 * A buffer of @pages pages of the file @memory, @order[i] of which is its page i, in one piece
 * where they are in order. @device is UDMABUF. Returns the buffer's file, or a negative errno.
 */
int udmabuf_create(int device, int memory, const unsigned int *order, unsigned int pages);

#endif
