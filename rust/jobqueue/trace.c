// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The functions behind the static branches of trace.rs. Those are in the queue's generic code, that
 * is, in other modules, and there is one key for all events: so no tracepoint has to be exported
 * under a name that DRM's scheduler might export as well.
 */
#include <linux/export.h>
#include <linux/jump_label.h>

#include "trace_names.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

struct static_key_false jobqueue_trace_key = STATIC_KEY_FALSE_INIT;
EXPORT_SYMBOL_GPL(jobqueue_trace_key);

int jobqueue_trace_reg(void)
{
	static_branch_inc(&jobqueue_trace_key);
	return 0;
}

void jobqueue_trace_unreg(void)
{
	static_branch_dec(&jobqueue_trace_key);
}

void jobqueue_trace_queue(const char *dev, const char *ring, u64 context, u64 seqno, u32 waiting,
			  u32 in_flight, u64 client_id);
void jobqueue_trace_run(const char *dev, const char *ring, u64 context, u64 seqno, u32 waiting,
			u32 in_flight, u64 client_id);
void jobqueue_trace_done(u64 context, u64 seqno);
void jobqueue_trace_add_dep(u64 context, u64 seqno, u64 dep_context, u64 dep_seqno);
void jobqueue_trace_unschedulable(u64 context, u64 seqno, u64 dep_context, u64 dep_seqno);

void jobqueue_trace_queue(const char *dev, const char *ring, u64 context, u64 seqno, u32 waiting,
			  u32 in_flight, u64 client_id)
{
	trace_drm_sched_job_queue(dev, ring, context, seqno, waiting, in_flight, client_id);
}
EXPORT_SYMBOL_GPL(jobqueue_trace_queue);

void jobqueue_trace_run(const char *dev, const char *ring, u64 context, u64 seqno, u32 waiting,
			u32 in_flight, u64 client_id)
{
	trace_drm_sched_job_run(dev, ring, context, seqno, waiting, in_flight, client_id);
}
EXPORT_SYMBOL_GPL(jobqueue_trace_run);

void jobqueue_trace_done(u64 context, u64 seqno)
{
	trace_drm_sched_job_done(context, seqno);
}
EXPORT_SYMBOL_GPL(jobqueue_trace_done);

void jobqueue_trace_add_dep(u64 context, u64 seqno, u64 dep_context, u64 dep_seqno)
{
	trace_drm_sched_job_add_dep(context, seqno, dep_context, dep_seqno);
}
EXPORT_SYMBOL_GPL(jobqueue_trace_add_dep);

void jobqueue_trace_unschedulable(u64 context, u64 seqno, u64 dep_context, u64 dep_seqno)
{
	trace_drm_sched_job_unschedulable(context, seqno, dep_context, dep_seqno);
}
EXPORT_SYMBOL_GPL(jobqueue_trace_unschedulable);
