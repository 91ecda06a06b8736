// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * OpenCL kernels on the GPU, each compared with what another device of the same machine makes of
 * the same random input. The other device runs in processes of their own, until two of them agree.
 * Prints TAP.
 *
 * usage: opencl-test NAME REFERENCE      parts of the devices' names
 */
#define CL_TARGET_OPENCL_VERSION 120
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
#define TESTS (sizeof(tests) / sizeof(*tests))

/*
 * How often the reference is asked at most. llvmpipe of Mesa 26.1 (LLVM 19) in this machine leaves
 * out an addend, or follows a wild pointer, in one of ten processes or more. It does so without a
 * GPU, compared with itself, and with one thread. Two processes that agree are taken as right.
 */
#define ASK_MAX 12

/* Seconds until a reference without a further result is ended, and until the GPU's tests are. */
#define REFERENCE_SECONDS 90
#define GPU_SECONDS 240

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

/* Fills the input of test TEST. */
static void fill(uint32_t *in, size_t test)
{
	uint64_t state = test + 1;

	for (uint32_t i = 0; i < WORDS; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		in[i] = state >> 32 ^ state >> 13;
	}
}

/* The reference's last results of each test, and whether two processes had the same. */
static struct {
	uint32_t words[WORDS];
	bool known, agreed;
} wanted[TESTS];

/* Runs all tests on the reference, and writes the results to FILE, in turn. */
static _Noreturn void refer(const char *name, int file)
{
	static uint32_t in[WORDS], out[WORDS];
	struct device device;

	open_device(&device, name);
	for (size_t i = 0; i < TESTS; i++) {
		fill(in, i);
		run(&device, tests[i].name, in, out);
		for (size_t done = 0; done < sizeof(out);) {
			ssize_t count = write(file, (char *)out + done, sizeof(out) - done);

			if (count <= 0)
				_exit(1);
			done += count;
		}
	}
	_exit(0);
}

/* Reads the results of one test. Returns false at the end of what there is, or comes in time. */
static bool read_results(int file, uint32_t *out)
{
	struct pollfd input = { .fd = file, .events = POLLIN };

	for (size_t done = 0; done < WORDS * 4;) {
		int ready = poll(&input, 1, REFERENCE_SECONDS * 1000);
		ssize_t count;

		if (ready < 0)
			fail("poll", errno);
		if (ready == 0) {
			printf("# the reference has no result for %d s\n", REFERENCE_SECONDS);
			return false;
		}
		count = read(file, (char *)out + done, WORDS * 4 - done);
		if (count <= 0)
			return false;
		done += count;
	}
	return true;
}

/*
 * Has the reference run in a process of its own. Returns whether each test has a result that two
 * processes agree on.
 */
static bool ask(const char *name)
{
	static uint32_t out[WORDS];
	bool agreed = true;
	int ends[2], status;
	size_t results;
	pid_t child;

	if (pipe(ends))
		fail("pipe", 0);
	child = fork();
	if (child < 0)
		fail("fork", 0);
	if (child == 0) {
		close(ends[0]);
		refer(name, ends[1]);
	}
	close(ends[1]);
	for (results = 0; results < TESTS && read_results(ends[0], out); results++) {
		bool same = !memcmp(wanted[results].words, out, sizeof(out));

		if (wanted[results].agreed)
			continue;
		wanted[results].agreed = wanted[results].known && same;
		wanted[results].known = true;
		memcpy(wanted[results].words, out, sizeof(out));
	}
	close(ends[0]);
	/* What follows a wild pointer may also wait for ever. */
	kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		fail("wait", 0);
	if (results < TESTS)
		printf("# the reference ends with status %#x\n", status);
	for (size_t i = 0; i < TESTS; i++)
		agreed &= wanted[i].agreed;
	return agreed;
}

/* Ends this process when the GPU's tests take too long. */
static void stalled(int signal)
{
	static const char message[] = "Bail out! the GPU's tests take too long\n";

	(void)signal;
	if (write(STDOUT_FILENO, message, sizeof(message) - 1) < 0)
		_exit(2);
	_exit(1);
}

int main(int argc, char **argv)
{
	static uint32_t in[WORDS], got[WORDS];
	struct device device;
	int failed = 0, asked = 0;

	if (argc != 3)
		fail("usage: opencl-test NAME REFERENCE", 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Before this process has threads. */
	while (!ask(argv[2]))
		if (++asked == ASK_MAX)
			fail("the reference agrees with itself too seldom", 0);
	signal(SIGALRM, stalled);
	alarm(GPU_SECONDS);
	open_device(&device, argv[1]);
	printf("# %s, compared with %s\n", device.name, argv[2]);
	for (size_t i = 0; i < TESTS; i++) {
		const uint32_t *want = wanted[i].words;
		uint32_t wrong = 0, written = 0;

		fill(in, i);
		run(&device, tests[i].name, in, got);
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
		printf("%sok %zu - OpenCL %s: %u of %u words differ\n",
		       wrong || written < 100 ? "not " : "", i + 1, tests[i].name, wrong, written);
	}
	printf("1..%zu\n", TESTS);
	return failed ? 1 : 0;
}
