// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * submit [render]: submits jobs one at a time: one command each, of compute or a render, one
 * syncobj whose fence has signalled to wait for, one to signal. Tells the plugin (../plugin.h) when
 * a SUBMIT begins, when it has returned, and when its fence has signalled, but for the first jobs,
 * which find memory that is cold.
 */
#include "../../tests/render/render.h"

#include <stdio.h>
#include <string.h>

#define WARM 40
#define COUNTED 200

int main(int argc, char **argv)
{
	struct compute_command compute = compute_command();
	struct render_command render = render_command();
	const bool renders = argc == 2 && !strcmp(argv[1], "render");
	const void *command = renders ? (void *)&render : &compute;
	const size_t size = renders ? sizeof(render) : sizeof(compute);
	struct context ctx;
	uint32_t syncobjs[2];

	if (argc != 1 && !renders) {
		fprintf(stderr, "usage: submit [render]\n");
		return 2;
	}
	context_init(&ctx);
	ctx.map[(VDM_EMPTY - USER_VA) / 4] = VDM_TERMINATE;
	for (int i = 0; i < 2; i++)
		need("create a syncobj", syncobj_create(ctx.fd, &syncobjs[i]));
	need("submit", submit_one(&ctx, syncobjs[0]));
	need("the first job ends", syncobj_wait(ctx.fd, syncobjs[0], 60));
	for (int i = 0; i < WARM + COUNTED; i++) {
		const struct drm_asahi_sync syncs[] = {
			{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = syncobjs[i % 2] },
			{ .sync_type = DRM_ASAHI_SYNC_SYNCOBJ, .handle = syncobjs[(i + 1) % 2] },
		};
		int submitted, waited;

		need("reset", syncobj_reset(ctx.fd, syncobjs[(i + 1) % 2]));
		if (i >= WARM)
			asm volatile("hint #0x60" ::: "memory");
		submitted = submit(&ctx, command, size, syncs, 1, 1);
		asm volatile("hint #0x62" ::: "memory");
		waited = syncobj_wait(ctx.fd, syncobjs[(i + 1) % 2], 60);
		asm volatile("hint #0x61" ::: "memory");
		need("submit", submitted);
		need("wait", waited);
	}
	check_true("jobs are submitted", true);
	context_fini(&ctx);
	return finish();
}
