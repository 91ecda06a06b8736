// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! `struct jobqueue`, and what interrupt handlers call with it.
//!
//! The store by which `jobqueue_complete()` completes a job may be all that the end of a queue has
//! waited for. Then another thread calls `destroy`, and the driver puts the queue, while the
//! interrupt handler has yet to wake the queue's task. A wake by `jobqueue_ready()` may have the
//! same effect before it is over. So the memory that they access stays until they have returned:
//!
//! ```text
//!   jobqueue_complete()                     another processor
//!   rcu_read_lock()
//!     the job is over ────────────────────► the queue ends: destroy(), jobqueue_put()
//!     wakes the task                           │ call_rcu()
//!   rcu_read_unlock() ─────────────────────►  free()
//! ```

use super::ring::{
    CRing,
    RawJob,
    Shared,
    OVER, //
};
use crate::JobQueue;
use core::{
    cell::UnsafeCell,
    mem::{
        offset_of,
        ManuallyDrop,
        MaybeUninit, //
    },
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    ffi::c_int,
    prelude::*,
    sync::{
        atomic::Release,
        rcu,
        Arc, //
    }, //
};

/// The C type `struct jobqueue`.
///
/// # Invariants
///
/// It is in a [`KBox`]. `queue` is there until it is put, the rest for a grace period more.
pub(super) struct CQueue {
    queue: ManuallyDrop<JobQueue<CRing>>,
    shared: Arc<Shared>,
    /// Used once the queue was put.
    rcu: UnsafeCell<MaybeUninit<bindings::callback_head>>,
}

impl CQueue {
    /// Returns the memory of a queue.
    pub(super) fn memory() -> Result<KBox<MaybeUninit<Self>>> {
        Ok(KBox::new_uninit(GFP_KERNEL)?)
    }

    /// Returns a queue with what it shares with its ring.
    pub(super) fn write(
        memory: KBox<MaybeUninit<Self>>,
        queue: JobQueue<CRing>,
        shared: Arc<Shared>,
    ) -> KBox<Self> {
        // INVARIANT: It is in a box, and new.
        KBox::write(
            memory,
            Self {
                queue: ManuallyDrop::new(queue),
                shared,
                rcu: UnsafeCell::new(MaybeUninit::uninit()),
            },
        )
    }

    /// Returns the queue.
    pub(super) fn queue(&self) -> &JobQueue<CRing> {
        &self.queue
    }

    /// Closes a queue, and frees it when no interrupt handler wakes it any more. Any context.
    ///
    /// # Safety
    ///
    /// `this` must not be used any more, except in RCU read-side sections that have begun before,
    /// for `shared`.
    pub(super) unsafe fn put(this: NonNull<Self>) {
        let this = this.as_ptr();
        // SAFETY: By the safety requirements nothing else accesses these two fields any more, and
        // the queue is dropped once. The module waits for the callback before it is unloaded.
        unsafe {
            (&raw mut (*this).queue)
                .cast::<JobQueue<CRing>>()
                .drop_in_place();
            bindings::call_rcu((&raw mut (*this).rcu).cast(), Some(free));
        }
    }

    /// Wakes the queue's task.
    ///
    /// # Safety
    ///
    /// `this` must have been valid when the RCU read-side section began.
    unsafe fn wake(this: *const Self, _: &rcu::Guard) {
        enter_window();
        // SAFETY: By the safety requirements the queue was put after the beginning of the section,
        // if at all, so it is not freed before the end. Only `queue` is dropped before that.
        unsafe { (*this).shared.waker.wake() };
    }
}

/// Frees a queue that was put.
///
/// # Safety
///
/// `head` must be the field `rcu` of a queue that was put before a grace period.
unsafe extern "C" fn free(head: *mut bindings::callback_head) {
    // SAFETY: By the safety requirements the queue is there, and nothing else accesses it. Its
    // waker may be dropped in any context.
    drop(unsafe { KBox::from_raw(head.byte_sub(offset_of!(CQueue, rcu)).cast::<CQueue>()) });
}

/// Lets a test do something before the last access to a queue.
#[inline(always)]
fn enter_window() {
    #[cfg(CONFIG_KUNIT)]
    {
        use kernel::jump_label::static_branch_unlikely;

        /// A `struct static_key_false`, as `static_branch_unlikely!` takes it.
        #[repr(C)]
        struct Key {
            key: bindings::static_key_false,
        }
        unsafe extern "C" {
            static jobqueue_window_key: Key;
            fn jobqueue_enter_window();
        }
        // SAFETY: The key is a static of this module, defined in C.
        if unsafe { static_branch_unlikely!(jobqueue_window_key, Key, key) } {
            // SAFETY: The function calls what a test has set, in any context.
            unsafe { jobqueue_enter_window() };
        }
    }
}

/// `jobqueue_complete()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_complete()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_complete(queue: *const CQueue, job: *mut RawJob, error: c_int) {
    let guard = rcu::read_lock();
    // SAFETY: Both are valid: the job is in flight, so the queue has not ended, and is not put
    // before it has. The state is the last access to the job.
    unsafe {
        ptr::write(&raw mut (*job).error, error);
        // Pairs with the acquire in `poll_complete()`.
        (*job).state.store(OVER, Release);
        CQueue::wake(queue, &guard);
    }
}

/// `jobqueue_ready()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_ready()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_ready(queue: *const CQueue) {
    let guard = rcu::read_lock();
    // SAFETY: From `jobqueue_create()`, and valid.
    unsafe { CQueue::wake(queue, &guard) };
}
