// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Tests of render commands through the UAPI: the errno for each field, jobs of renders and compute
 * commands, sizes, faults. Only what is hostile draws: what pictures look like is tested elsewhere.
 * Prints TAP.
 *
 * usage: render [GROUP...]
 *
 * groups: fields jobs sizes layers faults hostile; and by their names, as they want options of the
 * emulator: partial endless growing
 */
#include "render.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	void (*run)(void);
	bool by_name;
} groups[] = {
	{ "fields", test_fields, false },
	{ "jobs", test_jobs, false },
	{ "sizes", test_sizes, false },
	{ "layers", test_layers, false },
	{ "faults", test_faults, false },
	{ "hostile", test_hostile, false },
	{ "partial", test_partial, true },
	{ "endless", test_endless, true },
	{ "growing", test_growing, true },
};

void render_init(struct context *ctx)
{
	uint32_t shaders;
	uint32_t *stream;

	context_init(ctx);
	stream = ctx->map + (VDM_EMPTY - USER_VA) / 4;
	stream[0] = VDM_TERMINATE;
	/* A jump to itself. */
	stream = ctx->map + (VDM_ENDLESS - USER_VA) / 4;
	stream[0] = VDM_LINK | (uint32_t)(VDM_ENDLESS >> 32);
	stream[1] = (uint32_t)VDM_ENDLESS;
	need("create a buffer for shaders",
	     gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &shaders));
	need("bind a buffer for shaders", vm_bind(ctx->fd, ctx->vm, shaders, USC_BASE, PAGE));
}

int submit_render(struct context *ctx, struct render_command command, uint32_t out)
{
	struct drm_asahi_sync sync = {
		.sync_type = DRM_ASAHI_SYNC_SYNCOBJ,
		.handle = out,
	};

	return submit(ctx, &command, sizeof(command), &sync, 0, out ? 1 : 0);
}

int run(struct context *ctx, const void *commands, size_t size)
{
	return submit_and_wait(ctx, commands, size, SECONDS);
}

int run_render(struct context *ctx, struct render_command command)
{
	return run(ctx, &command, sizeof(command));
}

static bool wanted(const char *name, bool by_name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2 && !by_name;
}

int main(int argc, char **argv)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!wanted(groups[i].name, groups[i].by_name, argc, argv))
			continue;
		any = true;
		printf("# %s\n", groups[i].name);
		groups[i].run();
	}
	if (!any) {
		fprintf(stderr, "render: there is no such group\n");
		return 2;
	}
	return finish();
}
