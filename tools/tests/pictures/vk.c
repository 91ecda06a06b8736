// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Draws small scenes with Vulkan, without a window, and writes a picture of each.
 *
 * usage: vk-pictures DEVICE DIRECTORY [SCENE…]
 *
 * DEVICE is a part of the device's name. Pictures are DIRECTORY/vk-SCENE.pam. Prints TAP: whether
 * pixels that are known are right, for each scene.
 */
#include <stdio.h>
#include <string.h>

#include "vk.h"

static void record_begin(struct gpu *gpu, const struct scene *scene, struct target *target,
			 bool load)
{
	bool averages = scene->samples != VK_SAMPLE_COUNT_1_BIT;
	struct render_target views = {
		.colour = averages ? target->samples.image.view : target->colour.image.view,
		.average = averages ? target->colour.image.view : VK_NULL_HANDLE,
		.depth = scene->depth ? target->depth.image.view : VK_NULL_HANDLE,
		.extent = { WIDTH, HEIGHT },
		.load = load,
	};

	memcpy(views.clear, scene->clear, sizeof(views.clear));
	rendering_begin(gpu, &views);
}

static void target_create(struct gpu *gpu, const struct scene *scene, struct target *target)
{
	memset(target, 0, sizeof(*target));
	attachment_create(gpu, &target->colour, TARGET_FORMAT, VK_SAMPLE_COUNT_1_BIT,
			  VK_IMAGE_USAGE_TRANSFER_SRC_BIT);
	if (scene->samples != VK_SAMPLE_COUNT_1_BIT)
		attachment_create(gpu, &target->samples, TARGET_FORMAT, scene->samples, 0);
	if (scene->depth)
		attachment_create(gpu, &target->depth, VK_FORMAT_D32_SFLOAT, scene->samples, 0);
	buffer_create(gpu, &target->pixels, WIDTH * HEIGHT * 4);
	buffer_create(gpu, &target->vertices, 4096);
	if (scene->count * sizeof(struct vertex) > target->vertices.size)
		fail("%s has too many vertices", scene->name);
	if (scene->count)
		memcpy(target->vertices.map, scene->vertices,
		       scene->count * sizeof(struct vertex));
}

static void target_destroy(struct gpu *gpu, struct target *target)
{
	attachment_destroy(gpu, &target->colour);
	attachment_destroy(gpu, &target->samples);
	attachment_destroy(gpu, &target->depth);
	buffer_destroy(gpu, &target->pixels);
	buffer_destroy(gpu, &target->vertices);
}

/* A set with the texture, for the layout of all scenes. */
struct bindings {
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkDescriptorPool pool;
	VkDescriptorSet set;
	VkSampler sampler;
	struct image texture;
};

static void bindings_create(struct gpu *gpu, struct bindings *bindings)
{
	static const uint8_t texels[16] = { 255, 0, 0, 255, 0, 255, 0, 128,
					    0, 0, 255, 64, 10, 20, 30, 0 };
	VkDescriptorSetLayoutBinding binding = {
		.descriptorType = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER,
		.descriptorCount = 1,
		.stageFlags = VK_SHADER_STAGE_FRAGMENT_BIT,
	};
	VkDescriptorSetLayoutCreateInfo set_layout = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.bindingCount = 1,
		.pBindings = &binding,
	};
	VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.setLayoutCount = 1,
		.pSetLayouts = &bindings->set_layout,
	};
	VkDescriptorPoolSize size = { binding.descriptorType, 1 };
	VkDescriptorPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.maxSets = 1,
		.poolSizeCount = 1,
		.pPoolSizes = &size,
	};
	VkDescriptorSetAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.descriptorSetCount = 1,
		.pSetLayouts = &bindings->set_layout,
	};
	VkSamplerCreateInfo sampler = { .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO };
	VkDescriptorImageInfo image = { .imageLayout = VK_IMAGE_LAYOUT_GENERAL };
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.descriptorCount = 1,
		.descriptorType = binding.descriptorType,
		.pImageInfo = &image,
	};

	check(vkCreateDescriptorSetLayout(gpu->device, &set_layout, NULL, &bindings->set_layout),
	      "set layout");
	check(vkCreatePipelineLayout(gpu->device, &layout, NULL, &bindings->layout), "layout");
	check(vkCreateDescriptorPool(gpu->device, &pool, NULL, &bindings->pool), "pool");
	allocate.descriptorPool = bindings->pool;
	check(vkAllocateDescriptorSets(gpu->device, &allocate, &bindings->set), "set");
	check(vkCreateSampler(gpu->device, &sampler, NULL, &bindings->sampler), "sampler");
	texture_create(gpu, &bindings->texture, texels);
	image.sampler = bindings->sampler;
	image.imageView = bindings->texture.view;
	write.dstSet = bindings->set;
	vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
}

static void bindings_destroy(struct gpu *gpu, struct bindings *bindings)
{
	image_destroy(gpu, &bindings->texture);
	vkDestroySampler(gpu->device, bindings->sampler, NULL);
	vkDestroyDescriptorPool(gpu->device, bindings->pool, NULL);
	vkDestroyPipelineLayout(gpu->device, bindings->layout, NULL);
	vkDestroyDescriptorSetLayout(gpu->device, bindings->set_layout, NULL);
}

static void record(struct gpu *gpu, const struct scene *scene, struct target *target,
		   const struct bindings *bindings, VkPipeline pipeline)
{
	VkBufferImageCopy copy = {
		.imageSubresource = { .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .layerCount = 1 },
		.imageExtent = { WIDTH, HEIGHT, 1 },
	};
	VkDeviceSize from = 0;
	VkImageMemoryBarrier depth = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.newLayout = VK_IMAGE_LAYOUT_GENERAL,
		.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		.image = target->depth.image.image,
		.subresourceRange = { VK_IMAGE_ASPECT_DEPTH_BIT, 0, 1, 0, 1 },
	};

	begin(gpu);
	image_layout(gpu, &target->colour.image, VK_IMAGE_LAYOUT_UNDEFINED,
		     VK_IMAGE_LAYOUT_GENERAL);
	if (target->samples.image.image)
		image_layout(gpu, &target->samples.image, VK_IMAGE_LAYOUT_UNDEFINED,
			     VK_IMAGE_LAYOUT_GENERAL);
	if (scene->depth)
		vkCmdPipelineBarrier(gpu->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
				     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1,
				     &depth);
	vkCmdBindPipeline(gpu->commands, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
	vkCmdBindDescriptorSets(gpu->commands, VK_PIPELINE_BIND_POINT_GRAPHICS, bindings->layout, 0,
				1, &bindings->set, 0, NULL);
	vkCmdBindVertexBuffers(gpu->commands, 0, 1, &target->vertices.buffer, &from);
	for (uint32_t i = 0; i < scene->passes; i++) {
		record_begin(gpu, scene, target, i != 0);
		if (scene->count)
			vkCmdDraw(gpu->commands, scene->count / scene->passes, 1,
				  i * (scene->count / scene->passes), 0);
		vkCmdEndRendering(gpu->commands);
		barrier(gpu);
	}
	vkCmdCopyImageToBuffer(gpu->commands, target->colour.image.image, VK_IMAGE_LAYOUT_GENERAL,
			       target->pixels.buffer, 1, &copy);
	barrier(gpu);
}

static bool draw_scene(struct gpu *gpu, const struct scene *scene,
		       const struct bindings *bindings, const char *directory)
{
	VkPipeline pipeline = pipeline_create(gpu, scene, bindings->layout);
	struct picture picture;
	struct target target;
	char path[1000];
	uint32_t wrong;

	target_create(gpu, scene, &target);
	record(gpu, scene, &target, bindings, pipeline);
	finish(gpu);
	picture_create(&picture, WIDTH, HEIGHT);
	memcpy(picture.pixels, target.pixels.map, WIDTH * HEIGHT * 4);
	snprintf(path, sizeof(path), "%s/vk-%s.pam", directory, scene->name);
	picture_write(&picture, path);
	wrong = picture_probe(&picture, scene->probes, scene->probe_count);
	printf("%s vk %s\n", wrong ? "not ok" : "ok", scene->name);
	fflush(stdout);
	picture_destroy(&picture);
	target_destroy(gpu, &target);
	vkDestroyPipeline(gpu->device, pipeline, NULL);
	return wrong;
}

#define TRIANGLE(red, green, blue, alpha) \
	{ { -0.9f, 0.9f, 0.1f, 1 }, { red, 0, 0, alpha } }, \
	{ { 0.9f, 0.9f, 0.9f, 1 }, { 0, green, 0, alpha } }, \
	{ { 0, -0.9f, 0.5f, 1 }, { 0, 0, blue, alpha } }
#define SQUARE(left, top, right, bottom, z, ...) \
	{ { left, top, z, 1 }, __VA_ARGS__ }, { { right, top, z, 1 }, __VA_ARGS__ }, \
	{ { left, bottom, z, 1 }, __VA_ARGS__ }, { { left, bottom, z, 1 }, __VA_ARGS__ }, \
	{ { right, top, z, 1 }, __VA_ARGS__ }, { { right, bottom, z, 1 }, __VA_ARGS__ }

static const struct vertex triangle[] = { TRIANGLE(1, 1, 1, 1) };
static const struct vertex squares[] = {
	SQUARE(-0.8f, -0.8f, 0.3f, 0.3f, 0.25f, { 1, 0, 0, 0.5f }),
	SQUARE(-0.3f, -0.3f, 0.8f, 0.8f, 0.5f, { 0, 1, 0, 0.5f }),
};
static const struct vertex textured[] = {
	{ { -0.5f, -0.5f, 0, 1 }, { 0, 0, 0, 0 } },
	{ { 0.5f, -0.5f, 0, 1 }, { 1, 0, 0, 0 } },
	{ { -0.5f, 0.5f, 0, 1 }, { 0, 1, 0, 0 } },
	{ { 0.5f, 0.5f, 0, 1 }, { 1, 1, 0, 0 } },
};
static const struct probe clear_probes[] = {
	{ 0, 0, { 51, 102, 153, 204 }, 0 },
	{ 199, 135, { 51, 102, 153, 204 }, 0 },
};
static const struct probe triangle_probes[] = {
	{ 0, 0, { 0, 0, 0, 255 }, 0 },
	{ 100, 88, { 85, 85, 85, 255 }, 3 },
};
/* The red one is nearer. */
static const struct probe depth_probes[] = {
	{ 40, 40, { 255, 0, 0, 128 }, 1 },
	{ 100, 68, { 255, 0, 0, 128 }, 1 },
	{ 160, 100, { 0, 255, 0, 128 }, 1 },
	{ 5, 5, { 0, 0, 0, 255 }, 0 },
};
static const struct probe order_probes[] = {
	{ 100, 68, { 0, 255, 0, 128 }, 1 },
	{ 40, 40, { 255, 0, 0, 128 }, 1 },
};
static const struct probe blend_probes[] = {
	{ 40, 40, { 128, 0, 0, 255 }, 1 },
	{ 100, 68, { 64, 128, 0, 255 }, 1 },
	{ 160, 100, { 0, 128, 0, 255 }, 1 },
};
static const struct probe texture_probes[] = {
	{ 75, 50, { 255, 0, 0, 255 }, 0 }, { 125, 50, { 0, 255, 0, 128 }, 0 },
	{ 75, 85, { 0, 0, 255, 64 }, 0 },  { 125, 85, { 10, 20, 30, 0 }, 0 },
};

/* A fan, and what its first vertices but for the middle give to its triangles. */
#define RING(x, y, ...) { { x, y, 0, 1 }, { __VA_ARGS__, 1 } }
static const struct vertex fan[] = {
	RING(0, 0, 1, 1, 1),		    RING(0.8f, 0, 1, 0, 0),
	RING(0.566f, 0.566f, 0, 1, 0),	    RING(0, 0.8f, 0, 0, 1),
	RING(-0.566f, 0.566f, 1, 1, 0),	    RING(-0.8f, 0, 0, 1, 1),
	RING(-0.566f, -0.566f, 1, 0, 1),    RING(0, -0.8f, 1, 0.6f, 0.2f),
};
static const struct probe fan_probes[] = {
	{ 137, 78, { 255, 0, 0, 255 }, 0 }, { 115, 93, { 0, 255, 0, 255 }, 0 },
	{ 85, 93, { 0, 0, 255, 255 }, 0 },  { 63, 58, { 0, 255, 255, 255 }, 0 },
	{ 115, 43, { 0, 0, 0, 255 }, 0 },
};

#define LIST VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST
#define PROBES(list) .probes = list, .probe_count = COUNT(list)
#define VERTICES(list) .vertices = list, .count = COUNT(list), .topology = LIST
static const struct scene scenes[] = {
	{ "clear", { 0.2f, 0.4f, 0.6f, 0.8f }, .topology = LIST, .samples = 1, .passes = 1,
	  PROBES(clear_probes) },
	{ "triangle", { 0, 0, 0, 1 }, VERTICES(triangle), .samples = 1, .passes = 1,
	  PROBES(triangle_probes) },
	{ "order", { 0, 0, 0, 1 }, VERTICES(squares), .samples = 1, .passes = 1,
	  PROBES(order_probes) },
	{ "depth", { 0, 0, 0, 1 }, VERTICES(squares), .depth = true, .samples = 1, .passes = 1,
	  PROBES(depth_probes) },
	{ "blend", { 0, 0, 0, 1 }, VERTICES(squares), .blend = true, .samples = 1, .passes = 1,
	  PROBES(blend_probes) },
	{ "load", { 0, 0, 0, 1 }, VERTICES(squares), .depth = true, .samples = 1, .passes = 2,
	  PROBES(depth_probes) },
	{ "texture", { 0, 0, 0, 1 }, .vertices = textured, .count = COUNT(textured),
	  .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_STRIP, .texture = true, .samples = 1,
	  .passes = 1, PROBES(texture_probes) },
	{ "fan", { 0, 0, 0, 1 }, .vertices = fan, .count = COUNT(fan),
	  .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_FAN, .flat = true, .samples = 1, .passes = 1,
	  PROBES(fan_probes) },
	{ "samples", { 0, 0, 0, 1 }, VERTICES(triangle), .samples = 4, .passes = 1,
	  PROBES(triangle_probes) },
};

static bool is_wanted(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return count <= 0;
}

int main(int argc, char **argv)
{
	struct bindings bindings;
	uint32_t drawn = 0, bad = 0;
	struct gpu gpu;

	if (argc < 3) {
		fputs("usage: vk-pictures DEVICE DIRECTORY [SCENE…]\n", stderr);
		return 2;
	}
	gpu_open(&gpu, argv[1]);
	printf("# %s\n", gpu.properties.deviceName);
	bindings_create(&gpu, &bindings);
	for (uint32_t i = 0; i < COUNT(scenes); i++) {
		if (!is_wanted(scenes[i].name, argv + 3, argc - 3))
			continue;
		bad += draw_scene(&gpu, &scenes[i], &bindings, argv[2]);
		drawn++;
	}
	if (!drawn)
		fail("no such scene");
	bindings_destroy(&gpu, &bindings);
	gpu_close(&gpu);
	return bad != 0;
}
