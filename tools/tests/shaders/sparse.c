// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A sparse image of two layers: blocks of it get memory, lose it, and get that of others. What
 * shaders read then is known: what was stored where there is memory, zeros elsewhere.
 */
#include <string.h>

#include "shaders.h"

#include "sparse.h"

#define LAYERS 2
/* Blocks of a layer in each direction, and of the memory. */
#define SIDE 3
#define BLOCKS 5

struct sparse {
	struct image image;
	VkDeviceMemory memory;
	VkDeviceSize block_bytes;
	VkExtent3D block;
	/* Per layer and block: the block of memory, counted from one. */
	uint32_t bound[LAYERS][SIDE][SIDE];
};

static bool has_sparse_images(struct gpu *gpu)
{
	VkPhysicalDeviceFeatures features;
	VkQueueFamilyProperties families[8];
	uint32_t count = 8;

	vkGetPhysicalDeviceFeatures(gpu->physical, &features);
	vkGetPhysicalDeviceQueueFamilyProperties(gpu->physical, &count, families);
	return features.sparseBinding && features.sparseResidencyImage2D &&
	       features.shaderResourceResidency &&
	       gpu->properties.sparseProperties.residencyNonResidentStrict &&
	       (families[gpu->family].queueFlags & VK_QUEUE_SPARSE_BINDING_BIT);
}

static void create(struct gpu *gpu, struct sparse *sparse)
{
	VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.flags = VK_IMAGE_CREATE_SPARSE_BINDING_BIT | VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = VK_FORMAT_R32_UINT,
		.mipLevels = 1,
		.arrayLayers = LAYERS,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.tiling = VK_IMAGE_TILING_OPTIMAL,
		.usage = VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_SAMPLED_BIT,
	};
	VkImageViewCreateInfo view = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.viewType = VK_IMAGE_VIEW_TYPE_2D_ARRAY,
		.format = info.format,
		.subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, LAYERS },
	};
	VkSparseImageFormatProperties properties;
	VkMemoryRequirements needs;
	VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
	uint32_t count = 1;

	vkGetPhysicalDeviceSparseImageFormatProperties(gpu->physical, info.format, info.imageType,
						       info.samples, info.usage, info.tiling,
						       &count, &properties);
	if (count != 1)
		fail("no sparse images of that format");
	sparse->block = properties.imageGranularity;
	/* The last block of each row and column is not a whole one. */
	info.extent.width = SIDE * sparse->block.width - 8;
	info.extent.height = SIDE * sparse->block.height - 16;
	info.extent.depth = 1;
	check(vkCreateImage(gpu->device, &info, NULL, &sparse->image.image),
	      "create a sparse image");
	vkGetImageMemoryRequirements(gpu->device, sparse->image.image, &needs);
	sparse->block_bytes = needs.alignment;
	allocate.allocationSize = BLOCKS * sparse->block_bytes;
	allocate.memoryTypeIndex = __builtin_ctz(needs.memoryTypeBits);
	check(vkAllocateMemory(gpu->device, &allocate, NULL, &sparse->memory), "allocate memory");
	view.image = sparse->image.image;
	check(vkCreateImageView(gpu->device, &view, NULL, &sparse->image.view), "create a view");
	sparse->image.extent = info.extent;
	sparse->image.layers = LAYERS;
	sparse->image.levels = 1;
}

/* Binds a block of the image to one of memory, or to none. */
static void bind(struct gpu *gpu, struct sparse *sparse, uint32_t layer, uint32_t x, uint32_t y,
		 uint32_t memory)
{
	VkExtent3D size = sparse->image.extent, block = sparse->block;
	VkSparseImageMemoryBind one = {
		.subresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, layer },
		.offset = { x * block.width, y * block.height, 0 },
		.memory = memory ? sparse->memory : VK_NULL_HANDLE,
		.memoryOffset = memory ? (memory - 1) * sparse->block_bytes : 0,
	};
	VkSparseImageMemoryBindInfo binds = { .image = sparse->image.image,
					      .bindCount = 1,
					      .pBinds = &one };
	VkBindSparseInfo info = {
		.sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO,
		.imageBindCount = 1,
		.pImageBinds = &binds,
	};
	uint32_t right = size.width - one.offset.x, below = size.height - one.offset.y;

	one.extent = (VkExtent3D){
		right < block.width ? right : block.width,
		below < block.height ? below : block.height,
		1,
	};
	check(vkQueueBindSparse(gpu->queue, 1, &info, gpu->fence), "bind sparse memory");
	check(wait_for(gpu), "wait for the binding");
	sparse->bound[layer][y][x] = memory;
}

/*
 * Texels that are not as they should be, when memory blocks have what @stored says was in the image
 * there.
 */
static uint32_t wrong(const struct sparse *sparse, const uint32_t (*seen)[2],
		      const uint32_t stored[BLOCKS][3])
{
	VkExtent3D size = sparse->image.extent, block = sparse->block;
	uint32_t count = 0;

	for (uint32_t layer = 0; layer < LAYERS; layer++)
		for (uint32_t y = 0; y < size.height; y++)
			for (uint32_t x = 0; x < size.width; x++, seen++) {
				uint32_t memory =
					sparse->bound[layer][y / block.height][x / block.width];
				uint32_t want = 0;

				if (memory) {
					const uint32_t *from = stored[memory - 1];
					uint32_t old_y = from[1] * block.height + y % block.height;
					uint32_t old_x = from[0] * block.width + x % block.width;

					want = (from[2] * size.height + old_y) * size.width +
					       old_x + 1;
				}
				count += (*seen)[0] != want || (*seen)[1] != !!memory;
			}
	return count;
}

static void run_step(struct gpu *gpu, const struct program *program, const struct image *image,
		     uint32_t step)
{
	uint32_t width = image->extent.width / 8, height = image->extent.height / 8;

	begin(gpu);
	if (!step)
		image_layout(gpu, image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	dispatch(gpu, program, &step, sizeof(step), width, height, LAYERS);
	finish(gpu);
}

void test_sparse(struct gpu *gpu)
{
	/* Block of the image and layer that each block of memory was in when the shader stored. */
	static const uint32_t stored[BLOCKS][3] = {
		{ 0, 0, 0 }, { 1, 1, 0 }, { 0, 2, 0 }, { 1, 0, 1 }, { 0, 1, 1 },
	};
	VkSamplerCreateInfo nearest = { .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO };
	struct sparse sparse = { 0 };
	struct buffer result;
	struct binding bindings[] = {
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &result },
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, .image = &sparse.image },
		{ .type = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, .image = &sparse.image },
	};
	struct program program;

	if (!has_sparse_images(gpu)) {
		report(false, "sparse images: the device does not have them");
		return;
	}
	create(gpu, &sparse);
	buffer_create(gpu, &result,
		      (VkDeviceSize)sparse.image.extent.width * sparse.image.extent.height *
			      LAYERS * 8);
	check(vkCreateSampler(gpu->device, &nearest, NULL, &bindings[2].sampler), "sampler");
	program_create(gpu, &program, sparse_code, sizeof(sparse_code), bindings, 3, 4);
	for (uint32_t i = 0; i < BLOCKS; i++)
		bind(gpu, &sparse, stored[i][2], stored[i][0], stored[i][1], i + 1);
	run_step(gpu, &program, &sparse.image, 0);
	for (uint32_t step = 1; step <= 2; step++) {
		uint32_t count;

		run_step(gpu, &program, &sparse.image, step);
		count = wrong(&sparse, result.map, stored);
		report(!count, "sparse images, %s: %u texels differ",
		       step == 1 ? "fetches" : "loads", count);
	}
	/* Memory goes, and turns up elsewhere with what is in it. */
	bind(gpu, &sparse, 0, 0, 0, 0);
	bind(gpu, &sparse, 1, 1, 1, 1);
	bind(gpu, &sparse, 0, 1, 1, 4);
	for (uint32_t step = 1; step <= 2; step++) {
		uint32_t count;

		run_step(gpu, &program, &sparse.image, step);
		count = wrong(&sparse, result.map, stored);
		report(!count, "sparse images bound anew, %s: %u texels differ",
		       step == 1 ? "fetches" : "loads", count);
	}
	program_destroy(gpu, &program);
	vkDestroySampler(gpu->device, bindings[2].sampler, NULL);
	vkDestroyImageView(gpu->device, sparse.image.view, NULL);
	vkDestroyImage(gpu->device, sparse.image.image, NULL);
	vkFreeMemory(gpu->device, sparse.memory, NULL);
	buffer_destroy(gpu, &result);
}
