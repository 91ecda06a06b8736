/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tracepoints of the executor. A task's address tells it from others for as long as it is there.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kasync

#if !defined(_KASYNC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KASYNC_TRACE_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(kasync_task,
	TP_PROTO(const void *task, const char *name),
	TP_ARGS(task, name),
	TP_STRUCT__entry(
		__field(const void *, task)
		__string(name, name)
	),
	TP_fast_assign(
		__entry->task = task;
		__assign_str(name);
	),
	TP_printk("task=%p name=%s", __entry->task, __get_str(name))
);

/* A task may be polled from now on. */
DEFINE_EVENT(kasync_task, kasync_start,
	TP_PROTO(const void *task, const char *name),
	TP_ARGS(task, name)
);

/*
 * A task that has not ended was woken. Several wakes may lead to one poll. A task that waits in a
 * batch is not woken again by a cancel of its scope.
 */
DEFINE_EVENT(kasync_task, kasync_wake,
	TP_PROTO(const void *task, const char *name),
	TP_ARGS(task, name)
);

/* A task was asked to end: this one, not its scope. */
DEFINE_EVENT(kasync_task, kasync_cancel,
	TP_PROTO(const void *task, const char *name),
	TP_ARGS(task, name)
);

DEFINE_EVENT(kasync_task, kasync_poll_begin,
	TP_PROTO(const void *task, const char *name),
	TP_ARGS(task, name)
);

TRACE_EVENT(kasync_poll_end,
	TP_PROTO(const void *task, const char *name, bool ready),
	TP_ARGS(task, name, ready),
	TP_STRUCT__entry(
		__field(const void *, task)
		__string(name, name)
		__field(bool, ready)
	),
	TP_fast_assign(
		__entry->task = task;
		__assign_str(name);
		__entry->ready = ready;
	),
	TP_printk("task=%p name=%s %s", __entry->task, __get_str(name),
		  __entry->ready ? "ready" : "pending")
);

/* The tasks of a scope, and of those below, were asked to end. */
TRACE_EVENT(kasync_cancel_scope,
	TP_PROTO(const void *scope, const char *path),
	TP_ARGS(scope, path),
	TP_STRUCT__entry(
		__field(const void *, scope)
		__string(path, path)
	),
	TP_fast_assign(
		__entry->scope = scope;
		__assign_str(path);
	),
	TP_printk("scope=%p path=%s", __entry->scope, __get_str(path))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
