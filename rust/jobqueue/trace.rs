// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tracepoints (`trace.h`): a static branch each while nobody looks.
//!
//! ```text
//! # echo 1 > /sys/kernel/tracing/events/jobqueue/enable
//! # cat /sys/kernel/tracing/trace_pipe
//!
//!  drm_sched_job_queue ─► drm_sched_job_add_dep … ─► drm_sched_job_unschedulable … ─► drm_sched_job_run ─► drm_sched_job_done
//!  committed              for each fence that        its turn, and such a fence       the hardware         its fence signals
//!                         it may have to wait for    has not signalled                has it
//! ```

use dma_fence::{
    Fence,
    FenceContext,
    FenceSet, //
};
use kernel::{
    ffi::c_char,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
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

/// What the events of a queue have in common.
pub(crate) struct Trace {
    label: Label,
    /// Credits in flight, as far as somebody has looked.
    flying: Atomic<u32>,
}

/// Whether somebody looks. What follows if so is kept out of the way.
#[inline(always)]
pub(crate) fn on() -> bool {
    // SAFETY: A static key of this module, defined in C.
    unsafe { kernel::jump_label::static_branch_unlikely!(ffi::jobqueue_trace_key, ffi::Key, key) }
}

impl Trace {
    pub(crate) fn new(label: Label) -> Self {
        Self {
            label,
            flying: Atomic::new(0),
        }
    }

    /// A job was committed while `waiting` others wait.
    pub(crate) fn queue(
        &self,
        context: &FenceContext,
        fence: &Fence,
        dependencies: &FenceSet,
        waiting: usize,
    ) {
        self.emit(ffi::jobqueue_trace_queue, context, fence, waiting);
        each(ffi::jobqueue_trace_add_dep, fence, dependencies);
    }

    /// It is a job's turn, but for what it depends on.
    pub(crate) fn wait(&self, fence: &Fence, dependencies: &FenceSet) {
        if !dependencies.is_polled() {
            each(ffi::jobqueue_trace_unschedulable, fence, dependencies);
        }
    }

    /// The hardware has a job, with which `flying` credits are in flight, while `waiting` others wait.
    pub(crate) fn run(&self, context: &FenceContext, fence: &Fence, flying: usize, waiting: usize) {
        self.flying.store(clamp(flying), Relaxed);
        self.emit(ffi::jobqueue_trace_run, context, fence, waiting);
    }

    /// A job is over, and `flying` credits are still in flight.
    pub(crate) fn done(&self, fence: &Fence, flying: usize) {
        self.flying.store(clamp(flying), Relaxed);
        // SAFETY: No requirements.
        unsafe { ffi::jobqueue_trace_done(fence.context(), fence.seqno()) };
    }

    fn emit(
        &self,
        event: unsafe extern "C" fn(*const c_char, *const c_char, u64, u64, u32, u32, u64),
        context: &FenceContext,
        fence: &Fence,
        waiting: usize,
    ) {
        let (driver, ring) = context.names();
        let device = self.label.device.as_deref().map_or(driver, |name| name);
        // SAFETY: Both are C strings.
        unsafe {
            event(
                device.as_char_ptr(),
                ring.as_char_ptr(),
                fence.context(),
                fence.seqno(),
                clamp(waiting),
                self.flying.load(Relaxed),
                self.label.client_id,
            )
        };
    }
}

/// Tells of each of `dependencies` that has not signalled.
fn each(event: unsafe extern "C" fn(u64, u64, u64, u64), fence: &Fence, dependencies: &FenceSet) {
    for dependency in dependencies.iter().filter(|f| !f.is_signaled()) {
        // SAFETY: No requirements.
        unsafe {
            event(
                fence.context(),
                fence.seqno(),
                dependency.context(),
                dependency.seqno(),
            )
        };
    }
}

fn clamp(n: usize) -> u32 {
    n.try_into().unwrap_or(u32::MAX)
}
