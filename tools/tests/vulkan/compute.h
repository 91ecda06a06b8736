/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * As much of Vulkan as a test of compute shaders needs: one device, one queue, one command buffer
 * that is recorded, submitted and waited for. Every error ends the program with a message.
 */
#ifndef TESTS_VULKAN_COMPUTE_H
#define TESTS_VULKAN_COMPUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vulkan/vulkan.h>

#define MAX_BINDINGS 8

struct gpu {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkPhysicalDeviceProperties properties;
	VkDevice device;
	VkQueue queue;
	uint32_t family;
	/* Samplers may have border colours of any value. */
	bool custom_borders;
	VkCommandPool pool;
	VkCommandBuffer commands;
	VkFence fence;
};

struct buffer {
	VkBuffer buffer;
	VkDeviceMemory memory;
	VkDeviceSize size;
	void *map;
};

struct image {
	VkImage image;
	VkImageView view;
	VkDeviceMemory memory;
	VkExtent3D extent;
	uint32_t layers, levels;
};

/* What a binding of a shader is; the type says which member is used. */
struct binding {
	VkDescriptorType type;
	const struct buffer *buffer;
	const struct image *image;
	VkSampler sampler;
};

struct program {
	VkPipeline pipeline;
	VkPipelineLayout layout;
	VkDescriptorSetLayout set_layout;
	VkDescriptorPool pool;
	VkDescriptorSet set;
	VkShaderModule module;
};

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void check(VkResult result, const char *what);
double seconds(void);

/* Opens the first device whose name contains @name. */
void gpu_open(struct gpu *gpu, const char *name);
void gpu_close(struct gpu *gpu);

/* Memory that host and device see. */
void buffer_create(struct gpu *gpu, struct buffer *buffer, VkDeviceSize size);
void buffer_destroy(struct gpu *gpu, struct buffer *buffer);

/* An image without a view. */
void image_allocate(struct gpu *gpu, struct image *image, const VkImageCreateInfo *info);
/* A colour image of all levels and layers, in VK_IMAGE_LAYOUT_UNDEFINED. */
void image_create(struct gpu *gpu, struct image *image, const VkImageCreateInfo *info,
		  VkImageViewType type);
void image_destroy(struct gpu *gpu, struct image *image);
/* Records a barrier for everything, and the change to @layout. */
void image_layout(struct gpu *gpu, const struct image *image, VkImageLayout from, VkImageLayout to);

/* @push: bytes of push constants. */
void program_create(struct gpu *gpu, struct program *program, const uint32_t *code, size_t size,
		    const struct binding *bindings, uint32_t count, uint32_t push);
void program_destroy(struct gpu *gpu, struct program *program);

/* Begins to record; dispatches are separated by barriers for everything. */
void begin(struct gpu *gpu);
void dispatch(struct gpu *gpu, const struct program *program, const void *push, uint32_t push_size,
	      uint32_t x, uint32_t y, uint32_t z);
void barrier(struct gpu *gpu);
/* Submits what was recorded. */
void submit(struct gpu *gpu);
/* Waits for it. */
VkResult wait_for(struct gpu *gpu);
/* Both; it has to succeed. */
void finish(struct gpu *gpu);

/* A timeline semaphore with the value 0. */
VkSemaphore timeline_create(struct gpu *gpu);

#endif
