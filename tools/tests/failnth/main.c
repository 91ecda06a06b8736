// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Every allocation of every call fails once: the kernel's fault injection has the Nth allocation of
 * the thread fail, for N = 1, 2 and so on, until the call has fewer. A call that fails says ENOMEM,
 * leaves nothing behind that fdinfo, the table of tasks or the list of shared buffers knows of, and
 * can be made again at once. What leaks is for kmemleak to find.
 *
 * usage: fail-nth [NAME]	all calls, or that of this name; vgem has to be loaded
 *        fail-nth binds		an array of binds, of which the GPU says what was done
 *        fail-nth copies	what the kernel copies is not all there
 *        fail-nth garbage	that of a call which collects garbage; halts take seconds
 *        fail-nth device	the same for unbind, which cannot fail, and for system suspend
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "before.h"
#include "calls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* No call has so many allocations. */
#define MOST 2000

/* Calls with the @n-th allocation failing. *@hit: whether there was one. */
static int call_failing(const struct call *call, struct state *s, unsigned int n, bool *hit)
{
	int nth = fail_nth(n), ret;

	ret = call->make(s);
	*hit = fail_nth_end(nth);
	return ret;
}

/* The file that it is a call of. */
static int file_of(const struct call *call, const struct state *s)
{
	return *(const int *)((const char *)s + call->fd);
}

static void prepare(const struct call *call, struct state *s, char *ready, size_t size)
{
	if (call->prepare)
		call->prepare(s);
	read_fdinfo(file_of(call, s), ready, size);
}

static void check_call(const struct call *call, struct state *s)
{
	char before[1024], ready[1024], text[128];
	unsigned int n, failed = 0;
	const char *wrong = NULL;
	struct held held = {};
	struct rest rest;
	bool hit = true;
	int ret;

	/* What is made once for all stays. */
	prepare(call, s, ready, sizeof(ready));
	need(call->name, call->make(s));
	if (call->undo)
		call->undo(s);
	read_fdinfo(file_of(call, s), before, sizeof(before));
	rest = read_rest();
	for (n = 1; n < MOST && hit && !wrong; n++) {
		prepare(call, s, ready, sizeof(ready));
		if (call->pins)
			held = read_held(file_of(call, s));
		ret = call_failing(call, s, n, &hit);
		if (ret && call->never) {
			wrong = "failed, though it frees";
		} else if (ret && !hit) {
			wrong = "failed without a reason";
		} else if (ret) {
			failed++;
			if (ret != -ENOMEM && (!call->other || ret != call->other))
				wrong = strerrorname_np(-ret);
			else if (!call->pins && !fdinfo_is_back(file_of(call, s), ready))
				wrong = "left something behind";
			else if (call->pins && !held_is_back(file_of(call, s), held))
				wrong = "left something that counts as pinned";
			else if (!rest_is_back(rest))
				wrong = "left tasks or attachments behind";
			ret = call->make(s);
			if (!wrong && ret)
				wrong = "failed a second time";
		}
		if (!ret && call->undo)
			call->undo(s);
		/* Nor does a call that did without it leave anything behind. */
		if (!wrong && !ret && hit && !fdinfo_is_back(file_of(call, s), before))
			wrong = "left something behind, though it went through";
	}
	if (!wrong && !rest_is_back(rest))
		wrong = "tasks or attachments are left";
	if (wrong)
		printf("# allocation %u of %s: %s\n", n - 1, call->name, wrong);
	printf("# %s: %u allocations, %u of them needed\n", call->name, n - 2, failed);
	snprintf(text, sizeof(text), "%s: each allocation fails once", call->name);
	check_true(text, !wrong && !hit && failed >= call->least &&
				 (!call->counted || *call->counted));
}

/* All of them; the last need udmabuf. */
static const struct call *const all_calls[] = {
	calls, sync_calls, submit_calls, object_calls, wait_calls, page_calls,
};

static bool has_call(const struct call *all, const char *name)
{
	for (; all->name; all++)
		if (!strcmp(all->name, name))
			return true;
	return false;
}

/* Whether @name is that of a call, or of something else that can be asked for. */
static bool is_known(const char *name)
{
	static const char *const others[] = { "binds", "copies", "garbage", "device" };

	for (size_t i = 0; i < sizeof(all_calls) / sizeof(*all_calls); i++)
		if (has_call(all_calls[i], name))
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(others[i], name))
			return true;
	return false;
}

static void check_all(const struct call *all, struct state *s, const char *name)
{
	for (size_t i = 0; all[i].name; i++)
		if (!name || !strcmp(name, all[i].name))
			check_call(&all[i], s);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	struct state state;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 || (name && !is_known(name))) {
		fprintf(stderr, "fail-nth: no call is named \"%s\"\n", argv[argc - 1]);
		return 2;
	}
	fail_nth_init();
	if (name && !strcmp(name, "device")) {
		check_device();
		return finish();
	}
	state_init(&state);
	syncs_init(&state);
	submits_init(&state);
	waits_init(&state);
	check_all(calls, &state, name);
	check_all(sync_calls, &state, name);
	check_all(submit_calls, &state, name);
	check_all(object_calls, &state, name);
	check_all(wait_calls, &state, name);
	if (pages_init(&state))
		check_all(page_calls, &state, name);
	else if (!name || has_call(page_calls, name))
		skip("calls with a process's pages", "the kernel has no udmabuf");
	if (!name || !strcmp(name, "binds"))
		check_binds();
	if (!name || !strcmp(name, "copies"))
		check_copies(&state);
	if (name && !strcmp(name, "garbage"))
		check_garbage(&state);
	check("a job afterwards", run_job(&state), 0);
	return finish();
}
