// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Results of jobs when something goes wrong. The emulator is told what goes wrong by its --fault
 * option; this submits jobs to one queue, all at once, and compares the result of each fence.
 *
 * usage: faults RESULT...      RESULT: ok, or an errno name, or several of them with a bar between
 *
 *	--fault hang:2             faults ok ETIMEDOUT ok
 *	--fault crash-job:2        faults ok ENODEV ENODEV SUBMIT:ENODEV
 *
 * If a submit is refused, that is its job's result. A last argument SUBMIT:RESULT says how one more
 * submit ends, after all that. If there is no GPU any more by then, its parameters are refused as
 * well: a client that is about to choose a device would take one that is dead. Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 160
#define MAX_JOBS 128

static const char *name_of(int result)
{
	return result < 0 ? strerrorname_np(-result) : "ok";
}

/* Whether @result is one of the names in @wanted. */
static bool is_one_of(int result, const char *wanted)
{
	const char *name = name_of(result);
	size_t length = strlen(name);

	while (wanted) {
		if (!strncmp(wanted, name, length) && (!wanted[length] || wanted[length] == '|'))
			return true;
		wanted = strchr(wanted, '|');
		if (wanted)
			wanted++;
	}
	return false;
}

static void check_result(const char *what, int number, int result, const char *wanted)
{
	char text[96];

	snprintf(text, sizeof(text), "%s %d: %s, wanted %s", what, number, name_of(result), wanted);
	check_true(text, is_one_of(result, wanted));
}

int main(int argc, char **argv)
{
	const char *submit_wanted = NULL;
	int files[MAX_JOBS], refused[MAX_JOBS];
	struct context ctx;
	int jobs = argc - 1;
	uint32_t sync;

	if (jobs > 0 && !strncmp(argv[argc - 1], "SUBMIT:", 7)) {
		submit_wanted = argv[argc - 1] + 7;
		jobs--;
	}
	if (jobs < 1 || jobs > MAX_JOBS) {
		fprintf(stderr, "usage: faults RESULT... [SUBMIT:RESULT]\n");
		return 2;
	}

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	for (int i = 0; i < jobs; i++) {
		files[i] = -1;
		refused[i] = submit_one(&ctx, sync);
		if (refused[i])
			continue;
		files[i] = syncobj_export_sync_file(ctx.fd, sync);
		need("export a sync file", files[i]);
	}
	/* The jobs may be disturbed from here on. */
	printf("# submitted\n");
	fflush(stdout);
	for (int i = 0; i < jobs; i++) {
		check_result("job", i + 1,
			     refused[i] ? refused[i] : sync_file_wait(files[i], SECONDS * 1000),
			     argv[i + 1]);
		if (files[i] >= 0)
			close(files[i]);
	}
	if (submit_wanted) {
		int ret = submit_one(&ctx, sync);

		if (!ret) {
			int file = syncobj_export_sync_file(ctx.fd, sync);

			need("export a sync file", file);
			ret = sync_file_wait(file, SECONDS * 1000);
			close(file);
		}
		check_result("one more job", jobs + 1, ret, submit_wanted);
		if (ret == -ENODEV) {
			struct drm_asahi_params_global params;

			check("the parameters of a dead GPU", get_params(ctx.fd, &params), -ENODEV);
		}
	}
	context_fini(&ctx);
	return finish();
}
