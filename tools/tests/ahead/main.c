// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Submits that wait for a value of a timeline semaphore which the same thread sets later, more of
 * them than the kernel takes of a queue: vkQueueSubmit may neither block nor fail.
 *
 * usage: ahead NAME     NAME: part of the device's name
 *
 * Prints TAP. If a submit blocks, it comes to no end.
 */
#include <stdio.h>

#include "../vulkan/compute.h"

#define SUBMITS 300
#define TIMEOUT_NS (60ull * 1000000000)

static int bad;

static void judge(bool good, const char *what)
{
	printf("%sok %s\n", good ? "" : "not ", what);
	fflush(stdout);
	bad += !good;
}

static uint64_t value_of(struct gpu *gpu, VkSemaphore semaphore)
{
	uint64_t value;

	check(vkGetSemaphoreCounterValue(gpu->device, semaphore, &value), "timeline value");
	return value;
}

static void submit_behind(struct gpu *gpu, VkSemaphore gate, VkSemaphore steps, uint64_t step)
{
	uint64_t open = 1;
	VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
	VkTimelineSemaphoreSubmitInfo values = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.waitSemaphoreValueCount = 1,
		.pWaitSemaphoreValues = &open,
		.signalSemaphoreValueCount = 1,
		.pSignalSemaphoreValues = &step,
	};
	VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.pNext = &values,
		.waitSemaphoreCount = 1,
		.pWaitSemaphores = &gate,
		.pWaitDstStageMask = &stage,
		.commandBufferCount = 1,
		.pCommandBuffers = &gpu->commands,
		.signalSemaphoreCount = 1,
		.pSignalSemaphores = &steps,
	};

	check(vkQueueSubmit(gpu->queue, 1, &info, VK_NULL_HANDLE), "submit");
}

/* The same commands each time: they fill a buffer. */
static void record(struct gpu *gpu, const struct buffer *words)
{
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
	};

	check(vkBeginCommandBuffer(gpu->commands, &begin), "begin");
	vkCmdFillBuffer(gpu->commands, words->buffer, 0, words->size, 0x600d600d);
	check(vkEndCommandBuffer(gpu->commands), "end");
}

int main(int argc, char **argv)
{
	VkSemaphore gate, steps;
	struct buffer words;
	struct gpu gpu;

	gpu_open(&gpu, argc > 1 ? argv[1] : "Apple");
	buffer_create(&gpu, &words, 4096);
	gate = timeline_create(&gpu);
	steps = timeline_create(&gpu);
	record(&gpu, &words);
	for (uint64_t i = 0; i < SUBMITS; i++)
		submit_behind(&gpu, gate, steps, i + 1);
	judge(true, "submits that wait for what comes later come back");
	judge(value_of(&gpu, steps) == 0 && *(uint32_t *)words.map != 0x600d600d, "none has run");

	check(vkSignalSemaphore(gpu.device, &(VkSemaphoreSignalInfo){
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO, .semaphore = gate, .value = 1 }),
	      "signal");
	for (uint64_t i = 0; i < SUBMITS; i++) {
		uint64_t step = i + 1;
		VkSemaphoreWaitInfo info = {
			.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
			.semaphoreCount = 1,
			.pSemaphores = &steps,
			.pValues = &step,
		};

		check(vkWaitSemaphores(gpu.device, &info, TIMEOUT_NS), "wait");
	}
	judge(value_of(&gpu, steps) == SUBMITS, "then all run");
	judge(*(uint32_t *)words.map == 0x600d600d, "and have done their work");
	vkDestroySemaphore(gpu.device, gate, NULL);
	vkDestroySemaphore(gpu.device, steps, NULL);
	buffer_destroy(&gpu, &words);
	gpu_close(&gpu);
	return bad != 0;
}
