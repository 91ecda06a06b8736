// SPDX-License-Identifier: MIT OR Apache-2.0
/* Renders of all sizes: memory of the tiler, and more than there is. */
#include "render.h"

#include <errno.h>
#include <stdio.h>

static struct render_command of_size(unsigned int width, unsigned int height, unsigned int layers)
{
	struct render_command command = render_command();

	command.render.width_px = width;
	command.render.height_px = height;
	command.render.layers = layers;
	return command;
}

static void check_size(struct context *ctx, unsigned int width, unsigned int height,
		       unsigned int layers)
{
	static const uint8_t utiles[][2] = { { 32, 32 }, { 32, 16 }, { 16, 16 } };

	for (size_t i = 0; i < ARRAY_SIZE(utiles); i++) {
		struct render_command command = of_size(width, height, layers);
		char what[96];

		command.render.utile_width_px = utiles[i][0];
		command.render.utile_height_px = utiles[i][1];
		command.render.samples = 1 << i;
		snprintf(what, sizeof(what), "sizes: %ux%u, %u layers, %ux%u", width, height,
			 layers, utiles[i][0], utiles[i][1]);
		check(what, run_render(ctx, command), 0);
	}
}

void test_sizes(void)
{
	struct context ctx;

	render_init(&ctx);
	check_size(&ctx, 1, 1, 1);
	check_size(&ctx, 33, 31, 1);
	check_size(&ctx, 800, 600, 1);
	check_size(&ctx, 1920, 1080, 2);
	/* More blocks than there are to begin with; then fewer again. */
	check_size(&ctx, 4096, 4096, 1);
	check_size(&ctx, 64, 64, 1);
	check_size(&ctx, 16384, 1, 1);
	check_size(&ctx, 256, 256, 64);

	/* Gigabytes. What is refused takes nothing: it can be repeated. */
	for (int i = 0; i < 50; i++) {
		if (run_render(&ctx, of_size(16384, 16384, 2048)) != -ENOMEM) {
			check_true("sizes: more than any machine has is refused", false);
			break;
		}
	}
	check("sizes: 2048 layers of 16384x16384", run_render(&ctx, of_size(16384, 16384, 2048)),
	      -ENOMEM);
	/* More than the addresses that a VM has for it. */
	check("sizes: 300 layers of 16384x16384", run_render(&ctx, of_size(16384, 16384, 300)),
	      -ENOMEM);
	check_size(&ctx, 64, 64, 1);
	context_fini(&ctx);
}
