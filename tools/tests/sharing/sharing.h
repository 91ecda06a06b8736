/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Shared buffers: what all tests of them need. */
#ifndef SHARING_H
#define SHARING_H

#include "../uapi/uapi.h"

#define SECONDS 60
#define SHARED_VA (USER_VA + 0x10000000ull)

int import(int fd, int dmabuf, uint32_t *handle);
/* Exports for reading and writing. Returns the file, or a negative errno. */
int export(int fd, uint32_t handle);
/* How many attachments of @device the kernel lists for shared buffers. */
int attachments(const char *device);
/* Whether they get to be @before again: what a client had goes some time after it. */
bool detached(const char *device, int before);

/*
 * Has the GPU read and write each of @pages pages of a buffer that is bound at SHARED_VA: a control
 * stream is in it, and two timestamps go into it. @map is where the CPU sees the pages, @order[i]
 * the number of the page there that is the buffer's page i.
 */
bool gpu_sees_pages(struct context *ctx, uint32_t handle, void *map, const unsigned int *order,
		    unsigned int pages);

void test_exported(void);
void test_refused(void);
void test_races(void);
void test_udmabuf(void);
void test_heap(void);
void test_hugetlb(void);
void test_display(void);

#endif
