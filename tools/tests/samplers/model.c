// SPDX-License-Identifier: MIT OR Apache-2.0
/* What a sample is, by the specification's equations, in doubles. */
#include <math.h>
#include <string.h>

#include "samplers.h"

/* In texels, and in levels: nearer to where something else is taken is left out. */
#define MARGIN 0.03

void level_size(const struct picture *picture, uint32_t level, uint32_t size[3])
{
	size[0] = picture->width >> level ? picture->width >> level : 1;
	size[1] = picture->height >> level ? picture->height >> level : 1;
	size[2] = picture->layers;
	if (picture->type == VK_IMAGE_TYPE_3D)
		size[2] = picture->depth >> level ? picture->depth >> level : 1;
}

/* The place that an address outside of the image has, or -1: the border. */
static int32_t wrap(int32_t i, int32_t size, VkSamplerAddressMode mode)
{
	int32_t at;

	switch (mode) {
	case VK_SAMPLER_ADDRESS_MODE_REPEAT:
		return (i % size + size) % size;
	case VK_SAMPLER_ADDRESS_MODE_MIRRORED_REPEAT:
		at = (i % (2 * size) + 2 * size) % (2 * size);
		return at < size ? at : 2 * size - 1 - at;
	case VK_SAMPLER_ADDRESS_MODE_MIRROR_CLAMP_TO_EDGE:
		at = i < 0 ? -1 - i : i;
		return at < size ? at : size - 1;
	case VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER:
		return i >= 0 && i < size ? i : -1;
	default:
		return i < 0 ? 0 : i < size ? i : size - 1;
	}
}

struct access {
	const struct picture *picture;
	const VkSamplerCreateInfo *sampler;
	float compare;
	bool compares;
};

static double compare(const struct access *access, double texel)
{
	double reference = access->compare;
	bool result;

	if (access->picture->format->bytes == 2)
		reference = fmin(fmax(reference, 0), 1);
	switch (access->sampler->compareOp) {
	case VK_COMPARE_OP_NEVER:
		return 0;
	case VK_COMPARE_OP_LESS:
		result = reference < texel;
		break;
	case VK_COMPARE_OP_EQUAL:
		result = reference == texel;
		break;
	case VK_COMPARE_OP_LESS_OR_EQUAL:
		result = reference <= texel;
		break;
	case VK_COMPARE_OP_GREATER:
		result = reference > texel;
		break;
	case VK_COMPARE_OP_NOT_EQUAL:
		result = reference != texel;
		break;
	case VK_COMPARE_OP_GREATER_OR_EQUAL:
		result = reference >= texel;
		break;
	default:
		return 1;
	}
	return result;
}

static double component(VkComponentSwizzle swizzle, const struct texel *texel, int own)
{
	switch (swizzle) {
	case VK_COMPONENT_SWIZZLE_ZERO:
		return 0;
	case VK_COMPONENT_SWIZZLE_ONE:
		return 1;
	case VK_COMPONENT_SWIZZLE_IDENTITY:
		return texel->channels[own];
	default:
		return texel->channels[swizzle - VK_COMPONENT_SWIZZLE_R];
	}
}

static double border(const VkSamplerCreateInfo *sampler, uint32_t channel)
{
	const VkSamplerCustomBorderColorCreateInfoEXT *custom = sampler->pNext;

	switch (sampler->borderColor) {
	case VK_BORDER_COLOR_FLOAT_OPAQUE_WHITE:
		return 1;
	case VK_BORDER_COLOR_FLOAT_OPAQUE_BLACK:
		return channel == 3;
	case VK_BORDER_COLOR_FLOAT_CUSTOM_EXT:
		return custom->customBorderColor.float32[channel];
	default:
		return 0;
	}
}

/* A texel of the view, or the border. */
static struct texel fetch(const struct access *access, uint32_t level, const int32_t at[3])
{
	const struct picture *picture = access->picture;
	struct texel texel = { { 0, 0, 0, 1 } }, result;
	uint32_t size[3];

	if (at[0] < 0 || at[1] < 0 || at[2] < 0) {
		for (uint32_t i = 0; i < picture->format->channels; i++)
			texel.channels[i] = border(access->sampler, i);
	} else {
		size_t block;

		level_size(picture, level, size);
		block = ((size_t)at[2] * size[1] + at[1]) * size[0] + at[0];
		picture->format->decode(picture->bytes[level] + block * picture->format->bytes,
					&texel);
	}
	if (access->compares) {
		double passed = compare(access, texel.channels[0]);

		return (struct texel) { { passed, passed, passed, passed } };
	}
	result.channels[0] = component(picture->swizzle.r, &texel, 0);
	result.channels[1] = component(picture->swizzle.g, &texel, 1);
	result.channels[2] = component(picture->swizzle.b, &texel, 2);
	result.channels[3] = component(picture->swizzle.a, &texel, 3);
	return result;
}

struct address {
	/* Coordinates that are filtered, and the layer. */
	int dimensions;
	double at[3];
	int32_t offset[3], layer;
};

static void places(const struct access *access, const struct address *address, uint32_t level,
		   double u[3], uint32_t size[3])
{
	level_size(access->picture, level, size);
	for (int i = 0; i < address->dimensions; i++)
		u[i] = (access->sampler->unnormalizedCoordinates ? address->at[i] :
								   address->at[i] * size[i]) +
		       address->offset[i];
}

static VkSamplerAddressMode mode_of(const VkSamplerCreateInfo *sampler, int i)
{
	return i == 0 ? sampler->addressModeU :
	       i == 1 ? sampler->addressModeV :
			sampler->addressModeW;
}

/* The texel whose corner is @corner's bits away from @low. */
static struct texel corner_texel(const struct access *access, const struct address *address,
				 uint32_t level, const int32_t low[3], const uint32_t size[3],
				 uint32_t corner)
{
	int32_t at[3] = { 0, 0, 0 };

	for (int i = 0; i < address->dimensions; i++)
		at[i] = wrap(low[i] + (corner >> i & 1), size[i], mode_of(access->sampler, i));
	if (access->picture->type != VK_IMAGE_TYPE_3D)
		at[2] = access->picture->first_layer + address->layer;
	return fetch(access, level, at);
}

static bool in_level(const struct access *access, const struct address *address, uint32_t level,
		     VkFilter filter, struct texel *result)
{
	double u[3] = { 0 }, part[3];
	int32_t low[3] = { 0 };
	uint32_t size[3];

	places(access, address, level, u, size);
	memset(result, 0, sizeof(*result));
	if (filter == VK_FILTER_NEAREST) {
		for (int i = 0; i < address->dimensions; i++) {
			low[i] = floor(u[i]);
			if (fabs(u[i] - round(u[i])) < MARGIN)
				return false;
		}
		*result = corner_texel(access, address, level, low, size, 0);
		return true;
	}
	for (int i = 0; i < address->dimensions; i++) {
		low[i] = floor(u[i] - 0.5);
		part[i] = u[i] - 0.5 - low[i];
	}
	for (uint32_t corner = 0; corner < 1u << address->dimensions; corner++) {
		struct texel texel = corner_texel(access, address, level, low, size, corner);
		double weight = 1;

		for (int i = 0; i < address->dimensions; i++)
			weight *= corner >> i & 1 ? part[i] : 1 - part[i];
		for (int i = 0; i < 4; i++)
			result->channels[i] += weight * texel.channels[i];
	}
	return true;
}

static bool gather(const struct access *access, const struct address *address, int channel,
		   struct texel *result)
{
	/* Of the corners: (0, 1), (1, 1), (1, 0), (0, 0). */
	static const uint32_t order[] = { 2, 3, 1, 0 };
	uint32_t level = access->picture->first_level, size[3];
	int32_t low[3] = { 0 };
	double u[3] = { 0 };

	places(access, address, level, u, size);
	for (int i = 0; i < address->dimensions; i++) {
		low[i] = floor(u[i] - 0.5);
		if (fabs(u[i] - 0.5 - round(u[i] - 0.5)) < MARGIN)
			return false;
	}
	for (int i = 0; i < 4; i++)
		result->channels[i] = corner_texel(access, address, level, low, size, order[i])
					      .channels[channel];
	return true;
}

static bool make_address(const struct picture *picture, enum mode mode, const float at[4],
			 struct address *address)
{
	int layer = -1;

	*address = (struct address) { .dimensions = 2, .at = { at[0], at[1], at[2] } };
	if (mode == ONE || mode == LINES)
		address->dimensions = 1;
	if (mode == THREE)
		address->dimensions = 3;
	if (mode == LINES || mode == PLANES)
		layer = mode == LINES ? 1 : 2;
	if (mode == OFFSET) {
		address->offset[0] = OFFSET_X;
		address->offset[1] = OFFSET_Y;
	}
	if (layer >= 0) {
		double rounded = rint(at[layer]);

		if (fabs(fabs(at[layer] - floor(at[layer])) - 0.5) < MARGIN)
			return false;
		rounded = fmin(fmax(rounded, 0), picture->view_layers - 1);
		address->layer = rounded;
	}
	return true;
}

bool sample(const struct picture *picture, const VkSamplerCreateInfo *sampler, enum mode mode,
	    const float at[4], float lod, float compare, struct texel *result)
{
	struct access access = { picture, sampler, compare,
				 mode == SHADOW || mode == GATHER_SHADOW };
	double level = fmin(fmax((double)lod + sampler->mipLodBias, sampler->minLod),
			    sampler->maxLod);
	uint32_t last = picture->view_levels - 1, low;
	struct address address;
	struct texel other;
	VkFilter filter;

	if (!make_address(picture, mode, at, &address))
		return false;
	if (mode >= GATHER_FIRST && mode <= GATHER_LAST)
		return gather(&access, &address, mode - GATHER_FIRST, result);
	if (mode == GATHER_SHADOW)
		return gather(&access, &address, 0, result);
	if (sampler->unnormalizedCoordinates)
		level = 0;
	if (fabs(level) < MARGIN && sampler->minFilter != sampler->magFilter)
		return false;
	filter = level <= 0 ? sampler->magFilter : sampler->minFilter;
	level = fmin(fmax(level, 0), last);
	if (sampler->mipmapMode == VK_SAMPLER_MIPMAP_MODE_NEAREST) {
		if (fabs(level - floor(level) - 0.5) < MARGIN)
			return false;
		return in_level(&access, &address, picture->first_level + (uint32_t)rint(level),
				filter, result);
	}
	low = floor(level);
	if (!in_level(&access, &address, picture->first_level + low, filter, result))
		return false;
	if (low == last)
		return true;
	if (!in_level(&access, &address, picture->first_level + low + 1, filter, &other))
		return false;
	for (int i = 0; i < 4; i++)
		result->channels[i] += (level - low) * (other.channels[i] - result->channels[i]);
	return true;
}
