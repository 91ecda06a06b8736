// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What OpenCL says of the order of things: what is read back is what a kernel before it has
 * written, in every way that there is to read; and events, those of the program's own as well.
 *
 * usage: opencl-events NAME     NAME: part of the device's name
 *
 * Prints TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

static const char *source =
	"__kernel void words(__global uint *out, uint round)\n"
	"{\n"
	"	uint i = get_global_id(0);\n"
	"	out[i] = i * 2654435761u ^ round * 40503u;\n"
	"}\n";

static int bad;

void must(cl_int error, const char *what)
{
	if (error == CL_SUCCESS)
		return;
	printf("Bail out! %s: %d\n", what, error);
	exit(1);
}

void judge(bool good, const char *what)
{
	printf("%sok %s\n", good ? "" : "not ", what);
	bad += !good;
}

cl_command_queue new_queue(struct gpu *gpu)
{
	cl_int error;
	cl_command_queue queue = clCreateCommandQueue(gpu->context, gpu->id,
						      CL_QUEUE_PROFILING_ENABLE, &error);

	must(error, "queue");
	return queue;
}

void enqueue_words(struct gpu *gpu, cl_command_queue queue, cl_mem buffer, size_t at, size_t count,
		   uint32_t round, cl_uint waits, const cl_event *wait, cl_event *done)
{
	cl_int error;
	/* Arguments are a kernel's own, so each thread has one of its own. */
	cl_kernel kernel = clCreateKernel(gpu->program, "words", &error);

	must(error, "kernel");
	must(clSetKernelArg(kernel, 0, sizeof(buffer), &buffer), "argument");
	must(clSetKernelArg(kernel, 1, sizeof(round), &round), "argument");
	must(clEnqueueNDRangeKernel(queue, kernel, 1, &at, &count, NULL, waits, wait, done), "run");
	must(clReleaseKernel(kernel), "release a kernel");
}

static cl_device_id find(const char *name)
{
	cl_platform_id platforms[4];
	cl_uint count;

	must(clGetPlatformIDs(4, platforms, &count), "list platforms");
	for (cl_uint i = 0; i < count && i < 4; i++) {
		cl_device_id ids[8];
		cl_uint devices = 0;

		if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 8, ids, &devices))
			continue;
		for (cl_uint j = 0; j < devices && j < 8; j++) {
			char text[128] = "";

			must(clGetDeviceInfo(ids[j], CL_DEVICE_NAME, sizeof(text), text, NULL),
			     "device name");
			if (strstr(text, name))
				return ids[j];
		}
	}
	must(CL_DEVICE_NOT_FOUND, name);
	return NULL;
}

int main(int argc, char **argv)
{
	struct gpu gpu = { .id = find(argc > 1 ? argv[1] : "Apple") };
	cl_int error;

	setvbuf(stdout, NULL, _IOLBF, 0);
	gpu.context = clCreateContext(NULL, 1, &gpu.id, NULL, NULL, &error);
	must(error, "context");
	gpu.program = clCreateProgramWithSource(gpu.context, 1, &source, NULL, &error);
	must(error, "program");
	must(clBuildProgram(gpu.program, 1, &gpu.id, "", NULL, NULL), "build");
	test_readback(&gpu);
	test_events(&gpu);
	return bad != 0;
}
