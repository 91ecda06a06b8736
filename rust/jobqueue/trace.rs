// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tracepoints (`trace.h`): a static branch each while nobody looks.
//!
//! ```text
//! # echo 1 > /sys/kernel/tracing/events/jobqueue/enable
//! # cat /sys/kernel/tracing/trace_pipe
//!
//!  drm_sched_job_queue ─► drm_sched_job_add_dep … ─► drm_sched_job_unschedulable … ─► drm_sched_job_run ─► drm_sched_job_done
//!  received by the task   for each fence that        its turn, and such a fence       the hardware         its fence signals
//!                         it may have to wait for    has not signalled                has it
//! ```

use dma_fence::{
    FenceSet,
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

    /// A `struct static_key_false`, as the macro wants it.
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
            flying: u32,
            client_id: u64,
        );
        pub(super) fn jobqueue_trace_run(
            dev: *const c_char,
            ring: *const c_char,
            context: u64,
            seqno: u64,
            waiting: u32,
            flying: u32,
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

/// Whose a queue is, for those who look from outside.
#[derive(Clone, Default)]
pub struct Label {
    /// The device's name. If there is none, the driver's is shown.
    pub device: Option<Arc<CString>>,
    /// `drm_file.client_id`, or 0.
    pub client_id: u64,
}

/// What a queue's task knows for those events that say how a queue is doing.
pub(crate) struct Traced {
    pub(crate) label: Label,
    /// Of the driver, and of the queue's kind.
    pub(crate) names: &'static TimelineNames,
    /// Jobs that wait.
    pub(crate) waiting: u32,
    /// Credits in flight.
    pub(crate) flying: u32,
}

/// A fence's context and sequence number.
type Id = (u64, u64);

/// Whether somebody looks. What follows if so is kept out of the way.
#[inline(always)]
pub(crate) fn on() -> bool {
    // SAFETY: A static key of this module, defined in C.
    unsafe { kernel::jump_label::static_branch_unlikely!(ffi::jobqueue_trace_key, ffi::Key, key) }
}

/// The queue's task has received a job that was committed, while others wait.
pub(crate) fn queue(queue: &Traced, fence: Id, dependencies: &FenceSet) {
    emit(ffi::jobqueue_trace_queue, queue, fence);
    each(ffi::jobqueue_trace_add_dep, fence, dependencies);
}

/// It is a job's turn, but for what it depends on.
#[cold]
pub(crate) fn wait(fence: Id, dependencies: &FenceSet) {
    each(ffi::jobqueue_trace_unschedulable, fence, dependencies);
}

/// The hardware has a job, while others wait.
pub(crate) fn run(queue: &Traced, fence: Id) {
    emit(ffi::jobqueue_trace_run, queue, fence);
}

/// A job is over.
#[cold]
#[inline(never)]
pub(crate) fn done((context, seqno): Id) {
    // SAFETY: No requirements.
    unsafe { ffi::jobqueue_trace_done(context, seqno) };
}

fn emit(
    event: unsafe extern "C" fn(*const c_char, *const c_char, u64, u64, u32, u32, u64),
    queue: &Traced,
    (context, seqno): Id,
) {
    let (driver, ring) = (queue.names.driver(), queue.names.timeline());
    let device = queue.label.device.as_deref().map_or(driver, |name| name);
    // SAFETY: Both are C strings.
    unsafe {
        event(
            device.as_char_ptr(),
            ring.as_char_ptr(),
            context,
            seqno,
            queue.waiting,
            queue.flying,
            queue.label.client_id,
        )
    };
}

/// Tells of each of `dependencies` that has not signalled.
fn each(
    event: unsafe extern "C" fn(u64, u64, u64, u64),
    (context, seqno): Id,
    dependencies: &FenceSet,
) {
    for dependency in dependencies.iter().filter(|f| !f.test_signaled_flag()) {
        // SAFETY: No requirements.
        unsafe { event(context, seqno, dependency.context(), dependency.seqno()) };
    }
}
