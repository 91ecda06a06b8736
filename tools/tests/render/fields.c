// SPDX-License-Identifier: MIT OR Apache-2.0
/* Every field of drm_asahi_cmd_render: what is taken, and the errno of what is refused. */
#include "render.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIELD(name) \
	#name, offsetof(struct drm_asahi_cmd_render, name), \
	sizeof(((struct drm_asahi_cmd_render *)0)->name)

#define KERNEL_ADDRESS 0xffffffa000000000ull
#define LAST_ADDRESS 0x7fffff8000ull

/* One field changed, and the result of the submit. */
static const struct {
	const char *name;
	size_t offset;
	size_t size;
	uint64_t value;
	int want;
} fields[] = {
	/* Values of registers are the client's own business. */
	{ FIELD(isp_zls_pixels), 0xffffffff, 0 },
	{ FIELD(zls_ctrl), 0, 0 },
	/* Depths of 16 bits, none of which are loaded or stored. */
	{ FIELD(zls_ctrl), 2u << 25, 0 },
	/* All points of the size 1. */
	{ FIELD(ppp_ctrl), 0x302, 0 },
	{ FIELD(ppp_multisamplectl), 0x88, 0 },
	{ FIELD(isp_merge_upper_x), 0x7f800000, 0 },
	{ FIELD(isp_merge_upper_y), 0xffffffff, 0 },
	{ FIELD(isp_bgobjdepth), 0xffffffff, 0 },
	{ FIELD(isp_bgobjvals), 0x3ff, 0 },
	{ FIELD(vertex_helper.binary), 0xffffffff, 0 },
	{ FIELD(vertex_helper.cfg), 0xffffffff, 0 },
	{ FIELD(vertex_helper.data), ~0ull, 0 },
	{ FIELD(fragment_helper.binary), 0xffffffff, 0 },
	{ FIELD(fragment_helper.cfg), 0xffffffff, 0 },
	{ FIELD(fragment_helper.data), ~0ull, 0 },
	/* No tile runs these. */
	{ FIELD(bg.usc), 0xffffffff, 0 },
	{ FIELD(bg.rsrc_spec), 0xffffffff, 0 },
	{ FIELD(eot.usc), 0xffffffff, 0 },
	{ FIELD(eot.rsrc_spec), 0xffffffff, 0 },
	{ FIELD(partial_bg.usc), 0xffffffff, 0 },
	{ FIELD(partial_bg.rsrc_spec), 0xffffffff, 0 },
	{ FIELD(partial_eot.usc), 0xffffffff, 0 },
	{ FIELD(partial_eot.rsrc_spec), 0xffffffff, 0 },
	{ FIELD(depth.stride), 0xffffffff, 0 },
	{ FIELD(depth.comp_stride), 0xffffffff, 0 },
	{ FIELD(stencil.stride), 0xffffffff, 0 },
	{ FIELD(stencil.comp_stride), 0xffffffff, 0 },

	{ FIELD(flags), DRM_ASAHI_RENDER_VERTEX_SCRATCH, 0 },
	{ FIELD(flags), DRM_ASAHI_RENDER_NO_VERTEX_CLUSTERING, 0 },
	{ FIELD(flags), DRM_ASAHI_RENDER_DBIAS_IS_INT, 0 },
	{ FIELD(flags), 1u << 3, -EINVAL },
	{ FIELD(flags), 1u << 17, -EINVAL },
	{ FIELD(flags), 1u << 19, -EINVAL },
	{ FIELD(flags), 1u << 31, -EINVAL },

	{ FIELD(vdm_ctrl_stream_base), 0, -EINVAL },
	{ FIELD(vdm_ctrl_stream_base), LAST_ADDRESS, -EINVAL },
	{ FIELD(vdm_ctrl_stream_base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(isp_scissor_base), USER_VA, 0 },
	{ FIELD(isp_scissor_base), LAST_ADDRESS + 1, -EINVAL },
	{ FIELD(isp_scissor_base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(isp_dbias_base), USER_VA, 0 },
	{ FIELD(isp_dbias_base), LAST_ADDRESS + 1, -EINVAL },
	{ FIELD(isp_dbias_base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(isp_oclqry_base), USER_VA, 0 },
	{ FIELD(isp_oclqry_base), LAST_ADDRESS + 1, -EINVAL },
	{ FIELD(isp_oclqry_base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(depth.base), USER_VA, 0 },
	{ FIELD(depth.base), LAST_ADDRESS + 1, -EINVAL },
	{ FIELD(depth.base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(depth.comp_base), USER_VA, 0 },
	{ FIELD(depth.comp_base), LAST_ADDRESS + 1, -EINVAL },
	{ FIELD(depth.comp_base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(stencil.base), USER_VA, 0 },
	{ FIELD(stencil.base), LAST_ADDRESS + 1, -EINVAL },
	{ FIELD(stencil.base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(stencil.comp_base), USER_VA, 0 },
	{ FIELD(stencil.comp_base), LAST_ADDRESS + 1, -EINVAL },
	{ FIELD(stencil.comp_base), KERNEL_ADDRESS, -EINVAL },
	{ FIELD(sampler_heap), USER_VA, 0 },
	{ FIELD(sampler_heap), KERNEL_ADDRESS, -EINVAL },
	/* Samplers without a heap. */
	{ FIELD(sampler_count), 1, -EINVAL },

	{ FIELD(width_px), 0, -EINVAL },
	{ FIELD(width_px), 1, 0 },
	{ FIELD(width_px), 16384, 0 },
	{ FIELD(width_px), 16385, -EINVAL },
	{ FIELD(height_px), 0, -EINVAL },
	{ FIELD(height_px), 16384, 0 },
	{ FIELD(height_px), 16385, -EINVAL },
	{ FIELD(layers), 0, -EINVAL },
	{ FIELD(layers), 2048, 0 },
	{ FIELD(layers), 2049, -EINVAL },
	{ FIELD(utile_width_px), 16, -EINVAL },
	{ FIELD(utile_width_px), 0, -EINVAL },
	{ FIELD(utile_width_px), 64, -EINVAL },
	{ FIELD(utile_height_px), 16, 0 },
	{ FIELD(utile_height_px), 8, -EINVAL },
	{ FIELD(samples), 0, -EINVAL },
	{ FIELD(samples), 2, 0 },
	{ FIELD(samples), 3, -EINVAL },
	{ FIELD(samples), 4, 0 },
	{ FIELD(samples), 8, -EINVAL },
	{ FIELD(sample_size_B), 0, 0 },
	{ FIELD(sample_size_B), 32, 0 },
	/* More than the tile buffer has. */
	{ FIELD(sample_size_B), 33, -EINVAL },
	{ FIELD(sample_size_B), 255, -EINVAL },

	/* No such object. */
	{ FIELD(ts_vtx.start.handle), 77, -ENOENT },
	{ FIELD(ts_vtx.end.handle), 77, -ENOENT },
	{ FIELD(ts_frag.start.handle), 77, -ENOENT },
	{ FIELD(ts_frag.end.handle), 77, -ENOENT },
	/* Without a handle the offset means nothing. */
	{ FIELD(ts_frag.end.offset), 0xffffffff, 0 },
};

static void check_fields(struct context *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct render_command command = render_command();
		char what[96];

		memcpy((char *)&command.render + fields[i].offset, &fields[i].value,
		       fields[i].size);
		snprintf(what, sizeof(what), "render: %s = %#llx", fields[i].name,
			 (unsigned long long)fields[i].value);
		check(what, submit_render(ctx, command, 0), fields[i].want);
	}
}

/* A command that is shorter or longer than ours. */
static void check_length(struct context *ctx)
{
	struct {
		struct render_command command;
		uint64_t later;
	} longer = { render_command(), 0 };
	struct render_command command = render_command();

	longer.command.header.size += sizeof(longer.later);
	check("render: a longer command of zeros",
	      submit(ctx, &longer, sizeof(longer), NULL, 0, 0), 0);
	longer.later = 1;
	check_either("render: a longer command of something",
		     submit(ctx, &longer, sizeof(longer), NULL, 0, 0), -EINVAL, -E2BIG);

	command.header.size = offsetof(struct drm_asahi_cmd_render, isp_merge_upper_x);
	check("render: a shorter command",
	      submit(ctx, &command, sizeof(command.header) + command.header.size, NULL, 0, 0), 0);
	command.header.size = offsetof(struct drm_asahi_cmd_render, samples);
	check("render: one without samples",
	      submit(ctx, &command, sizeof(command.header) + command.header.size, NULL, 0, 0),
	      -EINVAL);
}

static void check_timestamps(struct context *ctx)
{
	struct drm_asahi_gem_bind_object bind = {
		.op = DRM_ASAHI_BIND_OBJECT_OP_BIND,
		.flags = DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS,
		.range = PAGE,
	};
	struct render_command command = render_command();
	struct drm_asahi_timestamp *places[] = {
		&command.render.ts_vtx.start,
		&command.render.ts_vtx.end,
		&command.render.ts_frag.start,
		&command.render.ts_frag.end,
	};

	need("create a buffer",
	     gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &bind.handle));
	need("bind it for timestamps", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_GEM_BIND_OBJECT, &bind));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		places[i]->handle = bind.object_handle;
		places[i]->offset = PAGE - 8;
		check("render: a timestamp at the end", submit_render(ctx, command, 0), 0);
		places[i]->offset = PAGE;
		check("render: a timestamp behind the end", submit_render(ctx, command, 0),
		      -ERANGE);
		places[i]->offset = 4;
		check("render: a timestamp that is not aligned", submit_render(ctx, command, 0),
		      -EINVAL);
		places[i]->handle = 0;
	}
}

static void check_barriers(struct context *ctx)
{
	struct render_command commands[2] = { render_command(), render_command() };

	commands[0].header.vdm_barrier = 1;
	check("render: barrier on itself", submit_render(ctx, commands[0], 0), -EINVAL);
	commands[0].header.vdm_barrier = 0;
	commands[0].header.cdm_barrier = 1;
	check("render: barrier on a compute command that is not there",
	      submit_render(ctx, commands[0], 0), -EINVAL);
	commands[0].header.cdm_barrier = 0;
	commands[1].header.vdm_barrier = 1;
	check("render: barriers on what was before",
	      submit(ctx, commands, sizeof(commands), NULL, 0, 0), 0);
	commands[1].header.vdm_barrier = 2;
	check("render: the second one on itself",
	      submit(ctx, commands, sizeof(commands), NULL, 0, 0), -EINVAL);
}

void test_fields(void)
{
	struct context ctx;

	render_init(&ctx);
	check_fields(&ctx);
	check_length(&ctx);
	check_timestamps(&ctx);
	check_barriers(&ctx);
	check_attachments(&ctx);
	/* All that was taken comes to its end. */
	check("render: one after all of these", run_render(&ctx, render_command()), 0);
	context_fini(&ctx);
}
