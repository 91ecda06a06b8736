/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef OPENCL_EVENTS_H
#define OPENCL_EVENTS_H

#define CL_TARGET_OPENCL_VERSION 120
#include <stdbool.h>
#include <stdint.h>

#include <CL/cl.h>

struct gpu {
	cl_device_id id;
	cl_context context;
	cl_program program;
};

/* What a word is that a kernel has written. */
static inline uint32_t word(uint32_t i, uint32_t round)
{
	return i * 2654435761u ^ round * 40503u;
}

void must(cl_int error, const char *what);
void judge(bool good, const char *what);
cl_command_queue new_queue(struct gpu *gpu);
/* Has @queue write words @at to @at + @count of @buffer. */
void enqueue_words(struct gpu *gpu, cl_command_queue queue, cl_mem buffer, size_t at, size_t count,
		   uint32_t round, cl_uint waits, const cl_event *wait, cl_event *done);

void test_readback(struct gpu *gpu);
void test_events(struct gpu *gpu);

#endif
