// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Destruction of futures and outputs that are dropped where the caller may not sleep.
//!
//! The output of a complete task is passed to a thread of this module, since the task's executor
//! may be shut down already. It is passed on by the links of the task, so not before the task was
//! unlinked from its scope: by the side that comes last, the one that drops the handle or the one
//! that unlinks the task. The latter does so with the tree's lock held. So once a walk of the tree
//! does not find the task any more, either the output was passed on or the handle exists. The
//! future of a task that was never started is passed to the executor's workqueue, which is not
//! destroyed before the task has left its scope.

use super::{
    put,
    schedule,
    state::Unlinked,
    Header, //
};
use crate::{
    current,
    ffi,
    list::Links,
    section::annotated,
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

/// Passes the output of a complete task to a thread that may sleep, which drops it: (15), (17). Any
/// context but NMI.
///
/// # Safety
///
/// The caller must own the output and the handle's reference, and passes on both.
pub(super) unsafe fn drop_output(header: NonNull<Header>) {
    // SAFETY: The task is valid by the safety requirements.
    if !unsafe { header.as_ref() }.state.defer_output() {
        // SAFETY: The task is unlinked, and the caller passes on the output and a reference.
        unsafe { pass_on(header) };
    }
}

/// Drops `n` references to a task that was just unlinked from its scope, and passes on its output
/// if the handle has left it here: (16). Returns whether the references were the last, so that the
/// caller has to free the task. Any context but NMI.
///
/// # Safety
///
/// The lock of the scope tree must be held, the task must be in no list, and the caller must own as
/// many references and not use them afterwards.
#[inline]
pub(crate) unsafe fn put_unlinked(header: NonNull<Header>, n: u64) -> bool {
    // SAFETY: Valid through the caller's references.
    match unsafe { header.as_ref() }.state.put_unlinked(n) {
        Unlinked::Last => return true,
        // SAFETY: The task is unlinked, and the handle has left its output and its reference.
        Unlinked::Deferred => unsafe { pass_on(header) },
        Unlinked::Shared => {}
    }
    false
}

/// Passes the output of an unlinked task to a thread that may sleep.
///
/// # Safety
///
/// UNLINKED must be set. The caller must own the output and a reference, and passes on both.
#[cold]
unsafe fn pass_on(header: NonNull<Header>) {
    // SAFETY: The reference keeps the task valid.
    let links = unsafe { (&raw mut (*header.as_ptr()).links).cast::<Links<Header>>() };
    // SAFETY: The links of an unlinked task are not in use, but by the one that passes on the
    // output, which there is once. The reference keeps them valid until `run()` is called.
    unsafe {
        (*links).touch();
        ffi::kasync_defer(links.cast(), run);
    }
}

/// Drops the output of a task.
///
/// # Safety
///
/// `node` must be the links of a task that was given to [`pass_on`], once.
unsafe extern "C" fn run(node: *mut c_void) {
    // SAFETY: `node` is the field `links` of a header.
    let header = unsafe { node.cast::<u8>().sub(offset_of!(Header, links)) };
    // SAFETY: The header contains `node`, so it is not null.
    let header = unsafe { NonNull::new_unchecked(header.cast::<Header>()) };
    // SAFETY: The reference that `pass_on()` was given keeps the task valid.
    let drop_output = unsafe { header.as_ref().vtable.drop_output };
    if let Some(drop_output) = drop_output {
        // In a signalling section, as by the worker that completes a task: one thread drops all
        // these outputs, and the unloading of each module waits for it. So none of them may block,
        // and an executor is closed by a work item of its own.
        annotated(|| {
            current::enter_section(|| {
                // SAFETY: `pass_on()` was given the output.
                unsafe { drop_output(header) }
            })
        });
    }
    // SAFETY: `pass_on()` was given the reference.
    unsafe { put(header) };
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
    // SAFETY: Not started, and with the reference taken above.
    if !unsafe { schedule(task) } {
        // SAFETY: The reference taken above was not passed on.
        unsafe { put(header) };
    }
}
