// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Workqueues and work items, as far as [`kernel::workqueue`] does not have them.
//!
//! 7.3 has no function that creates a [`kernel::workqueue::Queue`], and the system's workqueues are
//! not `WQ_MEM_RECLAIM`. Executors need such queues, or a real-time thread, with one lockdep map
//! for all. A [`kernel::workqueue::Work`] is queued with a typed reference to its container, which
//! is returned if the item was pending already. Wakers of tasks know the address of a task but not
//! its type, and queue it in hard interrupts, where the last reference must not be dropped.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::ffi;
use core::{
    ffi::CStr,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    error::to_result,
    ffi::c_uint,
    prelude::*,
    types::Opaque, //
};

/// The function of a work item.
pub(crate) type Run = unsafe extern "C" fn(*mut bindings::work_struct);

/// The priority of what runs an executor's tasks.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum Priority {
    /// Workers have the priority of normal threads.
    #[default]
    Normal,
    /// `WQ_HIGHPRI`: workers have a higher priority than normal threads, for short tasks that
    /// others wait for.
    High,
    /// One thread with `SCHED_FIFO`, as `sched_set_fifo()` makes it, runs all tasks, one after
    /// another. It is for drivers whose users are real-time threads themselves, such as a
    /// compositor, which would otherwise keep the workers away from the processor. A task that
    /// computes for long keeps normal threads away in turn.
    Realtime,
}

impl TryFrom<c_uint> for Priority {
    type Error = Error;

    /// Returns the priority of that number, as C code and `kasync_queue_new()` have them.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none.
    fn try_from(number: c_uint) -> Result<Self> {
        [Self::Normal, Self::High, Self::Realtime]
            .into_iter()
            .find(|&priority| priority as c_uint == number)
            .ok_or(EINVAL)
    }
}

/// A handle of what runs the work items of an executor: a workqueue, or a real-time thread. It may
/// be used until [`Queue::destroy`] is called.
///
/// # Invariants
///
/// The pointer is valid until [`Queue::destroy`] is called.
#[derive(Clone, Copy)]
pub(crate) struct Queue(NonNull<ffi::RawQueue>);

// SAFETY: Queues may be used by any thread.
unsafe impl Send for Queue {}
// SAFETY: Queues may be used by several threads at once.
unsafe impl Sync for Queue {}

impl Queue {
    /// Creates a queue whose items are run with `priority`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. `EINTR` if a thread is to be created and the caller is killed.
    pub(crate) fn new(name: &'static CStr, priority: Priority) -> Result<Self> {
        let mut queue = ptr::null_mut();
        // SAFETY: `name` is a C string, and `queue` is valid for writes.
        to_result(unsafe {
            ffi::kasync_queue_new(name.as_char_ptr(), priority as c_uint, &mut queue)
        })?;
        // INVARIANT: The queue was just created.
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }

    /// Runs the items that are still queued, waits for all to return, and frees the queue. May
    /// sleep.
    ///
    /// # Safety
    ///
    /// From now on [`Queue::enqueue`] may only be called by items of this queue.
    pub(crate) unsafe fn destroy(self) {
        // SAFETY: The queue is valid by the type invariant. By the safety requirements only its own
        // items still queue, which `kasync_queue_destroy()` runs.
        unsafe { ffi::kasync_queue_destroy(self.0.as_ptr()) }
    }

    /// Queues `work` unless it is pending already, and returns whether it did. Any context but NMI.
    ///
    /// In either case the next run of the item sees what was written before the call. The pending
    /// mark is cleared before the item runs, and an item never runs twice at once. The queue does
    /// not access the item after it has called its function.
    ///
    /// # Safety
    ///
    /// The item must be initialised and stay valid until it has run. The queue must not be
    /// destroyed before that, nor before this function returns.
    #[inline]
    pub(crate) unsafe fn enqueue(self, work: *mut bindings::work_struct) -> bool {
        // SAFETY: Both are valid by the safety requirements.
        unsafe { ffi::kasync_queue_work(self.0.as_ptr(), work) }
    }

    /// Returns whether `work`, an item of this queue, is pending. Any context but NMI.
    ///
    /// # Safety
    ///
    /// The item must be initialised, and the queue must not be destroyed.
    #[inline]
    pub(crate) unsafe fn is_pending(self, work: *mut bindings::work_struct) -> bool {
        // SAFETY: Both are valid by the safety requirements.
        unsafe { ffi::kasync_work_pending(self.0.as_ptr(), work) }
    }
}

/// A work item.
#[repr(transparent)]
pub(crate) struct Work(Opaque<bindings::work_struct>);

impl Work {
    /// Returns an item that is not initialised yet.
    pub(crate) const fn uninit() -> Self {
        Self(Opaque::uninit())
    }

    /// Initialises the item at `slot`, so that running it calls `run` with its address.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writes and not be moved afterwards.
    pub(crate) unsafe fn init(slot: *mut Self, run: Run) {
        // SAFETY: `slot` is valid for writes and is not moved afterwards, by the safety
        // requirements.
        unsafe { ffi::kasync_work_init(slot.cast(), run) }
    }

    /// Returns the address of the item.
    pub(crate) fn get(&self) -> *mut bindings::work_struct {
        self.0.get()
    }
}

/// Queues `work` on a thread of this module that may block, which calls `run` with it. Any context
/// but NMI.
///
/// # Safety
///
/// `work` must not be in use, and stay valid until `run` is called.
pub(crate) unsafe fn run_later(work: *mut bindings::work_struct, run: Run) {
    // SAFETY: `work` is not in use and stays valid until `run` is called, by the safety
    // requirements.
    unsafe { ffi::kasync_reap(work, run) }
}
