// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Work queues and work items, as far as [`kernel::workqueue`] does not have them.
//!
//! 7.3 has no function that makes a [`kernel::workqueue::Queue`]; those of the system are not on
//! the reclaim path. Executors need that, and one lockdep map for all. A
//! [`kernel::workqueue::Work`] is queued together with a reference of a type that is known, and the
//! reference comes back when it was pending already. A task is queued by its address, by wakers
//! that have forgotten its type, in hard interrupts, where the last reference must not be dropped.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::ffi;
use core::{
    ffi::CStr,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    types::Opaque, //
};

/// The function of a work item.
pub(crate) type Run = unsafe extern "C" fn(*mut bindings::work_struct);

/// A handle of a queue, which is usable until [`Queue::destroy`].
///
/// # Invariants
///
/// The pointer is valid until then.
#[derive(Clone, Copy)]
pub(crate) struct Queue(NonNull<bindings::workqueue_struct>);

// SAFETY: Work queues are used from all threads.
unsafe impl Send for Queue {}
// SAFETY: Work queues are used from all threads.
unsafe impl Sync for Queue {}

impl Queue {
    /// Makes a queue on the reclaim path, whose workers come before threads if it is `urgent`. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(name: &'static CStr, urgent: bool) -> Result<Self> {
        // SAFETY: `name` is a C string.
        let wq = unsafe { ffi::kasync_queue_new(name.as_char_ptr(), urgent) };
        // INVARIANT: Just made.
        NonNull::new(wq).map(Self).ok_or(ENOMEM)
    }

    /// Runs what is still queued, waits for what is running, frees the queue. May sleep.
    ///
    /// # Safety
    ///
    /// No [`Queue::enqueue`] of another context than items of this very queue may be running or
    /// come after this.
    pub(crate) unsafe fn destroy(self) {
        // SAFETY: Valid by the type invariant, and by the safety requirements nobody queues.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) }
    }

    /// Queues `work` unless it is pending already, and returns whether it did. Any context but NMI.
    ///
    /// Whether it did or not, what was written before the call is seen by the next run of the item.
    /// The pending mark is cleared before the item runs, and an item never runs twice at once. The
    /// item is not touched after its function was called.
    ///
    /// # Safety
    ///
    /// The item must be initialised and stay valid until it has run, and the queue not be destroyed
    /// yet.
    #[inline]
    pub(crate) unsafe fn enqueue(self, work: *mut bindings::work_struct) -> bool {
        // SAFETY: Both are valid by the safety requirements.
        unsafe { ffi::kasync_queue_work(self.0.as_ptr(), work) }
    }
}

/// A work item.
#[repr(transparent)]
pub(crate) struct Work(Opaque<bindings::work_struct>);

impl Work {
    /// Returns an item that has yet to be initialised.
    pub(crate) const fn uninit() -> Self {
        Self(Opaque::uninit())
    }

    /// Initialises the item at `slot`, so that running it calls `run` with its address.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writes and not be moved afterwards.
    pub(crate) unsafe fn init(slot: *mut Self, run: Run) {
        // SAFETY: By the safety requirements.
        unsafe { ffi::kasync_work_init(slot.cast(), run) }
    }

    /// Returns the address of the item.
    pub(crate) fn get(&self) -> *mut bindings::work_struct {
        self.0.get()
    }

    /// Returns whether the item was queued at the time of the look. Any context.
    ///
    /// # Safety
    ///
    /// The item must be initialised.
    pub(crate) unsafe fn is_pending(&self) -> bool {
        // SAFETY: By the safety requirements.
        unsafe { ffi::kasync_work_pending(self.0.get()) }
    }
}

/// Has `run` called with `work` on a thread of this module that may block. Any context but NMI.
///
/// # Safety
///
/// `work` must not be in use, and stay valid until `run` is called.
pub(crate) unsafe fn run_later(work: *mut bindings::work_struct, run: Run) {
    // SAFETY: By the safety requirements.
    unsafe { ffi::kasync_reap(work, run) }
}
