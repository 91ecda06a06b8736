// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What is dropped where it cannot be, and so is dropped by a worker.
//!
//! The output of a task that is complete goes to a thread of this module, since its executor may
//! be shut down already. The future of a task that was never started goes to the executor's own
//! workqueue, which stays until the task has left its scope.

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

/// Returns whether a value of type `T` has to be dropped elsewhere: in an interrupt, or where the
/// caller may not sleep otherwise.
#[inline]
pub(super) fn is_needed<T>() -> bool {
    needs_drop::<T>() && thread::blocking_id() == 0
}

/// Has the output of a complete task dropped by a thread that may sleep. Any context but NMI.
///
/// # Safety
///
/// The caller owns the output and a reference, and passes both on.
pub(super) unsafe fn drop_output(header: NonNull<Header>) {
    // SAFETY: The task is valid by the safety requirements.
    let node = unsafe { &raw mut (*header.as_ptr()).links };
    // SAFETY: The links of a complete task belong to nobody, and are valid until `run()` is called,
    // through the reference.
    unsafe { ffi::kasync_defer(node.cast(), run) };
}

/// Drops the output of a task.
///
/// # Safety
///
/// `node` must be the links of a task that was given to [`drop_output`], once.
unsafe extern "C" fn run(node: *mut c_void) {
    // SAFETY: The links are that far inside of a header.
    let header = unsafe { node.cast::<u8>().sub(offset_of!(Header, links)) };
    // SAFETY: Not null, as `node` is inside of it.
    let header = unsafe { NonNull::new_unchecked(header.cast::<Header>()) };
    // SAFETY: The output and the reference were passed on.
    unsafe {
        if let Some(drop_output) = header.as_ref().vtable.drop_output {
            drop_output(header);
        }
        put(header);
    }
}

/// Has the future of a task that was never started dropped by a worker. Any context but NMI.
///
/// # Safety
///
/// The caller owns the future, and both references of the task, and passes them on.
pub(super) unsafe fn drop_future(header: NonNull<Header>) {
    // SAFETY: The task is valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    let _rcu = rcu::read_lock();
    // The reference that the pending mark will own.
    task.state.get_ref();
    // Nobody else queues a task that is not started. The task keeps its scope from ending, and so
    // the queue.
    if !schedule(task) {
        // SAFETY: The reference taken above.
        unsafe { put(header) };
    }
}
