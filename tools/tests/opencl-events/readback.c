// SPDX-License-Identifier: MIT OR Apache-2.0
/* Threads with a queue each have kernels write a part of a buffer, and read it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"

#define THREADS 4
#define ROUNDS 250
#define WORDS 16384

enum way { READ, READ_LATER, MAP, COPY_AND_MAP, RECT, WAYS };

struct reader {
	struct gpu *gpu;
	unsigned int seed, wrong, words;
};

static void look(struct reader *reader, const uint32_t *words, size_t at, size_t count,
		 uint32_t round)
{
	for (size_t i = 0; i < count; i++)
		reader->wrong += words[i] != word(at + i, round);
	reader->words += count;
}

static void look_mapped(struct reader *reader, cl_command_queue queue, cl_mem buffer, size_t at,
			size_t count, uint32_t round)
{
	cl_int error;
	uint32_t *map = clEnqueueMapBuffer(queue, buffer, CL_TRUE, CL_MAP_READ, at * 4, count * 4,
					   0, NULL, NULL, &error);

	must(error, "map");
	look(reader, map, at, count, round);
	must(clEnqueueUnmapMemObject(queue, buffer, map, 0, NULL, NULL), "unmap");
}

static void look_in(struct reader *reader, cl_command_queue queue, cl_mem buffer, cl_mem other,
		    uint32_t *room, size_t at, size_t count, uint32_t round)
{
	size_t origin[3] = { at * 4 }, zero[3] = {}, region[3] = { count * 4, 1, 1 };
	cl_event event;

	switch (rand_r(&reader->seed) % WAYS) {
	case READ:
		must(clEnqueueReadBuffer(queue, buffer, CL_TRUE, at * 4, count * 4, room, 0, NULL,
					 NULL), "read");
		look(reader, room, at, count, round);
		break;
	case READ_LATER:
		must(clEnqueueReadBuffer(queue, buffer, CL_FALSE, at * 4, count * 4, room, 0, NULL,
					 &event), "read");
		must(clWaitForEvents(1, &event), "wait");
		must(clReleaseEvent(event), "release an event");
		look(reader, room, at, count, round);
		break;
	case MAP:
		look_mapped(reader, queue, buffer, at, count, round);
		break;
	case COPY_AND_MAP:
		must(clEnqueueCopyBuffer(queue, buffer, other, at * 4, at * 4, count * 4, 0, NULL,
					 NULL), "copy");
		look_mapped(reader, queue, other, at, count, round);
		break;
	case RECT:
		must(clEnqueueReadBufferRect(queue, buffer, CL_TRUE, origin, zero, region, 0, 0, 0,
					     0, room, 0, NULL, NULL), "read a rectangle");
		look(reader, room, at, count, round);
		break;
	}
}

static void *reads(void *argument)
{
	struct reader *reader = argument;
	cl_command_queue queue = new_queue(reader->gpu);
	uint32_t *room = malloc(WORDS * 4);
	cl_mem buffers[2];
	cl_int error;

	must(room ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY, "memory");
	for (int i = 0; i < 2; i++) {
		buffers[i] = clCreateBuffer(reader->gpu->context, CL_MEM_READ_WRITE, WORDS * 4,
					    NULL, &error);
		must(error, "buffer");
	}
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		size_t at = rand_r(&reader->seed) % WORDS;
		size_t count = 1 + rand_r(&reader->seed) % (WORDS - at);

		enqueue_words(reader->gpu, queue, buffers[0], at, count, round, 0, NULL, NULL);
		look_in(reader, queue, buffers[0], buffers[1], room, at, count, round);
	}
	for (int i = 0; i < 2; i++)
		must(clReleaseMemObject(buffers[i]), "release a buffer");
	must(clReleaseCommandQueue(queue), "release a queue");
	free(room);
	return NULL;
}

void test_readback(struct gpu *gpu)
{
	struct reader readers[THREADS] = {};
	pthread_t threads[THREADS];
	unsigned int wrong = 0, words = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){ .gpu = gpu, .seed = i + 1 };
		must(pthread_create(&threads[i], NULL, reads, &readers[i]), "thread");
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		wrong += readers[i].wrong;
		words += readers[i].words;
	}
	printf("# %u rounds, %u words\n", THREADS * ROUNDS, words);
	judge(words > 0 && !wrong, "what is read is what was written");
}
