// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Destruction of futures and outputs that are dropped where the caller may not sleep.
//!
//! The output of a complete task is passed to a thread of this module, since the task's executor
//! may be shut down already. The future of a task that was never started is passed to the
//! executor's workqueue, which is not destroyed before the task has left its scope.

use super::{
    put,
    schedule,
    Header, //
};
use crate::{
    ffi,
    thread, //
};
use core::{
    mem::{
        needs_drop,
        offset_of, //
    },
    ptr::NonNull, //
};
use kernel::{
    ffi::c_void,
    sync::rcu, //
};

/// Returns whether `T` has a destructor that cannot run here, since the caller may not sleep.
#[inline]
pub(super) fn is_needed<T>() -> bool {
    needs_drop::<T>() && thread::blocking_id() == 0
}

/// Passes the output of a complete task to a thread that may sleep, which drops it. Any context but
/// NMI.
///
/// # Safety
///
/// The caller must own the output and a reference, and passes on both.
pub(super) unsafe fn drop_output(header: NonNull<Header>) {
    // SAFETY: The task is valid by the safety requirements.
    let node = unsafe { &raw mut (*header.as_ptr()).links };
    // SAFETY: The links of a complete task are not in use. The reference keeps them valid until
    // `run()` is called.
    unsafe { ffi::kasync_defer(node.cast(), run) };
}

/// Drops the output of a task.
///
/// # Safety
///
/// `node` must be the links of a task that was given to [`drop_output`], once.
unsafe extern "C" fn run(node: *mut c_void) {
    // SAFETY: `node` is the field `links` of a header.
    let header = unsafe { node.cast::<u8>().sub(offset_of!(Header, links)) };
    // SAFETY: The header contains `node`, so it is not null.
    let header = unsafe { NonNull::new_unchecked(header.cast::<Header>()) };
    // SAFETY: `drop_output()` has passed on the output and a reference.
    unsafe {
        if let Some(drop_output) = header.as_ref().vtable.drop_output {
            drop_output(header);
        }
        put(header);
    }
}

/// Passes a task that was never started to a worker, which drops its future. Any context but NMI.
///
/// # Safety
///
/// The caller must own the future and both references of the task, and passes them on.
pub(super) unsafe fn drop_future(header: NonNull<Header>) {
    // SAFETY: The task is valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    let _rcu = rcu::read_lock();
    // The reference that the pending mark will own.
    task.state.get_ref();
    // Only this function queues a task that was not started. The queue outlives the task, which is
    // in its scope.
    if !schedule(task) {
        // SAFETY: The reference taken above was not passed on.
        unsafe { put(header) };
    }
}
