// SPDX-License-Identifier: MIT OR Apache-2.0
/* Fences whose modules are gone. */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a sync file says of its only fence. */
static struct sync_fence_info info_of(int file)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };

	need("ask a sync file", ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : 0);
	check_true("it has one fence, which says the same",
		   info.num_fences == 1 && info.status == fence.status);
	return fence;
}

static void check_outlived(int file, int status)
{
	struct sync_merge_data merged = { .name = "merged", .fd2 = file };
	struct sync_fence_info info = info_of(file);

	check("its result", sync_file_wait(file, 0), status);
	check_true("names that are nobody's", !strcmp(info.driver_name, "detached-driver") &&
		   !strcmp(info.obj_name, "signaled-timeline"));
	check_true("the time when it signalled", info.timestamp_ns);
	check("merge it", ioctl(file, SYNC_IOC_MERGE, &merged) ? -errno : 0, 0);
	check_true("the merged one has signalled", sync_file_wait(merged.fence, 0) != -ETIME);
	close(merged.fence);
	close(file);
}

int outlive(void)
{
	struct compute_command command = compute_command();
	int timeline = sw_sync_create(), in, files[2], status;
	struct drm_asahi_sync syncs[2] = { 0 };
	struct sync_fence_info info;
	struct context ctx;
	pid_t pid;

	need("open sw_sync", timeline);
	in = sw_sync_fence(timeline, 1);
	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &syncs[0].handle));
	need("create a syncobj", syncobj_create(ctx.fd, &syncs[1].handle));
	need("submit", submit_one(&ctx, syncs[1].handle));
	files[0] = syncobj_export_sync_file(ctx.fd, syncs[1].handle);
	need("export a sync file", files[0]);
	check("a job that goes well", sync_file_wait(files[0], LIMIT_MS), 0);
	need("import a sync file", syncobj_import_sync_file(ctx.fd, syncs[0].handle, in));
	need("submit", submit(&ctx, &command, sizeof(command), syncs, 1, 1));
	files[1] = syncobj_export_sync_file(ctx.fd, syncs[1].handle);
	need("export a sync file", files[1]);
	info = info_of(files[1]);
	check_true("one that waits has its driver's name", !strcmp(info.driver_name, "asahi"));
	context_fini(&ctx);
	sw_sync_advance(timeline, 1);
	check("it is cancelled with its file", sync_file_wait(files[1], LIMIT_MS), -ECANCELED);

	fflush(stdout);
	pid = fork();
	need("fork", pid < 0 ? -errno : 0);
	if (!pid) {
		execlp("rmmod", "rmmod", "asahi", "jobqueue", "kasync", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	check_true("unload all modules", WIFEXITED(status) && !WEXITSTATUS(status));
	check_outlived(files[0], 0);
	check_outlived(files[1], -ECANCELED);
	close(in);
	close(timeline);
	return finish();
}
