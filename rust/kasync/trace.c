// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What is behind the static branches of trace.rs.
 */
#include <linux/export.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

void kasync_trace_start(const void *task, const char *name);
void kasync_trace_wake(const void *task, const char *name);
void kasync_trace_cancel(const void *task, const char *name);
void kasync_trace_poll_begin(const void *task, const char *name);
void kasync_trace_poll_end(const void *task, const char *name, bool ready);
void kasync_trace_cancel_scope(const void *scope, const char *path);

void kasync_trace_start(const void *task, const char *name)
{
	trace_kasync_start(task, name);
}

void kasync_trace_wake(const void *task, const char *name)
{
	trace_kasync_wake(task, name);
}

void kasync_trace_cancel(const void *task, const char *name)
{
	trace_kasync_cancel(task, name);
}

void kasync_trace_poll_begin(const void *task, const char *name)
{
	trace_kasync_poll_begin(task, name);
}

void kasync_trace_poll_end(const void *task, const char *name, bool ready)
{
	trace_kasync_poll_end(task, name, ready);
}

void kasync_trace_cancel_scope(const void *scope, const char *path)
{
	trace_kasync_cancel_scope(scope, path);
}
