// SPDX-License-Identifier: MIT OR Apache-2.0
/* Events of the program's own, callbacks, and the times of kernels. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "events.h"

#define EVENTS 100
#define WORDS 64

static atomic_int called;

static void CL_CALLBACK count_call(cl_event event, cl_int status, void *unused)
{
	(void)event;
	(void)unused;
	atomic_fetch_add(&called, status == CL_COMPLETE);
}

static void *open_gate(void *gate)
{
	must(clSetUserEventStatus(gate, CL_COMPLETE), "set an event");
	return NULL;
}

static cl_int status_of(cl_event event)
{
	cl_int status;

	must(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status,
			    NULL), "status");
	return status;
}

static cl_ulong time_of(cl_event event, cl_profiling_info what)
{
	cl_ulong time;

	must(clGetEventProfilingInfo(event, what, sizeof(time), &time, NULL), "time");
	return time;
}

static bool is_ordered(cl_event event)
{
	cl_ulong queued = time_of(event, CL_PROFILING_COMMAND_QUEUED);
	cl_ulong submitted = time_of(event, CL_PROFILING_COMMAND_SUBMIT);
	cl_ulong start = time_of(event, CL_PROFILING_COMMAND_START);
	cl_ulong end = time_of(event, CL_PROFILING_COMMAND_END);

	if (queued <= submitted && submitted <= start && start <= end)
		return true;
	printf("# queued %lu, submitted %lu, started %lu, ended %lu\n", queued, submitted, start,
	       end);
	return false;
}

/* Kernels of two queues behind an event that another thread sets. */
static void test_gate(struct gpu *gpu, cl_mem buffer)
{
	cl_command_queue queues[2] = { new_queue(gpu), new_queue(gpu) };
	cl_event gate, done[EVENTS];
	bool held = true, ordered = true;
	pthread_t thread;
	cl_int error;

	gate = clCreateUserEvent(gpu->context, &error);
	must(error, "event");
	for (int i = 0; i < EVENTS; i++) {
		/* Each but the first waits for the one before, which is of the other queue. */
		cl_event wait[2] = { gate, i ? done[i - 1] : gate };

		enqueue_words(gpu, queues[i % 2], buffer, 0, WORDS, i, 2, wait, &done[i]);
		must(clSetEventCallback(done[i], CL_COMPLETE, count_call, NULL), "callback");
	}
	for (int i = 0; i < EVENTS; i++)
		held = held && status_of(done[i]) > CL_COMPLETE;
	judge(held, "kernels wait for an event of the program's");
	must(pthread_create(&thread, NULL, open_gate, gate), "thread");
	/* Both, as what is not flushed need not run. */
	must(clFlush(queues[0]), "flush");
	must(clFlush(queues[1]), "flush");
	must(clWaitForEvents(EVENTS, done), "wait");
	pthread_join(thread, NULL);
	must(clFinish(queues[0]), "finish");
	must(clFinish(queues[1]), "finish");
	/* A callback comes some time after its event, from a thread of Mesa's. */
	for (int i = 0; i < 1000 && atomic_load(&called) < EVENTS; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	judge(atomic_load(&called) == EVENTS, "each has its callback");
	for (int i = 0; i < EVENTS; i++) {
		ordered = ordered && is_ordered(done[i]);
		must(clReleaseEvent(done[i]), "release an event");
	}
	judge(ordered, "times are in order");
	must(clReleaseEvent(gate), "release an event");
	must(clReleaseCommandQueue(queues[0]), "release a queue");
	must(clReleaseCommandQueue(queues[1]), "release a queue");
}

/* What waits for an event that fails has failed. */
static void test_failed(struct gpu *gpu, cl_mem buffer)
{
	cl_command_queue queue = new_queue(gpu);
	cl_event gate, done;
	cl_int error;

	gate = clCreateUserEvent(gpu->context, &error);
	must(error, "event");
	enqueue_words(gpu, queue, buffer, 0, WORDS, 0, 1, &gate, &done);
	must(clSetUserEventStatus(gate, -1), "set an event");
	judge(clWaitForEvents(1, &done) == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
	      "an event that fails fails what waits for it");
	judge(status_of(done) < 0, "which has an error for a status");
	must(clReleaseEvent(done), "release an event");
	must(clReleaseEvent(gate), "release an event");
	must(clReleaseCommandQueue(queue), "release a queue");
}

void test_events(struct gpu *gpu)
{
	cl_int error;
	cl_mem buffer = clCreateBuffer(gpu->context, CL_MEM_READ_WRITE, WORDS * 4, NULL, &error);

	must(error, "buffer");
	test_gate(gpu, buffer);
	test_failed(gpu, buffer);
	must(clReleaseMemObject(buffer), "release a buffer");
}
