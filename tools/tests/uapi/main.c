// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Tests of the asahi UAPI against include/uapi/drm/asahi_drm.h: what the ioctls accept, and the
 * errno of what they refuse. Prints TAP.
 *
 * usage: uapi [GROUP...]
 *
 * groups: params vm bind-model gem timestamps queue submit submit-errors teardown import fdinfo
 *         fences memory limits dependencies starve long longer
 */
#include "uapi.h"

#include <stdio.h>
#include <string.h>

static const struct test_group groups[] = {
	{ "params", test_params },
	{ "vm", test_vm },
	{ "bind-model", test_bind_model },
	{ "gem", test_gem },
	{ "timestamps", test_timestamps },
	{ "queue", test_queue },
	{ "submit", test_submit },
	{ "submit-errors", test_submit_errors },
	{ "teardown", test_teardown },
	{ "import", test_import },
	{ "fdinfo", test_fdinfo },
	{ "fences", test_fences },
	{ "memory", test_memory },
	{ "newcomers", test_newcomers },
	{ "blocked", test_blocked },
	{ "limits", test_limits },
	{ "dependencies", test_dependencies },
	{ "starve", test_starve },
	{ "long", test_long },
	{ "longer", test_longer },
};

static bool known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strcmp(groups[i].name, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!known(argv[i])) {
			fprintf(stderr, "uapi: no group «%s»\n", argv[i]);
			return 2;
		}
	}

	return run_groups(groups, ARRAY_SIZE(groups), argc, argv);
}
