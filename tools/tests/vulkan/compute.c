// SPDX-License-Identifier: MIT OR Apache-2.0
#include "compute.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_NS (100ull * 1000000000)

void fail(const char *format, ...)
{
	va_list arguments;

	fputs("Bail out! ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

void check(VkResult result, const char *what)
{
	if (result != VK_SUCCESS)
		fail("%s: VkResult %d", what, result);
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void find_device(struct gpu *gpu, const char *name)
{
	VkPhysicalDevice devices[8];
	uint32_t count = 8;

	check(vkEnumeratePhysicalDevices(gpu->instance, &count, devices), "list devices");
	for (uint32_t i = 0; i < count; i++) {
		vkGetPhysicalDeviceProperties(devices[i], &gpu->properties);
		if (strstr(gpu->properties.deviceName, name)) {
			gpu->physical = devices[i];
			return;
		}
	}
	fail("no device is called %s", name);
}

static bool has_extension(const struct gpu *gpu, const char *name)
{
	VkExtensionProperties *extensions;
	bool has = false;
	uint32_t count;

	check(vkEnumerateDeviceExtensionProperties(gpu->physical, NULL, &count, NULL),
	      "count extensions");
	extensions = calloc(count, sizeof(*extensions));
	if (!extensions)
		fail("no memory");
	check(vkEnumerateDeviceExtensionProperties(gpu->physical, NULL, &count, extensions),
	      "list extensions");
	for (uint32_t i = 0; i < count; i++)
		has |= !strcmp(extensions[i].extensionName, name);
	free(extensions);
	return has;
}

/* Everything that the device has: the tests choose shaders by what is supported. */
static void create_device(struct gpu *gpu)
{
	static const char *const borders = VK_EXT_CUSTOM_BORDER_COLOR_EXTENSION_NAME;
	VkPhysicalDeviceCustomBorderColorFeaturesEXT custom = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_CUSTOM_BORDER_COLOR_FEATURES_EXT,
	};
	VkPhysicalDeviceVulkan13Features vulkan13 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
	};
	VkPhysicalDeviceVulkan12Features vulkan12 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
		.pNext = &vulkan13,
	};
	VkPhysicalDeviceVulkan11Features vulkan11 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
		.pNext = &vulkan12,
	};
	VkPhysicalDeviceFeatures2 features = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		.pNext = &vulkan11,
	};
	float priority = 1;
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = gpu->family,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = &features,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};

	if (has_extension(gpu, borders)) {
		vulkan13.pNext = &custom;
		info.enabledExtensionCount = 1;
		info.ppEnabledExtensionNames = &borders;
	}
	vkGetPhysicalDeviceFeatures2(gpu->physical, &features);
	gpu->custom_borders = custom.customBorderColors;
	/* Makes buffer accesses slower and nothing here better. */
	features.features.robustBufferAccess = VK_FALSE;
	check(vkCreateDevice(gpu->physical, &info, NULL, &gpu->device), "create a device");
	vkGetDeviceQueue(gpu->device, gpu->family, 0, &gpu->queue);
}

static void create_commands(struct gpu *gpu)
{
	VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
		.queueFamilyIndex = gpu->family,
	};
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandBufferCount = 1,
	};
	VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };

	check(vkCreateCommandPool(gpu->device, &pool, NULL, &gpu->pool), "command pool");
	allocate.commandPool = gpu->pool;
	check(vkAllocateCommandBuffers(gpu->device, &allocate, &gpu->commands), "command buffer");
	check(vkCreateFence(gpu->device, &fence, NULL, &gpu->fence), "fence");
}

void gpu_open(struct gpu *gpu, const char *name)
{
	VkApplicationInfo app = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.apiVersion = VK_API_VERSION_1_3,
	};
	VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &app,
	};
	VkQueueFamilyProperties families[8];
	uint32_t count = 8;

	memset(gpu, 0, sizeof(*gpu));
	check(vkCreateInstance(&info, NULL, &gpu->instance), "create an instance");
	find_device(gpu, name);
	vkGetPhysicalDeviceQueueFamilyProperties(gpu->physical, &count, families);
	while (gpu->family < count && !(families[gpu->family].queueFlags & VK_QUEUE_COMPUTE_BIT))
		gpu->family++;
	if (gpu->family == count)
		fail("%s has no queue for compute", gpu->properties.deviceName);
	create_device(gpu);
	create_commands(gpu);
}

void gpu_close(struct gpu *gpu)
{
	check(vkDeviceWaitIdle(gpu->device), "wait until idle");
	vkDestroyDevice(gpu->device, NULL);
	vkDestroyInstance(gpu->instance, NULL);
}

static VkDeviceMemory allocate(struct gpu *gpu, const VkMemoryRequirements *needs,
			       VkMemoryPropertyFlags wanted)
{
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = needs->size,
	};
	VkPhysicalDeviceMemoryProperties types;
	VkDeviceMemory memory;

	vkGetPhysicalDeviceMemoryProperties(gpu->physical, &types);
	for (uint32_t i = 0; i < types.memoryTypeCount; i++) {
		if (!(needs->memoryTypeBits & 1u << i) ||
		    (types.memoryTypes[i].propertyFlags & wanted) != wanted)
			continue;
		info.memoryTypeIndex = i;
		check(vkAllocateMemory(gpu->device, &info, NULL, &memory), "allocate memory");
		return memory;
	}
	fail("no memory of the type that is needed");
}

void buffer_create(struct gpu *gpu, struct buffer *buffer, VkDeviceSize size)
{
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = size,
		.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
			 VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT |
			 VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT | VK_BUFFER_USAGE_VERTEX_BUFFER_BIT,
	};
	VkMemoryRequirements needs;

	check(vkCreateBuffer(gpu->device, &info, NULL, &buffer->buffer), "create a buffer");
	vkGetBufferMemoryRequirements(gpu->device, buffer->buffer, &needs);
	buffer->memory = allocate(gpu, &needs, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
					       VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
	check(vkBindBufferMemory(gpu->device, buffer->buffer, buffer->memory, 0), "bind memory");
	check(vkMapMemory(gpu->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->map),
	      "map memory");
	buffer->size = size;
	memset(buffer->map, 0, size);
}

void buffer_destroy(struct gpu *gpu, struct buffer *buffer)
{
	vkDestroyBuffer(gpu->device, buffer->buffer, NULL);
	vkFreeMemory(gpu->device, buffer->memory, NULL);
}

void image_allocate(struct gpu *gpu, struct image *image, const VkImageCreateInfo *info)
{
	VkMemoryRequirements needs;

	check(vkCreateImage(gpu->device, info, NULL, &image->image), "create an image");
	vkGetImageMemoryRequirements(gpu->device, image->image, &needs);
	image->memory = allocate(gpu, &needs, 0);
	check(vkBindImageMemory(gpu->device, image->image, image->memory, 0), "bind memory");
	image->extent = info->extent;
	image->layers = info->arrayLayers;
	image->levels = info->mipLevels;
}

void image_create(struct gpu *gpu, struct image *image, const VkImageCreateInfo *info,
		  VkImageViewType type)
{
	VkImageViewCreateInfo view = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.viewType = type,
		.format = info->format,
		.subresourceRange = {
			.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
			.levelCount = info->mipLevels,
			.layerCount = info->arrayLayers,
		},
	};

	image_allocate(gpu, image, info);
	view.image = image->image;
	check(vkCreateImageView(gpu->device, &view, NULL, &image->view), "create a view");
}

void image_destroy(struct gpu *gpu, struct image *image)
{
	vkDestroyImageView(gpu->device, image->view, NULL);
	vkDestroyImage(gpu->device, image->image, NULL);
	vkFreeMemory(gpu->device, image->memory, NULL);
}

void image_layout(struct gpu *gpu, const struct image *image, VkImageLayout from, VkImageLayout to)
{
	VkImageMemoryBarrier change = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		.oldLayout = from,
		.newLayout = to,
		.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.image = image->image,
		.subresourceRange = {
			.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
			.levelCount = VK_REMAINING_MIP_LEVELS,
			.layerCount = VK_REMAINING_ARRAY_LAYERS,
		},
	};

	vkCmdPipelineBarrier(gpu->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
			     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &change);
}

static void write_set(struct gpu *gpu, VkDescriptorSet set, const struct binding *bindings,
		      uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		VkDescriptorBufferInfo buffer = { .range = VK_WHOLE_SIZE };
		VkDescriptorImageInfo image = {
			.sampler = bindings[i].sampler,
			.imageLayout = VK_IMAGE_LAYOUT_GENERAL,
		};
		VkWriteDescriptorSet write = {
			.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
			.dstSet = set,
			.dstBinding = i,
			.descriptorCount = 1,
			.descriptorType = bindings[i].type,
			.pBufferInfo = &buffer,
			.pImageInfo = &image,
		};

		if (bindings[i].buffer)
			buffer.buffer = bindings[i].buffer->buffer;
		if (bindings[i].image)
			image.imageView = bindings[i].image->view;
		vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
	}
}

static void create_set(struct gpu *gpu, struct program *program, const struct binding *bindings,
		       uint32_t count)
{
	VkDescriptorSetLayoutBinding layout[MAX_BINDINGS];
	VkDescriptorPoolSize sizes[MAX_BINDINGS];
	VkDescriptorSetLayoutCreateInfo layout_info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.bindingCount = count,
		.pBindings = layout,
	};
	VkDescriptorPoolCreateInfo pool_info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.maxSets = 1,
		.poolSizeCount = count,
		.pPoolSizes = sizes,
	};
	VkDescriptorSetAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.descriptorSetCount = 1,
		.pSetLayouts = &program->set_layout,
	};

	if (count > MAX_BINDINGS)
		fail("too many bindings");
	for (uint32_t i = 0; i < count; i++) {
		layout[i] = (VkDescriptorSetLayoutBinding) {
			.binding = i,
			.descriptorType = bindings[i].type,
			.descriptorCount = 1,
			.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
		};
		sizes[i] = (VkDescriptorPoolSize) { bindings[i].type, 1 };
	}
	check(vkCreateDescriptorSetLayout(gpu->device, &layout_info, NULL, &program->set_layout),
	      "set layout");
	check(vkCreateDescriptorPool(gpu->device, &pool_info, NULL, &program->pool),
	      "descriptor pool");
	allocate.descriptorPool = program->pool;
	check(vkAllocateDescriptorSets(gpu->device, &allocate, &program->set), "descriptor set");
	write_set(gpu, program->set, bindings, count);
}

void program_create(struct gpu *gpu, struct program *program, const uint32_t *code, size_t size,
		    const struct binding *bindings, uint32_t count, uint32_t push)
{
	VkPushConstantRange range = { VK_SHADER_STAGE_COMPUTE_BIT, 0, push };
	VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.setLayoutCount = 1,
		.pSetLayouts = &program->set_layout,
		.pushConstantRangeCount = push ? 1 : 0,
		.pPushConstantRanges = &range,
	};
	VkShaderModuleCreateInfo module = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = size,
		.pCode = code,
	};
	VkComputePipelineCreateInfo pipeline = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.stage = {
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = VK_SHADER_STAGE_COMPUTE_BIT,
			.pName = "main",
		},
	};

	create_set(gpu, program, bindings, count);
	check(vkCreatePipelineLayout(gpu->device, &layout, NULL, &program->layout),
	      "pipeline layout");
	check(vkCreateShaderModule(gpu->device, &module, NULL, &program->module), "shader");
	pipeline.stage.module = program->module;
	pipeline.layout = program->layout;
	check(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &pipeline, NULL,
				       &program->pipeline),
	      "pipeline");
}

void program_destroy(struct gpu *gpu, struct program *program)
{
	vkDestroyPipeline(gpu->device, program->pipeline, NULL);
	vkDestroyShaderModule(gpu->device, program->module, NULL);
	vkDestroyPipelineLayout(gpu->device, program->layout, NULL);
	vkDestroyDescriptorPool(gpu->device, program->pool, NULL);
	vkDestroyDescriptorSetLayout(gpu->device, program->set_layout, NULL);
}

void begin(struct gpu *gpu)
{
	VkCommandBufferBeginInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };

	check(vkBeginCommandBuffer(gpu->commands, &info), "begin");
}

void dispatch(struct gpu *gpu, const struct program *program, const void *push, uint32_t push_size,
	      uint32_t x, uint32_t y, uint32_t z)
{
	vkCmdBindPipeline(gpu->commands, VK_PIPELINE_BIND_POINT_COMPUTE, program->pipeline);
	vkCmdBindDescriptorSets(gpu->commands, VK_PIPELINE_BIND_POINT_COMPUTE, program->layout, 0,
				1, &program->set, 0, NULL);
	if (push_size)
		vkCmdPushConstants(gpu->commands, program->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
				   push_size, push);
	vkCmdDispatch(gpu->commands, x, y, z);
	barrier(gpu);
}

void barrier(struct gpu *gpu)
{
	VkMemoryBarrier everything = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT |
				 VK_ACCESS_HOST_READ_BIT,
	};

	vkCmdPipelineBarrier(gpu->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
			     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
			     &everything, 0, NULL, 0, NULL);
}

void submit(struct gpu *gpu)
{
	VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &gpu->commands,
	};

	check(vkEndCommandBuffer(gpu->commands), "end");
	check(vkQueueSubmit(gpu->queue, 1, &info, gpu->fence), "submit");
}

VkResult wait_for(struct gpu *gpu)
{
	VkResult result = vkWaitForFences(gpu->device, 1, &gpu->fence, VK_TRUE, TIMEOUT_NS);

	if (result == VK_SUCCESS)
		check(vkResetFences(gpu->device, 1, &gpu->fence), "reset the fence");
	return result;
}

void finish(struct gpu *gpu)
{
	submit(gpu);
	check(wait_for(gpu), "wait");
}

VkSemaphore timeline_create(struct gpu *gpu)
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
