// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * OpenCL kernels on the GPU, each compared with what another device of the same machine makes of
 * the same random input. Prints TAP.
 *
 * usage: opencl-test NAME REFERENCE      parts of the devices' names
 */
#define CL_TARGET_OPENCL_VERSION 120
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CL/cl.h>

#include "kernels.h"

#define THREADS 1024
#define GROUP 64
#define WORDS (THREADS * 8 + 64)

struct device {
	cl_device_id id;
	cl_context context;
	cl_command_queue queue;
	cl_program program;
	char name[128];
};

static const struct {
	const char *name;
	/* Words of a thread that are floats, and how far they may differ. */
	uint32_t floats;
	float tolerance;
} tests[] = {
	{ "integers", 0, 0 }, { "longs", 0, 0 }, { "chars", 0, 0 }, { "floats", 0xff, 2e-6f },
	{ "functions", 0xff, 1e-4f }, { "halves", 0, 0 }, { "reduce", 0, 0 }, { "sort", 0, 0 },
	{ "multiply", 1, 1e-6f }, { "atomics", 0, 0 }, { "trees", 0, 0 }, { "digest", 0, 0 },
};

_Noreturn static void fail(const char *what, cl_int error)
{
	fprintf(stderr, "Bail out! %s: %d\n", what, error);
	exit(1);
}

static void check(cl_int error, const char *what)
{
	if (error != CL_SUCCESS)
		fail(what, error);
}

static void find_device(struct device *device, const char *name)
{
	cl_platform_id platforms[4];
	cl_uint count;

	check(clGetPlatformIDs(4, platforms, &count), "list platforms");
	for (cl_uint i = 0; i < count && i < 4; i++) {
		cl_device_id ids[8];
		cl_uint devices = 0;

		if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 8, ids, &devices) !=
		    CL_SUCCESS)
			continue;
		for (cl_uint j = 0; j < devices && j < 8; j++) {
			check(clGetDeviceInfo(ids[j], CL_DEVICE_NAME, sizeof(device->name),
					      device->name, NULL),
			      "device name");
			device->id = ids[j];
			if (strstr(device->name, name))
				return;
		}
	}
	fail(name, CL_DEVICE_NOT_FOUND);
}

static void open_device(struct device *device, const char *name)
{
	const char *source = kernels;
	cl_int error;

	find_device(device, name);
	device->context = clCreateContext(NULL, 1, &device->id, NULL, NULL, &error);
	check(error, "context");
	device->queue = clCreateCommandQueue(device->context, device->id, 0, &error);
	check(error, "queue");
	device->program = clCreateProgramWithSource(device->context, 1, &source, NULL, &error);
	check(error, "program");
	error = clBuildProgram(device->program, 1, &device->id, "", NULL, NULL);
	if (error != CL_SUCCESS) {
		char log[8192] = "";

		clGetProgramBuildInfo(device->program, device->id, CL_PROGRAM_BUILD_LOG,
				      sizeof(log) - 1, log, NULL);
		fputs(log, stderr);
		fail("build", error);
	}
}

static void run(struct device *device, const char *name, uint32_t *in, uint32_t *out)
{
	size_t global = THREADS, local = GROUP;
	cl_mem source, result;
	cl_kernel kernel;
	cl_int error;

	source = clCreateBuffer(device->context, CL_MEM_COPY_HOST_PTR, WORDS * 4, in, &error);
	check(error, "buffer");
	memset(out, 0, WORDS * 4);
	result = clCreateBuffer(device->context, CL_MEM_COPY_HOST_PTR, WORDS * 4, out, &error);
	check(error, "buffer");
	kernel = clCreateKernel(device->program, name, &error);
	check(error, name);
	check(clSetKernelArg(kernel, 0, sizeof(source), &source), "argument");
	check(clSetKernelArg(kernel, 1, sizeof(result), &result), "argument");
	check(clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &global, &local, 0, NULL,
				     NULL),
	      "run");
	check(clEnqueueReadBuffer(device->queue, result, CL_TRUE, 0, WORDS * 4, out, 0, NULL, NULL),
	      "read");
	clReleaseKernel(kernel);
	clReleaseMemObject(source);
	clReleaseMemObject(result);
}

static bool is_near(uint32_t got, uint32_t want, float tolerance)
{
	float g, w;

	memcpy(&g, &got, sizeof(g));
	memcpy(&w, &want, sizeof(w));
	if (got == want || (isnan(g) && isnan(w)))
		return true;
	return fabsf(g - w) <= tolerance * fmaxf(fabsf(w), 1);
}

int main(int argc, char **argv)
{
	static uint32_t in[WORDS], got[WORDS], want[WORDS];
	uint64_t state = 1;
	struct device device, reference;
	int failed = 0, number = 0;

	if (argc != 3)
		fail("usage: opencl-test NAME REFERENCE", 0);
	open_device(&device, argv[1]);
	open_device(&reference, argv[2]);
	printf("# %s, compared with %s\n", device.name, reference.name);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		uint32_t wrong = 0, written = 0;

		for (uint32_t j = 0; j < WORDS; j++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			in[j] = state >> 32 ^ state >> 13;
		}
		run(&device, tests[i].name, in, got);
		run(&reference, tests[i].name, in, want);
		for (uint32_t j = 0; j < WORDS; j++) {
			bool is_float = tests[i].floats >> j % 8 & 1;

			written += want[j] != 0;
			if (is_float ? is_near(got[j], want[j], tests[i].tolerance) :
				       got[j] == want[j])
				continue;
			if (wrong++ < 6)
				printf("# thread %u, word %u: %08x, wanted %08x\n", j / 8, j % 8,
				       got[j], want[j]);
		}
		if (wrong || written < 100)
			failed++;
		printf("%sok %d - OpenCL %s: %u of %u words differ\n",
		       wrong || written < 100 ? "not " : "", ++number, tests[i].name, wrong,
		       written);
		fflush(stdout);
	}
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
