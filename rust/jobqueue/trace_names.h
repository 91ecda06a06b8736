/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Names for the linker. The events are named as those of DRM's scheduler, and so would be what the
 * macros of tracepoints define for each, which others may see: built into one kernel, both would be
 * defined twice. So here these have names of their own. To be included before trace.h.
 */
#ifndef _JOBQUEUE_TRACE_NAMES_H
#define _JOBQUEUE_TRACE_NAMES_H

#define __tracepoint_drm_sched_job_queue __tracepoint_jobqueue_queue
#define __tracepoint_drm_sched_job_run __tracepoint_jobqueue_run
#define __tracepoint_drm_sched_job_done __tracepoint_jobqueue_done
#define __tracepoint_drm_sched_job_add_dep __tracepoint_jobqueue_add_dep
#define __tracepoint_drm_sched_job_unschedulable __tracepoint_jobqueue_unschedulable

#define __traceiter_drm_sched_job_queue __traceiter_jobqueue_queue
#define __traceiter_drm_sched_job_run __traceiter_jobqueue_run
#define __traceiter_drm_sched_job_done __traceiter_jobqueue_done
#define __traceiter_drm_sched_job_add_dep __traceiter_jobqueue_add_dep
#define __traceiter_drm_sched_job_unschedulable __traceiter_jobqueue_unschedulable

#define __probestub_drm_sched_job_queue __probestub_jobqueue_queue
#define __probestub_drm_sched_job_run __probestub_jobqueue_run
#define __probestub_drm_sched_job_done __probestub_jobqueue_done
#define __probestub_drm_sched_job_add_dep __probestub_jobqueue_add_dep
#define __probestub_drm_sched_job_unschedulable __probestub_jobqueue_unschedulable

#define tp_func_drm_sched_job_queue tp_func_jobqueue_queue
#define tp_func_drm_sched_job_run tp_func_jobqueue_run
#define tp_func_drm_sched_job_done tp_func_jobqueue_done
#define tp_func_drm_sched_job_add_dep tp_func_jobqueue_add_dep
#define tp_func_drm_sched_job_unschedulable tp_func_jobqueue_unschedulable

#ifdef CONFIG_HAVE_ARCH_PREL32_RELOCATIONS
/* There the list of tracepoints is made in assembly, which does not know the names above. */
#define JOBQUEUE_TRACE_ALIAS(event) \
	asm(".set __tracepoint_drm_sched_job_" #event ", __tracepoint_jobqueue_" #event)

JOBQUEUE_TRACE_ALIAS(queue);
JOBQUEUE_TRACE_ALIAS(run);
JOBQUEUE_TRACE_ALIAS(done);
JOBQUEUE_TRACE_ALIAS(add_dep);
JOBQUEUE_TRACE_ALIAS(unschedulable);
#endif

#endif
