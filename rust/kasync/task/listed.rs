// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks in batches: LISTED.
//!
//! The transitions are those of the diagrams in [`crate::task`].

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
    trace, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::sync::rcu;

/// Wakes as [`wake`] does, but has the task polled after others that were woken so, by one worker:
/// (13). For wakes that come in large numbers.
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
    // As in `wake()`: the batch and its queue are there until the section ends, or the task.
    let _rcu = rcu::read_lock();
    trace::wake(task.address(), task.name);
    if task.state.list() {
        // SAFETY: LISTED was set just now, with a reference, in this section.
        unsafe { put_in(header) };
    }
}

/// Wakes as [`wake_listed`] does, as the handle goes, whose reference passes to the batch.
///
/// Otherwise returns the word before, and the caller gives up what else belongs to the handle.
///
/// # Safety
///
/// The caller must have the task's handle, and not use it afterwards but for that.
pub(super) unsafe fn detach_listed(header: NonNull<Header>) -> Result<(), Snapshot> {
    // SAFETY: Valid through the handle's reference.
    let task = unsafe { header.as_ref() };
    task.wakes.add(1);
    trace::wake(task.address(), task.name);
    // See `wake_listed()`.
    let _rcu = rcu::read_lock();
    let old = task.state.drop_handle_and_list();
    if !old.can_be_listed() {
        return Err(old);
    }
    // SAFETY: HANDLE and JOIN_WAKER were just cleared, and the task was not complete.
    drop(unsafe { task.take_join_waker() });
    // SAFETY: LISTED was set in this section, and has the handle's reference.
    unsafe { put_in(header) };
    Ok(())
}

/// Puts a task into its batch.
///
/// # Safety
///
/// The caller has set LISTED, with a reference, and is in the RCU section in which the task was not
/// complete by then.
#[inline]
unsafe fn put_in(header: NonNull<Header>) {
    // SAFETY: Not null, as it is inside of the header, which is valid.
    let link = unsafe { NonNull::new_unchecked(&raw mut (*header.as_ptr()).link) };
    // SAFETY: The task was not complete in this section, so its executor is there.
    let batch = unsafe { header.as_ref().batch.as_ref() };
    // SAFETY: LISTED was not set, so the link is in no batch; its reference keeps the task.
    unsafe { batch.add(link) };
}

/// Polls a task whose turn in a batch it is: (14). Called by the batch's work item.
///
/// # Safety
///
/// `link` must be that of a task, and have been put in by [`wake_listed`].
pub(crate) unsafe fn run_listed(link: NonNull<Link>) {
    // SAFETY: The link is that far inside of a header.
    let header = unsafe { link.byte_sub(offset_of!(Header, link)) }.cast::<Header>();
    // SAFETY: LISTED's reference, now ours, keeps the task valid.
    let task = unsafe { header.as_ref() };
    match task.state.take_turn() {
        Turn::Nothing => {}
        // The queue is there until this work item is over, which is one of it.
        Turn::Running if schedule(task) => return,
        Turn::Running => {}
        // SAFETY: The right to poll is ours.
        Turn::Claimed(word) => match unsafe { poll(header, PollContext::worker()) } {
            // SAFETY: The future has just become Ready; LISTED's reference.
            true => return unsafe { complete(header, 1) },
            // SAFETY: The right to poll is ours.
            false => unsafe { claim::release(header, word) },
        },
    }
    // SAFETY: LISTED's reference.
    unsafe { put(header) };
}
