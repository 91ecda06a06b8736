// SPDX-License-Identifier: MIT OR Apache-2.0
/* A client whose jobs fault, one after another. How much of that the log has is for the caller. */
#include "reports.h"

#include <errno.h>
#include <unistd.h>

#define JOBS 100
/* Where nothing is bound. */
#define NOWHERE (USER_VA + 0x300000000ull)

void test_flood(void)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync out = {};
	struct context ctx;
	int others = 0;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &out.handle));
	command.compute.cdm_ctrl_stream_base = NOWHERE;
	command.compute.cdm_ctrl_stream_end = NOWHERE + 8;
	for (int i = 0; i < JOBS; i++) {
		int file;

		need("submit", submit(&ctx, &command, sizeof(command), &out, 0, 1));
		file = syncobj_export_sync_file(ctx.fd, out.handle);
		need("export a fence", file);
		others += sync_file_wait(file, SECONDS * 1000) != -EIO;
		close(file);
	}
	check_true("each job has its error", others == 0);
	check("a good job", submit_one(&ctx, out.handle), 0);
	check("is done", syncobj_wait(ctx.fd, out.handle, SECONDS), 0);
	context_fini(&ctx);
}
