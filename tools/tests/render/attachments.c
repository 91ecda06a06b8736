// SPDX-License-Identifier: MIT OR Apache-2.0
/* Attachments of vertex and fragment halves: what is taken, and the errno of what is refused. */
#include "render.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOST 16

/* Behind a header that sets them, and before a render. */
struct records {
	struct drm_asahi_cmd_header header;
	struct drm_asahi_attachment attachments[MOST + 1];
};

static const struct {
	const char *name;
	uint16_t type;
} halves[] = {
	{ "vertex", DRM_ASAHI_SET_VERTEX_ATTACHMENTS },
	{ "fragment", DRM_ASAHI_SET_FRAGMENT_ATTACHMENTS },
};

/* @count parts of the context's buffer. */
static struct records some(uint16_t type, unsigned int count)
{
	struct records records = {
		.header = {
			.cmd_type = type,
			.size = count * sizeof(struct drm_asahi_attachment),
			.vdm_barrier = DRM_ASAHI_BARRIER_NONE,
			.cdm_barrier = DRM_ASAHI_BARRIER_NONE,
		},
	};

	for (unsigned int i = 0; i < count; i++)
		records.attachments[i] = (struct drm_asahi_attachment){
			.pointer = USER_VA + i * 128,
			.size = PAGE - i * 128,
		};
	return records;
}

/* The result of a render behind @count parts of @records, with sizes as their headers say. */
static int render_with(struct context *ctx, const struct records *records, unsigned int count)
{
	static uint8_t buffer[4 * sizeof(struct records) + sizeof(struct render_command)];
	struct render_command command = render_command();
	size_t size = 0;

	for (unsigned int i = 0; i < count; i++) {
		size_t length = sizeof(records[i].header) + records[i].header.size;

		memcpy(buffer + size, &records[i], length);
		size += length;
	}
	memcpy(buffer + size, &command, sizeof(command));
	return run(ctx, buffer, size + sizeof(command));
}

static void check_half(struct context *ctx, unsigned int half)
{
	static const struct {
		const char *what;
		unsigned int count;
		int want;
	} counts[] = {
		{ "no record", 0, 0 },
		{ "one record", 1, 0 },
		{ "16 records", MOST, 0 },
		{ "17 records", MOST + 1, -EINVAL },
	};
	/* What is wrong with the second one of two. */
	static const struct {
		const char *what;
		struct drm_asahi_attachment record;
		int want;
	} kinds[] = {
		{ "one of nothing", { USER_VA, 0, 0, 0 }, 0 },
		{ "one that is not bound", { NOWHERE, PAGE, 0, 0 }, 0 },
		{ "a reserved word", { USER_VA, PAGE, 1, 0 }, -EINVAL },
		{ "a flag", { USER_VA, PAGE, 0, 1 }, -EINVAL },
		{ "an address of the kernel's", { 0xffffffa000000000, PAGE, 0, 0 }, -EINVAL },
		{ "a size beyond all addresses", { USER_VA, -PAGE, 0, 0 }, -EINVAL },
	};
	const uint16_t type = halves[half].type;
	struct records records;
	char what[96];

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		records = some(type, counts[i].count);
		snprintf(what, sizeof(what), "attachments: %s: %s", halves[half].name,
			 counts[i].what);
		check(what, render_with(ctx, &records, 1), counts[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		records = some(type, 2);
		records.attachments[1] = kinds[i].record;
		snprintf(what, sizeof(what), "attachments: %s: %s", halves[half].name,
			 kinds[i].what);
		check(what, render_with(ctx, &records, 1), kinds[i].want);
	}
	for (uint16_t size = 1; size < 3 * sizeof(struct drm_asahi_attachment); size += 23) {
		records = some(type, 3);
		records.header.size = size;
		snprintf(what, sizeof(what), "attachments: %s: %d bytes", halves[half].name, size);
		check(what, render_with(ctx, &records, 1),
		      size % sizeof(struct drm_asahi_attachment) ? -EINVAL : 0);
	}
	for (int i = 0; i < 4; i++) {
		records = some(type, 1);
		*(i % 2 ? &records.header.cdm_barrier : &records.header.vdm_barrier) = i / 2;
		snprintf(what, sizeof(what), "attachments: %s: a barrier on %s commands, %d",
			 halves[half].name, i % 2 ? "compute" : "render", i / 2);
		check(what, render_with(ctx, &records, 1), -EINVAL);
	}
	records = some(type, 1);
	snprintf(what, sizeof(what), "attachments: %s: without a command", halves[half].name);
	check(what, run(ctx, &records, sizeof(records.header) + records.header.size), -EINVAL);
}

void check_attachments(struct context *ctx)
{
	const struct records all[] = {
		some(DRM_ASAHI_SET_VERTEX_ATTACHMENTS, 3),
		some(DRM_ASAHI_SET_FRAGMENT_ATTACHMENTS, MOST),
		some(DRM_ASAHI_SET_COMPUTE_ATTACHMENTS, 2),
		/* In place of the first ones. */
		some(DRM_ASAHI_SET_VERTEX_ATTACHMENTS, MOST),
	};

	for (unsigned int half = 0; half < ARRAY_SIZE(halves); half++)
		check_half(ctx, half);
	check("attachments: of all kinds, some anew",
	      render_with(ctx, all, ARRAY_SIZE(all)), 0);
}
