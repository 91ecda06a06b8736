// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks in batches: the flag LISTED.
//!
//! The numbers of transitions are those of the diagrams in [`crate::task`].

use super::{
    claim,
    complete,
    poll,
    put,
    schedule,
    state::{
        Snapshot,
        Turn, //
    },
    Header, //
};
use crate::{
    batch::Link,
    current::PollContext,
    thread::NoPreempt,
    trace, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::sync::rcu;

/// Wakes a task by adding it to its batch, whose worker polls one task after the other: (13). For
/// wakes that come in large numbers.
///
/// # Safety
///
/// The task must be valid for the time of the call.
pub(crate) unsafe fn wake_listed(header: NonNull<Header>) {
    // SAFETY: Valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    if task.state.is_listed_already() {
        return;
    }
    task.wakes.add(1);
    // As in `wake()`, the section keeps the batch and its queue until the task was added.
    let _rcu = rcu::read_lock();
    trace::wake(task);
    let _preempt = NoPreempt::new();
    if task.state.list() {
        // SAFETY: `list()` has set LISTED with a reference, in this RCU section, and with
        // preemption disabled.
        unsafe { put_in(header) };
    }
}

/// Wakes a task as [`wake_listed`] does, and drops its handle, whose reference passes to the batch.
///
/// # Errors
///
/// The task need not be added. The error is the state word before. The caller has to drop what else
/// the handle owns.
///
/// # Safety
///
/// The caller must have the task's handle, and must not use it afterwards, except to drop what it
/// owns on error.
pub(super) unsafe fn detach_listed(header: NonNull<Header>) -> Result<(), Snapshot> {
    // SAFETY: Valid through the handle's reference.
    let task = unsafe { header.as_ref() };
    task.wakes.add(1);
    trace::wake(task);
    // As in `wake()`, the section keeps the batch and its queue until the task was added.
    let _rcu = rcu::read_lock();
    let preempt = NoPreempt::new();
    let old = task.state.drop_handle_and_list();
    if !old.can_be_listed() {
        return Err(old);
    }
    // SAFETY: HANDLE and JOIN_WAKER were cleared above, while the task was not complete.
    let waker = unsafe { task.take_join_waker() };
    // SAFETY: LISTED was set in this section, with the handle's reference, and with preemption
    // disabled.
    unsafe { put_in(header) };
    drop(preempt);
    // Only now, as it may be the waker of anything.
    drop(waker);
    Ok(())
}

/// Adds a task to its batch.
///
/// # Safety
///
/// The caller must have set LISTED with a reference while the task was not complete, in the current
/// RCU section. Preemption must have been disabled since before that: other threads leave the wake
/// to the one that has set LISTED.
#[inline]
unsafe fn put_in(header: NonNull<Header>) {
    // SAFETY: The link is a field of a valid header, so it is not null.
    let link = unsafe { NonNull::new_unchecked(&raw mut (*header.as_ptr()).link) };
    // SAFETY: The task was not complete in this section, so its executor is not destroyed before
    // the section ends.
    let batch = unsafe { header.as_ref().batch.as_ref() };
    // SAFETY: LISTED was clear before, so the link is in no batch. The reference keeps it valid.
    unsafe { batch.add(link) };
}

/// Polls a task that was taken out of its batch: (14). Called by the batch's work item.
///
/// # Safety
///
/// `link` must be that of a task that [`wake_listed`] or [`detach_listed`] has added.
pub(crate) unsafe fn run_listed(link: NonNull<Link>) {
    // SAFETY: `link` is the field of a header.
    let header = unsafe { link.byte_sub(offset_of!(Header, link)) }.cast::<Header>();
    // SAFETY: LISTED's reference, which passes to this function, keeps the task valid.
    let task = unsafe { header.as_ref() };
    match task.state.take_turn() {
        Turn::Nothing => {}
        // SAFETY: A work item of the queue calls this. LISTED's reference is passed on.
        Turn::Running if unsafe { schedule(task) } => return,
        Turn::Running => {}
        // SAFETY: `take_turn()` has claimed the task for this function, which a work item calls:
        // those of this queue run in threads.
        Turn::Claimed(word) => match unsafe { poll(header, PollContext::worker()) } {
            // SAFETY: The future is ready. LISTED's reference is passed on.
            true => return unsafe { complete(header, 1) },
            // SAFETY: `take_turn()` has claimed the task for this function.
            false => unsafe { claim::release(header, word) },
        },
    }
    // SAFETY: LISTED's reference was not passed on.
    unsafe { put(header) };
}
