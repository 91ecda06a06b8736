// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Samples of images of random shapes and formats, with random samplers, beside what they have to be
 * by the specification's equations.
 *
 * usage: vk-samplers DEVICE SEED FIRST COUNT
 *
 * DEVICE is a part of the device's name. SEED and a case's number give all that is in it. Prints
 * TAP: a line for each way to sample.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samplers.h"

#include "sample.comp.h"

#define STAGE_SIZE (4u << 20)

static const char *const mode_names[MODES] = {
	"1D",
	"2D",
	"3D",
	"1D array",
	"2D array",
	"2D, compared",
	"gather of red",
	"gather of green",
	"gather of blue",
	"gather of alpha",
	"2D with an offset",
	"gather, compared",
};

struct push {
	uint32_t mode;
	float lod, compare;
};

/* What all cases use. */
struct bench {
	struct gpu gpu;
	struct buffer stage, from, to;
	struct image dummies[6];
	VkSampler plain;
	struct program program;
	uint64_t random;
};

struct test {
	uint32_t number;
	enum mode mode;
	struct picture picture;
	VkSamplerCreateInfo sampler;
	VkSamplerCustomBorderColorCreateInfoEXT border;
	struct push push;
	float at[SAMPLES][4];
};

static uint32_t below(struct bench *bench, uint32_t below)
{
	uint64_t x = bench->random += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return (x ^ x >> 31) % below;
}

static float between(struct bench *bench, float low, float high)
{
	return low + (high - low) * (below(bench, 1 << 20) / (float)(1 << 20));
}

/* A limit of levels, in sixty-fourths: the GPU's descriptors of samplers have no finer ones. */
static float limit_below(struct bench *bench, uint32_t levels)
{
	return below(bench, 64 * levels) / 64.f;
}

/* Finite values, and small ones. */
static void random_texel(struct bench *bench, const struct format *format, uint8_t *texel)
{
	for (uint32_t i = 0; i < format->bytes; i++)
		texel[i] = below(bench, 256);
	switch (format->format) {
	case VK_FORMAT_R16_SFLOAT:
	case VK_FORMAT_R16G16B16A16_SFLOAT:
		for (uint32_t i = 1; i < format->bytes; i += 2)
			texel[i] &= 0xbf;
		break;
	case VK_FORMAT_B10G11R11_UFLOAT_PACK32:
		texel[1] &= ~(1 << 2);
		texel[2] &= ~(1 << 5);
		texel[3] &= 0x7f;
		break;
	case VK_FORMAT_E5B9G9R9_UFLOAT_PACK32:
		texel[3] &= 0x7f;
		break;
	case VK_FORMAT_R32_SFLOAT:
	case VK_FORMAT_R32G32B32A32_SFLOAT:
	case VK_FORMAT_D32_SFLOAT:
		for (uint32_t i = 0; i < format->bytes; i += 4) {
			float value = between(bench, format->depth ? 0 : -2, format->depth ? 1 : 2);

			memcpy(texel + i, &value, 4);
		}
		break;
	default:
		break;
	}
}

static VkImageViewType view_type(enum mode mode)
{
	switch (mode) {
	case ONE:
		return VK_IMAGE_VIEW_TYPE_1D;
	case THREE:
		return VK_IMAGE_VIEW_TYPE_3D;
	case LINES:
		return VK_IMAGE_VIEW_TYPE_1D_ARRAY;
	case PLANES:
		return VK_IMAGE_VIEW_TYPE_2D_ARRAY;
	default:
		return VK_IMAGE_VIEW_TYPE_2D;
	}
}

/* The binding of sample.comp that a mode reads. */
static uint32_t binding_of(enum mode mode)
{
	if (mode == GATHER_SHADOW)
		return SHADOW;
	return mode <= SHADOW ? mode : TWO;
}

static void choose_picture(struct bench *bench, struct test *test)
{
	struct picture *picture = &test->picture;
	bool shadow = test->mode == SHADOW || test->mode == GATHER_SHADOW;
	uint32_t largest = 1;

	do
		picture->format = &formats[below(bench, format_count)];
	while (picture->format->depth != shadow);
	picture->width = 1 + below(bench, 40);
	picture->height = 1 + below(bench, 40);
	picture->depth = picture->layers = picture->levels = 1;
	picture->type = VK_IMAGE_TYPE_2D;
	if (test->mode == ONE || test->mode == LINES) {
		picture->type = VK_IMAGE_TYPE_1D;
		picture->height = 1;
	} else if (test->mode == THREE) {
		picture->type = VK_IMAGE_TYPE_3D;
		picture->depth = 1 + below(bench, 12);
		picture->width = 1 + picture->width / 2;
		picture->height = 1 + picture->height / 2;
	}
	if (picture->type != VK_IMAGE_TYPE_3D && !below(bench, 2))
		picture->layers = 1 + below(bench, 5);
	while (largest < MAX_LEVELS &&
	       (picture->width | picture->height | picture->depth) >> largest)
		largest++;
	if (below(bench, 3))
		picture->levels = 1 + below(bench, largest);
	picture->first_level = below(bench, 3) ? 0 : below(bench, picture->levels);
	picture->view_levels = 1 + below(bench, picture->levels - picture->first_level);
	picture->first_layer = below(bench, picture->layers);
	picture->view_layers = test->mode == LINES || test->mode == PLANES ?
				       1 + below(bench, picture->layers - picture->first_layer) :
				       1;
	if (!shadow && !below(bench, 3))
		picture->swizzle = (VkComponentMapping) { below(bench, 7), below(bench, 7),
							  below(bench, 7), below(bench, 7) };
}

static void choose_sampler(struct bench *bench, struct test *test, bool linear)
{
	static const VkSamplerAddressMode modes[] = {
		VK_SAMPLER_ADDRESS_MODE_REPEAT,
		VK_SAMPLER_ADDRESS_MODE_MIRRORED_REPEAT,
		VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE,
		VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER,
		VK_SAMPLER_ADDRESS_MODE_MIRROR_CLAMP_TO_EDGE,
	};
	static const VkBorderColor colours[] = {
		VK_BORDER_COLOR_FLOAT_TRANSPARENT_BLACK,
		VK_BORDER_COLOR_FLOAT_OPAQUE_BLACK,
		VK_BORDER_COLOR_FLOAT_OPAQUE_WHITE,
		VK_BORDER_COLOR_FLOAT_CUSTOM_EXT,
	};
	/* What is compared has no colour of its own. */
	bool custom = bench->gpu.custom_borders && !test->picture.format->depth;
	VkSamplerCreateInfo *sampler = &test->sampler;
	VkSamplerAddressMode mode[3];
	bool border = false;

	for (int i = 0; i < 3; i++) {
		mode[i] = modes[below(bench, COUNT(modes))];
		border |= mode[i] == VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER;
	}
	*sampler = (VkSamplerCreateInfo) {
		.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
		.magFilter = linear ? below(bench, 2) : VK_FILTER_NEAREST,
		.minFilter = linear ? below(bench, 2) : VK_FILTER_NEAREST,
		.mipmapMode = linear ? below(bench, 2) : VK_SAMPLER_MIPMAP_MODE_NEAREST,
		.addressModeU = mode[0],
		.addressModeV = mode[1],
		.addressModeW = mode[2],
		.mipLodBias = below(bench, 3) ? 0 : between(bench, -2, 2),
		.compareEnable = test->picture.format->depth,
		.compareOp = below(bench, 8),
		.minLod = below(bench, 3) ? 0 : limit_below(bench, 3),
		.maxLod = VK_LOD_CLAMP_NONE,
		.borderColor = colours[below(bench, COUNT(colours) - !custom)],
	};
	if (sampler->borderColor == VK_BORDER_COLOR_FLOAT_CUSTOM_EXT) {
		test->border = (VkSamplerCustomBorderColorCreateInfoEXT) {
			.sType = VK_STRUCTURE_TYPE_SAMPLER_CUSTOM_BORDER_COLOR_CREATE_INFO_EXT,
			.format = test->picture.format->format,
		};
		for (int i = 0; i < 4; i++)
			test->border.customBorderColor.float32[i] = between(bench, 0, 1);
		sampler->pNext = &test->border;
	}
	if (!below(bench, 3))
		sampler->maxLod = sampler->minLod + limit_below(bench, 3);
	/* The GPU's own opaque black is red here; Mesa replaces it where custom ones may be. */
	if (test->picture.format->format == VK_FORMAT_R4G4B4A4_UNORM_PACK16 &&
	    sampler->borderColor == VK_BORDER_COLOR_FLOAT_OPAQUE_BLACK && !custom)
		sampler->borderColor = VK_BORDER_COLOR_FLOAT_TRANSPARENT_BLACK;
	/* Mesa's opaque black is white in comparisons where custom ones may be. */
	if (test->picture.format->depth && bench->gpu.custom_borders &&
	    sampler->borderColor == VK_BORDER_COLOR_FLOAT_OPAQUE_BLACK)
		sampler->borderColor = VK_BORDER_COLOR_FLOAT_TRANSPARENT_BLACK;
	/* What has a border has no swizzle: that is the implementation's choice. */
	if (border)
		memset(&test->picture.swizzle, 0, sizeof(test->picture.swizzle));
	if (test->mode != TWO || test->picture.levels != 1 || below(bench, 2))
		return;
	sampler->unnormalizedCoordinates = VK_TRUE;
	sampler->minFilter = sampler->magFilter;
	sampler->mipmapMode = VK_SAMPLER_MIPMAP_MODE_NEAREST;
	sampler->minLod = sampler->maxLod = sampler->mipLodBias = 0;
	sampler->addressModeU = modes[2 + below(bench, 2)];
	sampler->addressModeV = modes[2 + below(bench, 2)];
	memset(&test->picture.swizzle, 0, sizeof(test->picture.swizzle));
}

static void choose_places(struct bench *bench, struct test *test)
{
	const struct picture *picture = &test->picture;
	bool texels = test->sampler.unnormalizedCoordinates;

	test->push = (struct push) { test->mode, texels ? 0 : between(bench, -1.5f, 5),
				     between(bench, -0.1f, 1.1f) };
	for (int i = 0; i < SAMPLES; i++) {
		for (int j = 0; j < 4; j++)
			test->at[i][j] = between(bench, -1.2f, 2.2f);
		if (texels) {
			test->at[i][0] = between(bench, -3, picture->width + 3);
			test->at[i][1] = between(bench, -3, picture->height + 3);
		}
		if (test->mode == LINES)
			test->at[i][1] = between(bench, -1, picture->view_layers + 1);
		if (test->mode == PLANES)
			test->at[i][2] = between(bench, -1, picture->view_layers + 1);
	}
}

static VkImageCreateInfo image_info(const struct picture *picture)
{
	return (VkImageCreateInfo) {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.imageType = picture->type,
		.format = picture->format->format,
		.extent = { picture->width, picture->height, picture->depth },
		.mipLevels = picture->levels,
		.arrayLayers = picture->layers,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
	};
}

/* The image in the layout for all uses, with the contents of @picture, which are chosen now. */
static void upload(struct bench *bench, struct picture *picture, const struct image *image)
{
	VkImageAspectFlags aspect = picture->format->depth ? VK_IMAGE_ASPECT_DEPTH_BIT :
							     VK_IMAGE_ASPECT_COLOR_BIT;
	VkImageMemoryBarrier change = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		.newLayout = VK_IMAGE_LAYOUT_GENERAL,
		.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.image = image->image,
		.subresourceRange = { aspect, 0, VK_REMAINING_MIP_LEVELS, 0,
				      VK_REMAINING_ARRAY_LAYERS },
	};
	VkDeviceSize at = 0;

	vkCmdPipelineBarrier(bench->gpu.commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
			     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &change);
	for (uint32_t level = 0; level < picture->levels; level++) {
		VkBufferImageCopy copy = {
			.bufferOffset = at,
			.imageSubresource = { aspect, level, 0, picture->layers },
		};
		uint32_t size[3], count;

		level_size(picture, level, size);
		count = size[0] * size[1] * size[2];
		copy.imageExtent = (VkExtent3D) { size[0], size[1],
						  picture->type == VK_IMAGE_TYPE_3D ? size[2] : 1 };
		picture->bytes[level] = (uint8_t *)bench->stage.map + at;
		for (uint32_t i = 0; i < count; i++)
			random_texel(bench, picture->format,
				     picture->bytes[level] + i * picture->format->bytes);
		at = (at + count * picture->format->bytes + 15) / 16 * 16;
		if (at > STAGE_SIZE)
			fail("an image is too large");
		vkCmdCopyBufferToImage(bench->gpu.commands, bench->stage.buffer, image->image,
				       VK_IMAGE_LAYOUT_GENERAL, 1, &copy);
	}
	barrier(&bench->gpu);
}

static VkImageView make_view(struct bench *bench, const struct test *test,
			     const struct image *image)
{
	const struct picture *picture = &test->picture;
	VkImageViewCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.image = image->image,
		.viewType = view_type(test->mode),
		.format = picture->format->format,
		.components = picture->swizzle,
		.subresourceRange = { picture->format->depth ? VK_IMAGE_ASPECT_DEPTH_BIT :
							       VK_IMAGE_ASPECT_COLOR_BIT,
				      picture->first_level, picture->view_levels,
				      picture->first_layer, picture->view_layers },
	};
	VkImageView view;

	check(vkCreateImageView(bench->gpu.device, &info, NULL, &view), "view");
	return view;
}

static void bind(struct bench *bench, uint32_t binding, VkImageView view, VkSampler sampler)
{
	VkDescriptorImageInfo image = { sampler, view, VK_IMAGE_LAYOUT_GENERAL };
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.dstSet = bench->program.set,
		.dstBinding = binding,
		.descriptorCount = 1,
		.descriptorType = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER,
		.pImageInfo = &image,
	};

	vkUpdateDescriptorSets(bench->gpu.device, 1, &write, 0, NULL);
}

/* How far a sample may be off: filters have weights of eight bits, and ranges differ. */
static double tolerance(const struct format *format)
{
	switch (format->format) {
	case VK_FORMAT_R16_SFLOAT:
	case VK_FORMAT_R16G16B16A16_SFLOAT:
	case VK_FORMAT_R32_SFLOAT:
	case VK_FORMAT_R32G32B32A32_SFLOAT:
		return 0.04;
	case VK_FORMAT_R8G8B8A8_SNORM:
	case VK_FORMAT_R16G16B16A16_SNORM:
	case VK_FORMAT_B10G11R11_UFLOAT_PACK32:
		return 0.02;
	default:
		return 0.01;
	}
}

static void print_wrong(const struct test *test, int i, const float *got, const struct texel *texel)
{
	const struct picture *picture = &test->picture;
	const VkSamplerCreateInfo *sampler = &test->sampler;

	printf("# case %u, %s, %s %u x %u x %u, %u levels, %u layers, view of levels %u+%u layers %u+%u, "
	       "swizzle %d %d %d %d; filters %d %d %d, addresses %d %d %d%s, bias %g, levels %g to %g, "
	       "border %d, operation %d: at %g %g %g level %g reference %g: %g %g %g %g, not %g %g %g %g\n",
	       test->number, mode_names[test->mode], picture->format->name, picture->width,
	       picture->height, picture->depth, picture->levels, picture->layers,
	       picture->first_level, picture->view_levels, picture->first_layer,
	       picture->view_layers, picture->swizzle.r, picture->swizzle.g, picture->swizzle.b,
	       picture->swizzle.a, sampler->magFilter, sampler->minFilter, sampler->mipmapMode,
	       sampler->addressModeU, sampler->addressModeV, sampler->addressModeW,
	       sampler->unnormalizedCoordinates ? " in texels" : "", sampler->mipLodBias,
	       sampler->minLod, sampler->maxLod, sampler->borderColor, sampler->compareOp,
	       test->at[i][0], test->at[i][1], test->at[i][2], test->push.lod, test->push.compare,
	       got[0], got[1], got[2], got[3], texel->channels[0], texel->channels[1],
	       texel->channels[2], texel->channels[3]);
}

/* Adds to the numbers of samples that are judged, and that are wrong. */
static void judge(const struct bench *bench, const struct test *test, uint32_t *judged,
		  uint32_t *wrong)
{
	double within = tolerance(test->picture.format);
	/* Of a depth that is compared there is one result. */
	int count = test->mode == SHADOW ? 1 : 4, bad = 0;

	for (int i = 0; i < SAMPLES; i++) {
		const float *got = (const float *)bench->to.map + 4 * i;
		struct texel texel;
		bool right = true;

		if (!sample(&test->picture, &test->sampler, test->mode, test->at[i],
			    test->push.lod, test->push.compare, &texel))
			continue;
		++*judged;
		for (int j = 0; j < count; j++)
			right &= fabs(got[j] - texel.channels[j]) <= within;
		if (right)
			continue;
		++*wrong;
		if (!bad++)
			print_wrong(test, i, got, &texel);
	}
}

static void run(struct bench *bench, uint64_t seed, uint32_t number, uint32_t judged[MODES],
		uint32_t wrong[MODES])
{
	struct test test = { .number = number };
	VkFormatProperties properties;
	VkImageCreateInfo info;
	struct image image = { 0 };
	VkSampler sampler;
	VkImageView view;

	bench->random = seed << 32 | number;
	test.mode = below(bench, MODES);
	choose_picture(bench, &test);
	vkGetPhysicalDeviceFormatProperties(bench->gpu.physical, test.picture.format->format,
					    &properties);
	if (!(properties.optimalTilingFeatures & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT))
		return;
	choose_sampler(bench, &test, properties.optimalTilingFeatures &
					     VK_FORMAT_FEATURE_SAMPLED_IMAGE_FILTER_LINEAR_BIT);
	choose_places(bench, &test);
	info = image_info(&test.picture);
	image_allocate(&bench->gpu, &image, &info);
	view = make_view(bench, &test, &image);
	check(vkCreateSampler(bench->gpu.device, &test.sampler, NULL, &sampler), "sampler");
	bind(bench, binding_of(test.mode), view, sampler);
	memcpy(bench->from.map, test.at, sizeof(test.at));
	begin(&bench->gpu);
	upload(bench, &test.picture, &image);
	dispatch(&bench->gpu, &bench->program, &test.push, sizeof(test.push), 1, 1, 1);
	finish(&bench->gpu);
	judge(bench, &test, &judged[test.mode], &wrong[test.mode]);
	bind(bench, binding_of(test.mode), bench->dummies[binding_of(test.mode)].view,
	     bench->plain);
	vkDestroySampler(bench->gpu.device, sampler, NULL);
	vkDestroyImageView(bench->gpu.device, view, NULL);
	image_destroy(&bench->gpu, &image);
}

static void bench_create(struct bench *bench, const char *device)
{
	VkSamplerCreateInfo plain = { .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO };
	struct binding bindings[8] = { 0 };

	gpu_open(&bench->gpu, device);
	printf("# %s\n", bench->gpu.properties.deviceName);
	buffer_create(&bench->gpu, &bench->stage, STAGE_SIZE);
	buffer_create(&bench->gpu, &bench->from, SAMPLES * 16);
	buffer_create(&bench->gpu, &bench->to, SAMPLES * 16);
	check(vkCreateSampler(bench->gpu.device, &plain, NULL, &bench->plain), "sampler");
	/* The shader names all bindings, and reads one. */
	for (uint32_t i = 0; i < COUNT(bench->dummies); i++) {
		struct picture picture = {
			.format = &formats[0],
			.type = i == ONE || i == LINES ? VK_IMAGE_TYPE_1D :
				i == THREE	       ? VK_IMAGE_TYPE_3D :
							 VK_IMAGE_TYPE_2D,
			.width = 1,
			.height = 1,
			.depth = 1,
			.levels = 1,
			.layers = 1,
		};
		VkImageCreateInfo info = image_info(&picture);

		image_create(&bench->gpu, &bench->dummies[i], &info, view_type(i));
		bindings[i] = (struct binding) { VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, NULL,
						 &bench->dummies[i], bench->plain };
	}
	bindings[6] = (struct binding) { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, &bench->from, NULL,
					 VK_NULL_HANDLE };
	bindings[7] = (struct binding) { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, &bench->to, NULL,
					 VK_NULL_HANDLE };
	program_create(&bench->gpu, &bench->program, sample_comp, sizeof(sample_comp), bindings, 8,
		       sizeof(struct push));
}

static void bench_destroy(struct bench *bench)
{
	program_destroy(&bench->gpu, &bench->program);
	for (uint32_t i = 0; i < COUNT(bench->dummies); i++)
		image_destroy(&bench->gpu, &bench->dummies[i]);
	vkDestroySampler(bench->gpu.device, bench->plain, NULL);
	buffer_destroy(&bench->gpu, &bench->stage);
	buffer_destroy(&bench->gpu, &bench->from);
	buffer_destroy(&bench->gpu, &bench->to);
	gpu_close(&bench->gpu);
}

int main(int argc, char **argv)
{
	uint32_t judged[MODES] = { 0 }, wrong[MODES] = { 0 }, bad = 0, first, count;
	struct bench bench = { 0 };

	if (argc != 5) {
		fputs("usage: vk-samplers DEVICE SEED FIRST COUNT\n", stderr);
		return 2;
	}
	first = strtoul(argv[3], NULL, 0);
	count = strtoul(argv[4], NULL, 0);
	bench_create(&bench, argv[1]);
	for (uint32_t i = 0; i < count; i++)
		run(&bench, strtoul(argv[2], NULL, 0), first + i, judged, wrong);
	for (int i = 0; i < MODES; i++) {
		/* Of many cases some are of each kind. */
		bool good = !wrong[i] && (judged[i] || count < 200);

		printf("%sok samplers: %s: %u of %u samples are wrong\n", good ? "" : "not ",
		       mode_names[i], wrong[i], judged[i]);
		bad |= !good;
	}
	bench_destroy(&bench);
	return bad;
}
