// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The main job: dispatches a compute shader many times on one queue, each submit behind the one
 * before it along a timeline semaphore, with a fence and two timestamps of its own.
 *
 * Checks that the fences signal in order and that the timestamps rise. What the shader computes is
 * not looked at.
 *
 * usage: dispatch [NAME [COUNT]]     NAME: part of the device's name
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../vulkan/compute.h"
#include "shader.h"

#define TIMEOUT_NS (60ull * 1000000000)
#define COUNTERS 64

static void need_timestamps(struct gpu *gpu)
{
	VkQueueFamilyProperties families[8];
	uint32_t count = 8;

	vkGetPhysicalDeviceQueueFamilyProperties(gpu->physical, &count, families);
	if (!families[gpu->family].timestampValidBits)
		fail("%s has no timestamps", gpu->properties.deviceName);
}

static void create_program(struct gpu *gpu, struct program *program, struct buffer *buffer)
{
	struct binding binding = { .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = buffer };

	buffer_create(gpu, buffer, COUNTERS * sizeof(uint32_t));
	program_create(gpu, program, shader, sizeof(shader), &binding, 1, 0);
}

static VkQueryPool create_queries(struct gpu *gpu, uint32_t count)
{
	VkQueryPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
		.queryType = VK_QUERY_TYPE_TIMESTAMP,
		.queryCount = count,
	};
	VkQueryPool queries;

	check(vkCreateQueryPool(gpu->device, &info, NULL, &queries), "query pool");
	vkResetQueryPool(gpu->device, queries, 0, count);
	return queries;
}

static void record(VkCommandBuffer commands, struct program *program, VkQueryPool queries,
		   uint32_t i)
{
	VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };

	check(vkBeginCommandBuffer(commands, &begin), "begin");
	vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, queries, 2 * i);
	vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, program->pipeline);
	vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, program->layout, 0, 1,
				&program->set, 0, NULL);
	vkCmdDispatch(commands, COUNTERS / 32, 1, 1);
	vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries, 2 * i + 1);
	check(vkEndCommandBuffer(commands), "end");
}

/* Submits behind the @i submits before it. */
static void submit_next(struct gpu *gpu, VkCommandBuffer commands, VkSemaphore timeline, uint64_t i,
			VkFence fence)
{
	uint64_t wait = i, signal = i + 1;
	VkPipelineStageFlags stage = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
	VkTimelineSemaphoreSubmitInfo values = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.waitSemaphoreValueCount = 1,
		.pWaitSemaphoreValues = &wait,
		.signalSemaphoreValueCount = 1,
		.pSignalSemaphoreValues = &signal,
	};
	VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.pNext = &values,
		.waitSemaphoreCount = 1,
		.pWaitSemaphores = &timeline,
		.pWaitDstStageMask = &stage,
		.commandBufferCount = 1,
		.pCommandBuffers = &commands,
		.signalSemaphoreCount = 1,
		.pSignalSemaphores = &timeline,
	};

	check(vkQueueSubmit(gpu->queue, 1, &info, fence), "submit");
}

static void wait_in_order(struct gpu *gpu, VkSemaphore timeline, const VkFence *fences,
			  uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t value = i + 1, reached;
		VkSemaphoreWaitInfo info = {
			.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
			.semaphoreCount = 1,
			.pSemaphores = &timeline,
			.pValues = &value,
		};
		bool later = false;

		check(vkWaitSemaphores(gpu->device, &info, TIMEOUT_NS), "wait for the timeline");
		check(vkGetSemaphoreCounterValue(gpu->device, timeline, &reached),
		      "timeline value");
		if (reached < value)
			fail("the timeline went back");
		check(vkWaitForFences(gpu->device, 1, &fences[i], VK_TRUE, TIMEOUT_NS),
		      "wait for a fence");
		/* From the last one: where one has signalled, all before it have. */
		for (uint32_t j = count; j-- > 0;) {
			bool signalled = vkGetFenceStatus(gpu->device, fences[j]) == VK_SUCCESS;

			if (later && !signalled)
				fail("a fence signalled before an earlier one");
			later = later || signalled;
		}
	}
}

static void check_timestamps(struct gpu *gpu, VkQueryPool queries, uint32_t count)
{
	uint64_t *ticks = calloc(count, sizeof(*ticks));

	if (!ticks)
		fail("no memory");
	check(vkGetQueryPoolResults(gpu->device, queries, 0, count, count * sizeof(*ticks), ticks,
				    sizeof(*ticks), VK_QUERY_RESULT_64_BIT), "timestamps");
	for (uint32_t i = 0; i < count; i++) {
		if (!ticks[i])
			fail("a timestamp was not written");
		if (i && ticks[i] < ticks[i - 1])
			fail("timestamps fall");
	}
	if (ticks[count - 1] <= ticks[0])
		fail("timestamps stand still");
	printf("timestamps: %u, rising, %.3f ms from first to last\n", count,
	       (ticks[count - 1] - ticks[0]) * gpu->properties.limits.timestampPeriod / 1e6);
	free(ticks);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "Apple";
	uint32_t count = argc > 2 ? strtoul(argv[2], NULL, 0) : 100;
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
	};
	VkFenceCreateInfo fence_info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	struct program program;
	struct buffer counters;
	struct gpu gpu;
	VkCommandBuffer *commands = calloc(count, sizeof(*commands));
	VkFence *fences = calloc(count, sizeof(*fences));
	VkQueryPool queries;
	VkSemaphore timeline;
	double start;

	if (!count || !commands || !fences)
		fail("bad count");
	gpu_open(&gpu, name);
	printf("device: %s\n", gpu.properties.deviceName);
	need_timestamps(&gpu);
	create_program(&gpu, &program, &counters);
	queries = create_queries(&gpu, 2 * count);
	timeline = timeline_create(&gpu);

	allocate.commandPool = gpu.pool;
	allocate.commandBufferCount = count;
	check(vkAllocateCommandBuffers(gpu.device, &allocate, commands), "command buffers");

	start = seconds();
	for (uint32_t i = 0; i < count; i++) {
		record(commands[i], &program, queries, i);
		check(vkCreateFence(gpu.device, &fence_info, NULL, &fences[i]), "fence");
		submit_next(&gpu, commands[i], timeline, i, fences[i]);
	}
	wait_in_order(&gpu, timeline, fences, count);
	printf("dispatches: %u on one queue, fences in order, %.3f s\n", count, seconds() - start);
	check_timestamps(&gpu, queries, 2 * count);

	gpu_close(&gpu);
	return 0;
}
