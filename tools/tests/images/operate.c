// SPDX-License-Identifier: MIT OR Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "images.h"

const char *const operation_names[OPERATIONS] = { "upload", "copy", "clear", "blit", "render" };

/* A half float, or a float, of each value that clears use. */
static const float clear_values[] = { 0, 1, -2, 0.5f, 1024 };
static const uint16_t clear_halves[] = { 0, 0x3c00, 0xc000, 0x3800, 0x6400 };

__attribute__((format(printf, 2, 3))) static void note(struct round *round, const char *format, ...)
{
	size_t length = strlen(round->log);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(round->log + length, sizeof(round->log) - length, format, arguments);
	va_end(arguments);
}

static void note_box(struct round *round, const struct picture *picture, const struct box *box)
{
	note(round, " %u level %u at %u,%u,%u size %u,%u,%u", (uint32_t)(picture - round->pictures),
	     box->level, box->x, box->y, box->z, box->width, box->height, box->depth);
}

static VkDeviceSize take(struct stage *stage, VkDeviceSize size)
{
	VkDeviceSize at = (stage->used + MAX_BLOCK - 1) / MAX_BLOCK * MAX_BLOCK;

	if (at + size > stage->buffer.size)
		fail("a round needs more memory than there is for it");
	stage->used = at + size;
	return at;
}

static struct picture *some(struct round *round)
{
	return &round->pictures[below(&round->random, round->count)];
}

static void part(struct random *random, uint32_t size, uint32_t *at, uint32_t *length)
{
	*at = 0;
	*length = size;
	if (one_in(random, 3))
		return;
	*at = below(random, size);
	*length = 1 + below(random, size - *at);
}

/* In blocks. */
static struct box some_box(struct random *random, const struct picture *picture)
{
	struct box box = { .level = below(random, picture->image.levels) };
	VkExtent3D size = level_blocks(picture, box.level);

	part(random, size.width, &box.x, &box.width);
	part(random, size.height, &box.y, &box.height);
	part(random, size.depth, &box.z, &box.depth);
	return box;
}

static bool is_solid(const struct picture *picture)
{
	return picture->type == VK_IMAGE_TYPE_3D;
}

static VkImageSubresourceLayers layers(const struct picture *picture, const struct box *box)
{
	return (VkImageSubresourceLayers) {
		.aspectMask = aspect(picture->format),
		.mipLevel = box->level,
		.baseArrayLayer = is_solid(picture) ? 0 : box->z,
		.layerCount = is_solid(picture) ? 1 : box->depth,
	};
}

static VkOffset3D offset(const struct picture *picture, const struct box *box)
{
	return (VkOffset3D) { box->x * picture->format->width, box->y * picture->format->height,
			      is_solid(picture) ? box->z : 0 };
}

static uint32_t cut(uint32_t at, uint32_t blocks, uint32_t block, uint32_t size)
{
	uint32_t end = (at + blocks) * block;

	return (end < size ? end : size) - at * block;
}

static VkExtent3D texels(const struct picture *picture, const struct box *box, uint32_t depth)
{
	VkExtent3D size = level_texels(picture, box->level);

	return (VkExtent3D) { cut(box->x, box->width, picture->format->width, size.width),
			      cut(box->y, box->height, picture->format->height, size.height),
			      depth };
}

/*
 * What a copy may bring into an image: a depth is from zero to one, and a float is a number. One
 * that is none may be another one after a render pass has loaded and stored it.
 */
static void random_block(struct random *random, const struct format *format, uint8_t *block)
{
	float depth = below(random, 1 << 24) / 16777216.0f;

	for (uint32_t i = 0; i < format->bytes; i++)
		block[i] = below(random, 256);
	for (uint32_t i = 1; format->kind == FLOAT && i < format->bytes; i += 2)
		block[i] &= 0xbf;
	if (format->format == VK_FORMAT_D32_SFLOAT)
		memcpy(block, &depth, sizeof(depth));
}

static void record_upload(struct round *round, struct picture *picture, const struct box *box)
{
	const struct format *format = picture->format;
	/* Rows and slices may be longer than what is copied. */
	uint32_t row = box->width + (one_in(&round->random, 2) ? below(&round->random, 5) : 0);
	uint32_t slice = box->height + (one_in(&round->random, 2) ? below(&round->random, 5) : 0);
	VkDeviceSize size = (VkDeviceSize)row * slice * box->depth * format->bytes;
	VkDeviceSize at = take(&round->stage, size);
	VkBufferImageCopy copy = {
		.bufferOffset = at,
		.bufferRowLength = row * format->width,
		.bufferImageHeight = slice * format->height,
		.imageSubresource = layers(picture, box),
		.imageOffset = offset(picture, box),
		.imageExtent = texels(picture, box, is_solid(picture) ? box->depth : 1),
	};

	for (uint32_t z = 0; z < box->depth; z++)
		for (uint32_t y = 0; y < box->height; y++)
			for (uint32_t x = 0; x < box->width; x++) {
				size_t block = ((size_t)z * slice + y) * row + x;
				uint8_t *from = (uint8_t *)round->stage.buffer.map + at +
						block * format->bytes;

				random_block(&round->random, format, from);
				memcpy(block_at(picture, box->level, box->x + x, box->y + y,
						box->z + z),
				       from, format->bytes);
			}
	vkCmdCopyBufferToImage(round->gpu->commands, round->stage.buffer.buffer,
			       picture->image.image, VK_IMAGE_LAYOUT_GENERAL, 1, &copy);
}

void picture_upload(struct round *round, struct picture *picture)
{
	for (uint32_t level = 0; level < picture->image.levels; level++) {
		VkExtent3D size = level_blocks(picture, level);
		struct box box = { level, 0, 0, 0, size.width, size.height, size.depth };

		record_upload(round, picture, &box);
	}
}

static bool upload(struct round *round)
{
	struct picture *picture = some(round);
	struct box box = some_box(&round->random, picture);

	note(round, "upload");
	note_box(round, picture, &box);
	record_upload(round, picture, &box);
	return true;
}

static bool copy(struct round *round)
{
	struct picture *from = some(round), *to = some(round);
	struct box a = some_box(&round->random, from), b = some_box(&round->random, to);
	VkImageCopy copy = { .srcSubresource = layers(from, &a) };
	VkExtent3D whole;

	/* Depth and stencil go to their like. */
	if (aspect(from->format) != aspect(to->format) ||
	    (aspect(from->format) != VK_IMAGE_ASPECT_COLOR_BIT && from->format != to->format) ||
	    (from == to && a.level == b.level))
		return false;
	/* Both are one-dimensional, or neither is. */
	if ((from->type == VK_IMAGE_TYPE_1D) != (to->type == VK_IMAGE_TYPE_1D))
		return false;
	whole = level_blocks(to, b.level);
#define FIT(place, size)                                                                           \
	do {                                                                                       \
		if (a.size > whole.size - b.place)                                                 \
			a.size = whole.size - b.place;                                             \
		b.size = a.size;                                                                   \
	} while (0)
	FIT(x, width);
	FIT(y, height);
	FIT(z, depth);
#undef FIT
	/* A block that an edge cuts off would be of another size on the other side. */
	if (from->format->kind == BLOCKS || to->format->kind == BLOCKS) {
		VkExtent3D size = texels(from, &a, 1), other = texels(to, &b, 1);
		const struct format *f = from->format, *t = to->format;

		if (size.width % f->width || size.height % f->height || other.width % t->width ||
		    other.height % t->height)
			return false;
	}
	copy.srcSubresource = layers(from, &a);
	copy.dstSubresource = layers(to, &b);
	copy.srcOffset = offset(from, &a);
	copy.dstOffset = offset(to, &b);
	copy.extent = texels(from, &a, is_solid(from) || is_solid(to) ? a.depth : 1);
	note(round, "copy");
	note_box(round, from, &a);
	note(round, " to");
	note_box(round, to, &b);
	for (uint32_t z = 0; z < a.depth; z++)
		for (uint32_t y = 0; y < a.height; y++)
			memcpy(block_at(to, b.level, b.x, b.y + y, b.z + z),
			       block_at(from, a.level, a.x, a.y + y, a.z + z),
			       (size_t)a.width * from->format->bytes);
	vkCmdCopyImage(round->gpu->commands, from->image.image, VK_IMAGE_LAYOUT_GENERAL,
		       to->image.image, VK_IMAGE_LAYOUT_GENERAL, 1, &copy);
	return true;
}

static void set_channel(uint8_t *block, uint32_t low, uint32_t bits, uint32_t value)
{
	for (uint32_t i = 0; i < bits; i++)
		if (value >> i & 1)
			block[(low + i) / 8] |= 1u << (low + i) % 8;
}

/* A colour that is the same in each format, and the block that it is. */
static void some_colour(struct round *round, const struct format *format, VkClearValue *clear,
			uint8_t block[MAX_BLOCK])
{
	struct random *random = &round->random;

	memset(block, 0, MAX_BLOCK);
	memset(clear, 0, sizeof(*clear));
	if (format->kind == DEPTH) {
		clear->depthStencil.depth = below(random, 2);
		if (format->bytes == 4)
			memcpy(block, &clear->depthStencil.depth, 4);
		else
			memset(block, clear->depthStencil.depth ? 255 : 0, 2);
		return;
	}
	if (format->kind == STENCIL) {
		clear->depthStencil.stencil = block[0] = below(random, 256);
		return;
	}
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t bits = format->channels[i].bits, low = format->channels[i].low;
		uint32_t mask = bits == 32 ? UINT32_MAX : (1u << bits) - 1;
		uint32_t value = below(random, UINT32_MAX) & mask, which;

		switch (format->kind) {
		case UINT:
			clear->color.uint32[i] = value;
			break;
		case SINT:
			clear->color.int32[i] = (int32_t)(value << (32 - bits)) >> (32 - bits);
			break;
		case FLOAT:
			which = below(random, COUNT(clear_values));
			clear->color.float32[i] = clear_values[which];
			if (bits == 32)
				memcpy(&value, &clear_values[which], 4);
			else
				value = clear_halves[which];
			break;
		default:
			which = below(random, 2);
			clear->color.float32[i] = which;
			value = which ? mask : 0;
		}
		if (bits)
			set_channel(block, low, bits, value);
	}
}

static void fill(struct picture *picture, const struct box *box, const uint8_t *block)
{
	for (uint32_t z = 0; z < box->depth; z++)
		for (uint32_t y = 0; y < box->height; y++)
			for (uint32_t x = 0; x < box->width; x++)
				memcpy(block_at(picture, box->level, box->x + x, box->y + y,
						box->z + z),
				       block, picture->format->bytes);
}

static bool clear(struct round *round)
{
	struct picture *picture = some(round);
	VkImageSubresourceRange range = { .aspectMask = aspect(picture->format) };
	uint8_t block[MAX_BLOCK];
	VkClearValue value;

	if (picture->format->kind == BLOCKS)
		return false;
	some_colour(round, picture->format, &value, block);
	part(&round->random, picture->image.levels, &range.baseMipLevel, &range.levelCount);
	part(&round->random, picture->image.layers, &range.baseArrayLayer, &range.layerCount);
	note(round, "clear %u levels %u+%u layers %u+%u",
	     (uint32_t)(picture - round->pictures), range.baseMipLevel, range.levelCount,
	     range.baseArrayLayer, range.layerCount);
	for (uint32_t i = 0; i < range.levelCount; i++) {
		uint32_t level = range.baseMipLevel + i;
		VkExtent3D size = level_blocks(picture, level);
		struct box box = { level, 0, 0, range.baseArrayLayer, size.width, size.height,
				   range.layerCount };

		if (is_solid(picture))
			box.depth = size.depth;
		fill(picture, &box, block);
	}
	if (aspect(picture->format) == VK_IMAGE_ASPECT_COLOR_BIT)
		vkCmdClearColorImage(round->gpu->commands, picture->image.image,
				     VK_IMAGE_LAYOUT_GENERAL, &value.color, 1, &range);
	else
		vkCmdClearDepthStencilImage(round->gpu->commands, picture->image.image,
					    VK_IMAGE_LAYOUT_GENERAL, &value.depthStencil, 1,
					    &range);
	return true;
}

/* Nearest texels, twice as large, as large, or half as large in each direction, and mirrored. */
static bool blit(struct round *round)
{
	static const VkFormatFeatureFlags both = VK_FORMAT_FEATURE_BLIT_SRC_BIT |
						 VK_FORMAT_FEATURE_BLIT_DST_BIT;
	struct picture *from = some(round), *to = some(round);
	struct random *random = &round->random;
	struct box a = some_box(random, from), b = some_box(random, to);
	VkExtent3D whole = level_blocks(to, b.level);
	bool mirror[2] = { one_in(random, 3), one_in(random, 3) };
	uint32_t twice = one_in(random, 2) ? 2 : 1;
	VkImageBlit blit;

	if (from->format != to->format || from->format->kind == BLOCKS ||
	    from->format->kind == FLOAT || (from->features & both) != both || from == to ||
	    from->type != to->type)
		return false;
	a.depth = b.depth = 1;
	if (a.width * twice > whole.width - b.x)
		a.width = (whole.width - b.x) / twice;
	if (a.height * twice > whole.height - b.y)
		a.height = (whole.height - b.y) / twice;
	if (from->type == VK_IMAGE_TYPE_1D && twice == 2)
		return false;
	if (!a.width || !a.height)
		return false;
	b.width = a.width * twice;
	b.height = a.height * twice;
	note(round, "blit");
	note_box(round, from, &a);
	note(round, " to");
	note_box(round, to, &b);
	note(round, " mirrored %d,%d", mirror[0], mirror[1]);
	for (uint32_t y = 0; y < b.height; y++)
		for (uint32_t x = 0; x < b.width; x++) {
			uint32_t u = x / twice, v = y / twice;

			u = mirror[0] ? a.width - 1 - u : u;
			v = mirror[1] ? a.height - 1 - v : v;
			memcpy(block_at(to, b.level, b.x + x, b.y + y, b.z),
			       block_at(from, a.level, a.x + u, a.y + v, a.z), from->format->bytes);
		}
	blit = (VkImageBlit) {
		.srcSubresource = layers(from, &a),
		.srcOffsets = { offset(from, &a), offset(from, &a) },
		.dstSubresource = layers(to, &b),
		.dstOffsets = { offset(to, &b), offset(to, &b) },
	};
	blit.srcOffsets[!mirror[0]].x += a.width;
	blit.srcOffsets[!mirror[1]].y += a.height;
	blit.srcOffsets[1].z++;
	blit.dstOffsets[1].x += b.width;
	blit.dstOffsets[1].y += b.height;
	blit.dstOffsets[1].z++;
	vkCmdBlitImage(round->gpu->commands, from->image.image, VK_IMAGE_LAYOUT_GENERAL,
		       to->image.image, VK_IMAGE_LAYOUT_GENERAL, 1, &blit, VK_FILTER_NEAREST);
	return true;
}

/* A render pass without draws: clears an area as it begins, or rectangles afterwards, or both. */
static bool render(struct round *round)
{
	struct picture *picture = some(round);
	struct random *random = &round->random;
	struct box box = some_box(random, picture);
	bool colour = aspect(picture->format) == VK_IMAGE_ASPECT_COLOR_BIT;
	bool loads = one_in(random, 2);
	VkRenderingAttachmentInfo attachment = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageLayout = VK_IMAGE_LAYOUT_GENERAL,
		.loadOp = loads ? VK_ATTACHMENT_LOAD_OP_LOAD : VK_ATTACHMENT_LOAD_OP_CLEAR,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
	};
	VkRenderingInfo info = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
		.renderArea = { { box.x, box.y }, { box.width, box.height } },
		.layerCount = box.depth,
	};
	VkImageViewUsageCreateInfo view_usage = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_USAGE_CREATE_INFO,
		.usage = picture->usage & (VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
					   VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT),
	};
	VkImageViewCreateInfo view = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.pNext = &view_usage,
		.image = picture->image.image,
		.viewType = picture->type == VK_IMAGE_TYPE_1D ? VK_IMAGE_VIEW_TYPE_1D_ARRAY :
								VK_IMAGE_VIEW_TYPE_2D_ARRAY,
		.format = picture->format->format,
		.subresourceRange = { aspect(picture->format), box.level, 1, box.z, box.depth },
	};
	uint8_t block[MAX_BLOCK];

	/* Slices would need a flag of the image's. */
	if (is_solid(picture) || !view_usage.usage)
		return false;
	some_colour(round, picture->format, &attachment.clearValue, block);
	note(round, "render %s", loads ? "load" : "clear");
	note_box(round, picture, &box);
	if (!loads)
		fill(picture, &box, block);
	if (colour) {
		info.colorAttachmentCount = 1;
		info.pColorAttachments = &attachment;
	} else if (aspect(picture->format) == VK_IMAGE_ASPECT_DEPTH_BIT) {
		info.pDepthAttachment = &attachment;
	} else {
		info.pStencilAttachment = &attachment;
	}
	check(vkCreateImageView(round->gpu->device, &view, NULL, &attachment.imageView), "view");
	round->views[round->view_count++] = attachment.imageView;
	vkCmdBeginRendering(round->gpu->commands, &info);
	if (loads || one_in(random, 2)) {
		struct box inner = box;
		VkClearAttachment what = { .aspectMask = aspect(picture->format) };
		VkClearRect rect = { .layerCount = 1 };

		some_colour(round, picture->format, &what.clearValue, block);
		inner.width = 1 + below(random, box.width);
		inner.height = 1 + below(random, box.height);
		rect.baseArrayLayer = below(random, box.depth);
		inner.z += rect.baseArrayLayer;
		inner.depth = 1;
		rect.rect = (VkRect2D) { { inner.x, inner.y }, { inner.width, inner.height } };
		note(round, " and");
		note_box(round, picture, &inner);
		fill(picture, &inner, block);
		vkCmdClearAttachments(round->gpu->commands, 1, &what, 1, &rect);
	}
	vkCmdEndRendering(round->gpu->commands);
	return true;
}

bool operate(struct round *round, enum operation operation)
{
	static bool (*const all[OPERATIONS])(struct round *) = { upload, copy, clear, blit,
								 render };
	size_t length = strlen(round->log);

	if (!all[operation](round)) {
		round->log[length] = 0;
		return false;
	}
	note(round, "\n");
	barrier(round->gpu);
	return true;
}

VkDeviceSize download(struct round *round, const struct picture *picture)
{
	VkDeviceSize first = 0;

	for (uint32_t level = 0; level < picture->image.levels; level++) {
		VkExtent3D size = level_blocks(picture, level);
		struct box box = { level, 0, 0, 0, size.width, size.height, size.depth };
		VkBufferImageCopy copy = {
			.bufferOffset = take(&round->stage, (VkDeviceSize)size.width * size.height *
								    size.depth *
								    picture->format->bytes),
			.imageSubresource = layers(picture, &box),
			.imageExtent = texels(picture, &box, is_solid(picture) ? size.depth : 1),
		};

		if (!level)
			first = copy.bufferOffset;
		vkCmdCopyImageToBuffer(round->gpu->commands, picture->image.image,
				       VK_IMAGE_LAYOUT_GENERAL, round->stage.buffer.buffer, 1,
				       &copy);
	}
	return first;
}
