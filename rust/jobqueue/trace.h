/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tracepoints of the job queue: names and fields are those of DRM's scheduler, which are stable, so
 * that programs that read those can read these.
 * The group is another, as both may be there.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM jobqueue

#if !defined(_JOBQUEUE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _JOBQUEUE_TRACE_H

#include <linux/tracepoint.h>

#ifndef _JOBQUEUE_TRACE_REG
#define _JOBQUEUE_TRACE_REG
int jobqueue_trace_reg(void);
void jobqueue_trace_unreg(void);
#endif

DECLARE_EVENT_CLASS(drm_sched_job,
	TP_PROTO(const char *dev, const char *ring, u64 context, u64 seqno, u32 waiting,
		 u32 in_flight, u64 client_id),
	TP_ARGS(dev, ring, context, seqno, waiting, in_flight, client_id),
	TP_STRUCT__entry(
		__string(name, ring)
		__field(u32, job_count)
		__field(int, hw_job_count)
		__string(dev, dev)
		__field(u64, fence_context)
		__field(u64, fence_seqno)
		__field(u64, client_id)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->job_count = waiting;
		__entry->hw_job_count = in_flight;
		__assign_str(dev);
		__entry->fence_context = context;
		__entry->fence_seqno = seqno;
		__entry->client_id = client_id;
	),
	TP_printk("dev=%s, fence=%llu:%llu, ring=%s, job count:%u, hw job count:%d, client_id:%llu",
		  __get_str(dev), __entry->fence_context, __entry->fence_seqno, __get_str(name),
		  __entry->job_count, __entry->hw_job_count, __entry->client_id)
);

/* A job was committed. */
DEFINE_EVENT_FN(drm_sched_job, drm_sched_job_queue,
	TP_PROTO(const char *dev, const char *ring, u64 context, u64 seqno, u32 waiting,
		 u32 in_flight, u64 client_id),
	TP_ARGS(dev, ring, context, seqno, waiting, in_flight, client_id),
	jobqueue_trace_reg, jobqueue_trace_unreg
);

/* The hardware has it. */
DEFINE_EVENT_FN(drm_sched_job, drm_sched_job_run,
	TP_PROTO(const char *dev, const char *ring, u64 context, u64 seqno, u32 waiting,
		 u32 in_flight, u64 client_id),
	TP_ARGS(dev, ring, context, seqno, waiting, in_flight, client_id),
	jobqueue_trace_reg, jobqueue_trace_unreg
);

/* It is over, whether the hardware has had it or not; its fence signals now. */
TRACE_EVENT_FN(drm_sched_job_done,
	TP_PROTO(u64 context, u64 seqno),
	TP_ARGS(context, seqno),
	TP_STRUCT__entry(
		__field(u64, fence_context)
		__field(u64, fence_seqno)
	),
	TP_fast_assign(
		__entry->fence_context = context;
		__entry->fence_seqno = seqno;
	),
	TP_printk("fence=%llu:%llu signaled", __entry->fence_context, __entry->fence_seqno),
	jobqueue_trace_reg, jobqueue_trace_unreg
);

/*
 * A job that was committed waits for a fence. Containers were taken apart, and fences that had
 * signalled are left out.
 */
TRACE_EVENT_FN(drm_sched_job_add_dep,
	TP_PROTO(u64 context, u64 seqno, u64 dep_context, u64 dep_seqno),
	TP_ARGS(context, seqno, dep_context, dep_seqno),
	TP_STRUCT__entry(
		__field(u64, fence_context)
		__field(u64, fence_seqno)
		__field(u64, ctx)
		__field(u64, seqno)
	),
	TP_fast_assign(
		__entry->fence_context = context;
		__entry->fence_seqno = seqno;
		__entry->ctx = dep_context;
		__entry->seqno = dep_seqno;
	),
	TP_printk("fence=%llu:%llu depends on fence=%llu:%llu", __entry->fence_context,
		  __entry->fence_seqno, __entry->ctx, __entry->seqno),
	jobqueue_trace_reg, jobqueue_trace_unreg
);

/* It is a job's turn, but for a fence that has not signalled. */
TRACE_EVENT_FN(drm_sched_job_unschedulable,
	TP_PROTO(u64 context, u64 seqno, u64 dep_context, u64 dep_seqno),
	TP_ARGS(context, seqno, dep_context, dep_seqno),
	TP_STRUCT__entry(
		__field(u64, fence_context)
		__field(u64, fence_seqno)
		__field(u64, ctx)
		__field(u64, seqno)
	),
	TP_fast_assign(
		__entry->fence_context = context;
		__entry->fence_seqno = seqno;
		__entry->ctx = dep_context;
		__entry->seqno = dep_seqno;
	),
	TP_printk("fence=%llu:%llu depends on unsignalled fence=%llu:%llu", __entry->fence_context,
		  __entry->fence_seqno, __entry->ctx, __entry->seqno),
	jobqueue_trace_reg, jobqueue_trace_unreg
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
