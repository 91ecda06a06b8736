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
#include <string.h>
#include <time.h>

#include <vulkan/vulkan.h>

#include "shader.h"

#define TIMEOUT_NS (60ull * 1000000000)
#define COUNTERS 64

static void check(VkResult result, const char *what)
{
	if (result == VK_SUCCESS)
		return;
	fprintf(stderr, "dispatch: %s: VkResult %d\n", what, result);
	exit(1);
}

static void fail(const char *what)
{
	fprintf(stderr, "dispatch: %s\n", what);
	exit(1);
}

struct gpu {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkDevice device;
	VkQueue queue;
	uint32_t family;
	float ns_per_tick;
};

static void open_instance(struct gpu *gpu)
{
	VkApplicationInfo app = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.pApplicationName = "dispatch",
		.apiVersion = VK_API_VERSION_1_2,
	};
	VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &app,
	};

	check(vkCreateInstance(&info, NULL, &gpu->instance), "create an instance");
}

static void find_device(struct gpu *gpu, const char *name)
{
	VkPhysicalDevice devices[8];
	uint32_t count = 8;

	check(vkEnumeratePhysicalDevices(gpu->instance, &count, devices), "list devices");
	for (uint32_t i = 0; i < count; i++) {
		VkPhysicalDeviceProperties properties;

		vkGetPhysicalDeviceProperties(devices[i], &properties);
		if (!strstr(properties.deviceName, name))
			continue;
		gpu->physical = devices[i];
		gpu->ns_per_tick = properties.limits.timestampPeriod;
		printf("device: %s\n", properties.deviceName);
		return;
	}
	fail("no such device");
}

static void open_device(struct gpu *gpu)
{
	VkQueueFamilyProperties families[8];
	uint32_t count = 8;
	float priority = 1;
	VkPhysicalDeviceVulkan12Features features = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
		.timelineSemaphore = VK_TRUE,
		.hostQueryReset = VK_TRUE,
	};
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = &features,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};

	vkGetPhysicalDeviceQueueFamilyProperties(gpu->physical, &count, families);
	for (gpu->family = 0; gpu->family < count; gpu->family++)
		if (families[gpu->family].queueFlags & VK_QUEUE_COMPUTE_BIT &&
		    families[gpu->family].timestampValidBits)
			break;
	if (gpu->family == count)
		fail("no compute queue with timestamps");

	queue.queueFamilyIndex = gpu->family;
	check(vkCreateDevice(gpu->physical, &info, NULL, &gpu->device), "create a device");
	vkGetDeviceQueue(gpu->device, gpu->family, 0, &gpu->queue);
}

static uint32_t memory_type(struct gpu *gpu, uint32_t allowed)
{
	VkMemoryPropertyFlags wanted =
		VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
	VkPhysicalDeviceMemoryProperties memory;

	vkGetPhysicalDeviceMemoryProperties(gpu->physical, &memory);
	for (uint32_t i = 0; i < memory.memoryTypeCount; i++)
		if (allowed & 1u << i && (memory.memoryTypes[i].propertyFlags & wanted) == wanted)
			return i;
	fail("no memory for host and device");
	return 0;
}

static VkBuffer create_buffer(struct gpu *gpu, VkDeviceSize size)
{
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = size,
		.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
	};
	VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
	VkMemoryRequirements needs;
	VkDeviceMemory memory;
	VkBuffer buffer;

	check(vkCreateBuffer(gpu->device, &info, NULL, &buffer), "create a buffer");
	vkGetBufferMemoryRequirements(gpu->device, buffer, &needs);
	allocate.allocationSize = needs.size;
	allocate.memoryTypeIndex = memory_type(gpu, needs.memoryTypeBits);
	check(vkAllocateMemory(gpu->device, &allocate, NULL, &memory), "allocate memory");
	check(vkBindBufferMemory(gpu->device, buffer, memory, 0), "bind memory");
	return buffer;
}

struct program {
	VkPipeline pipeline;
	VkPipelineLayout layout;
	VkDescriptorSet set;
};

static void create_program(struct gpu *gpu, struct program *program)
{
	VkDescriptorSetLayoutBinding binding = {
		.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		.descriptorCount = 1,
		.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
	};
	VkDescriptorSetLayoutCreateInfo set_info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.bindingCount = 1,
		.pBindings = &binding,
	};
	VkPipelineLayoutCreateInfo layout_info = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.setLayoutCount = 1,
	};
	VkShaderModuleCreateInfo module_info = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = sizeof(shader),
		.pCode = shader,
	};
	VkComputePipelineCreateInfo pipeline_info = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.stage = {
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = VK_SHADER_STAGE_COMPUTE_BIT,
			.pName = "main",
		},
	};
	VkDescriptorPoolSize pool_size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1 };
	VkDescriptorPoolCreateInfo pool_info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.maxSets = 1,
		.poolSizeCount = 1,
		.pPoolSizes = &pool_size,
	};
	VkDescriptorSetAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.descriptorSetCount = 1,
	};
	VkDescriptorBufferInfo buffer = { .range = VK_WHOLE_SIZE };
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.descriptorCount = 1,
		.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		.pBufferInfo = &buffer,
	};
	VkDescriptorSetLayout set_layout;

	check(vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &set_layout), "set layout");
	layout_info.pSetLayouts = &set_layout;
	check(vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &program->layout), "layout");
	check(vkCreateShaderModule(gpu->device, &module_info, NULL, &pipeline_info.stage.module),
	      "shader");
	pipeline_info.layout = program->layout;
	check(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &pipeline_info, NULL,
				       &program->pipeline), "pipeline");

	check(vkCreateDescriptorPool(gpu->device, &pool_info, NULL, &allocate.descriptorPool),
	      "pool");
	allocate.pSetLayouts = &set_layout;
	check(vkAllocateDescriptorSets(gpu->device, &allocate, &program->set), "descriptor set");
	buffer.buffer = create_buffer(gpu, COUNTERS * sizeof(uint32_t));
	write.dstSet = program->set;
	vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
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

static VkSemaphore create_timeline(struct gpu *gpu)
{
	VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
	};
	VkSemaphoreCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
		.pNext = &type,
	};
	VkSemaphore semaphore;

	check(vkCreateSemaphore(gpu->device, &info, NULL, &semaphore), "semaphore");
	return semaphore;
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

static void submit(struct gpu *gpu, VkCommandBuffer commands, VkSemaphore timeline, uint64_t i,
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
	       (ticks[count - 1] - ticks[0]) * gpu->ns_per_tick / 1e6);
	free(ticks);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "Apple";
	uint32_t count = argc > 2 ? strtoul(argv[2], NULL, 0) : 100;
	VkCommandPoolCreateInfo pool_info = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO };
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
	};
	VkFenceCreateInfo fence_info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	struct program program;
	struct gpu gpu;
	VkCommandBuffer *commands = calloc(count, sizeof(*commands));
	VkFence *fences = calloc(count, sizeof(*fences));
	VkQueryPool queries;
	VkSemaphore timeline;
	double begin;

	if (!count || !commands || !fences)
		fail("bad count");
	open_instance(&gpu);
	find_device(&gpu, name);
	open_device(&gpu);
	create_program(&gpu, &program);
	queries = create_queries(&gpu, 2 * count);
	timeline = create_timeline(&gpu);

	pool_info.queueFamilyIndex = gpu.family;
	check(vkCreateCommandPool(gpu.device, &pool_info, NULL, &allocate.commandPool),
	      "command pool");
	allocate.commandBufferCount = count;
	check(vkAllocateCommandBuffers(gpu.device, &allocate, commands), "command buffers");

	begin = seconds();
	for (uint32_t i = 0; i < count; i++) {
		record(commands[i], &program, queries, i);
		check(vkCreateFence(gpu.device, &fence_info, NULL, &fences[i]), "fence");
		submit(&gpu, commands[i], timeline, i, fences[i]);
	}
	wait_in_order(&gpu, timeline, fences, count);
	printf("dispatches: %u on one queue, fences in order, %.3f s\n", count, seconds() - begin);
	check_timestamps(&gpu, queries, 2 * count);

	check(vkDeviceWaitIdle(gpu.device), "wait until idle");
	vkDestroyDevice(gpu.device, NULL);
	vkDestroyInstance(gpu.instance, NULL);
	return 0;
}
