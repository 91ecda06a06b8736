// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Trace events (`trace.h`). Each is a static branch while they are disabled.
//!
//! ```text
//! # echo 1 > /sys/kernel/tracing/events/jobqueue/enable
//! # cat /sys/kernel/tracing/trace_pipe
//!
//!  drm_sched_job_queue           received by the task
//!   └► drm_sched_job_add_dep …   for each fence that it depends on
//!   └► drm_sched_job_unschedulable …   it is the first, and such a fence has not signalled
//!   └► drm_sched_job_run         submitted to the hardware
//!   └► drm_sched_job_done        its fence signals
//! ```
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use dma_fence::{
    FenceSet,
    PendingFence,
    TimelineNames, //
};
use kernel::{
    ffi::c_char,
    prelude::*,
    str::CString,
    sync::Arc, //
};

mod ffi {
    use kernel::{
        bindings::static_key_false,
        ffi::c_char, //
    };

    /// A `struct static_key_false`, as `static_branch_unlikely!` takes it.
    #[repr(C)]
    pub(super) struct Key {
        pub(super) key: static_key_false,
    }

    unsafe extern "C" {
        pub(super) static jobqueue_trace_key: Key;
        pub(super) fn jobqueue_trace_queue(
            dev: *const c_char,
            ring: *const c_char,
            context: u64,
            seqno: u64,
            waiting: u32,
            in_flight: u32,
            client_id: u64,
        );
        pub(super) fn jobqueue_trace_run(
            dev: *const c_char,
            ring: *const c_char,
            context: u64,
            seqno: u64,
            waiting: u32,
            in_flight: u32,
            client_id: u64,
        );
        pub(super) fn jobqueue_trace_done(context: u64, seqno: u64);
        pub(super) fn jobqueue_trace_add_dep(
            context: u64,
            seqno: u64,
            dep_context: u64,
            dep_seqno: u64,
        );
        pub(super) fn jobqueue_trace_unschedulable(
            context: u64,
            seqno: u64,
            dep_context: u64,
            dep_seqno: u64,
        );
    }
}

/// The owner of a queue, for trace events.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | clone | yes | yes | yes |
/// | drop | yes | yes | not on `PREEMPT_RT`, as it may free memory |
#[derive(Clone, Default)]
pub struct Label {
    /// The device's name; the driver's is shown if there is none.
    pub device: Option<Arc<CString>>,
    /// `drm_file.client_id`, or 0.
    pub client_id: u64,
}

/// The fields that events about the state of a queue have in common.
pub(crate) struct Traced {
    pub(crate) label: Label,
    /// The names of the driver and of the kind of queue.
    pub(crate) names: &'static TimelineNames,
    /// The number of jobs that wait.
    pub(crate) waiting: u32,
    /// The number of credits in flight.
    pub(crate) in_flight: u32,
}

/// The context and sequence number of a fence.
type Id = (u64, u64);

/// Returns whether any event is enabled.
#[inline(always)]
pub(crate) fn on() -> bool {
    // SAFETY: The key is a static of this module, defined in C.
    unsafe { kernel::jump_label::static_branch_unlikely!(ffi::jobqueue_trace_key, ffi::Key, key) }
}

/// Traces that the queue's task has received a job, with its dependencies.
pub(crate) fn queue(queue: &Traced, fence: Id, dependencies: &FenceSet) {
    emit(ffi::jobqueue_trace_queue, queue, fence);
    each(ffi::jobqueue_trace_add_dep, fence, dependencies);
}

/// Traces, once for each job, the dependencies that the first job still waits for.
#[cold]
pub(crate) fn wait(fence: &PendingFence) {
    if !fence.dependencies().is_polled() {
        each(
            ffi::jobqueue_trace_unschedulable,
            fence.id(),
            fence.dependencies(),
        );
    }
}

/// Traces that a job was submitted to the hardware.
pub(crate) fn run(queue: &Traced, fence: Id) {
    emit(ffi::jobqueue_trace_run, queue, fence);
}

/// Traces that a job has completed.
#[cold]
#[inline(never)]
pub(crate) fn done((context, seqno): Id) {
    // SAFETY: The function takes numbers only.
    unsafe { ffi::jobqueue_trace_done(context, seqno) };
}

fn emit(
    event: unsafe extern "C" fn(*const c_char, *const c_char, u64, u64, u32, u32, u64),
    queue: &Traced,
    (context, seqno): Id,
) {
    let (driver, ring) = (queue.names.driver(), queue.names.timeline());
    let device = queue.label.device.as_deref().map_or(driver, |name| name);
    // SAFETY: Both strings end with NUL, and live until the call returns.
    unsafe {
        event(
            device.as_char_ptr(),
            ring.as_char_ptr(),
            context,
            seqno,
            queue.waiting,
            queue.in_flight,
            queue.label.client_id,
        )
    };
}

/// Emits `event` for each of `dependencies` that has not signalled.
fn each(
    event: unsafe extern "C" fn(u64, u64, u64, u64),
    (context, seqno): Id,
    dependencies: &FenceSet,
) {
    for dependency in dependencies.iter().filter(|f| !f.test_signaled_flag()) {
        // SAFETY: The function takes numbers only.
        unsafe { event(context, seqno, dependency.context(), dependency.seqno()) };
    }
}
