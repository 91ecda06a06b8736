// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks: one allocation each, run by a work item of their own.
//!
//! # States
//!
//! Half of the state is the work item's: its *pending* mark says "woken, will be polled", and that
//! the workqueue never runs an item twice at once says "being polled by one CPU". The other half is
//! in the state word ([`state`]).
//!
//! ```text
//!            (1) reserve
//!                │
//!            PREPARED ──(2) dropped──► future dropped, memory freed with the last reference;
//!                │                     where the caller may not sleep, by a worker
//!                │ (3) start: STARTED set, then queued; or not queued: IDLE
//!                ▼
//!  ┌──────► SCHEDULED ◄──────────┐  pending mark set; the mark owns one reference
//!  │             │ (4) mark cleared by the worker, run() called
//!  │             ▼               │
//!  │          RUNNING            │ (5) wake: reference taken, queued;
//!  │          │  │  │            │     given back if the mark was set already
//!  │(7) woken │  │  └─(6) Pending ──► IDLE
//!  │ meanwhile│  │
//!  └──────────┘  │ (8) Ready: future dropped, output in place, COMPLETE set
//!                ▼
//!            COMPLETE ── wakes do nothing; a run that was queued before returns at once
//!                │ (9) last reference
//!                ▼
//!              freed (memory only: nothing else is left in it)
//! ```
//!
//! A *claim* ([`Claim`]) polls on the thread that has something for the task, with no worker:
//!
//! ```text
//!   IDLE or SCHEDULED ──(10) claim: RUNNING and CLAIMED set──► CLAIMED
//!   CLAIMED ──(11) wake, or a worker's run: RERUN set, nothing queued──► CLAIMED
//!   CLAIMED ──poll: RERUN cleared before, Ready──► (8) COMPLETE
//!   CLAIMED ──(12) release──► IDLE, or, if RERUN was set, SCHEDULED
//! ```
//!
//! RUNNING is what keeps a worker and a claim apart (contract 3); two workers are kept apart by the
//! workqueue.
//!
//! Tasks that are woken in large numbers, as their scope is cancelled or their queues are closed,
//! and may wait for their turn, are put into a *batch* ([`batch`](crate::batch)). LISTED is
//! independent of what the diagrams above show: such a task may still be woken, and polled by a
//! worker or a claim.
//!
//! ```text
//!   not listed ──(13) wake_listed(): LISTED set, with a reference──► LISTED
//!   LISTED ──(14) its turn, nobody polls it: LISTED cleared──► CLAIMED, by the batch's worker
//!   LISTED ──(14) its turn, a worker polls it: LISTED cleared──► SCHEDULED
//!   LISTED ──(14) its turn, claimed by another: LISTED cleared, RERUN set──► not listed
//!   LISTED ──(14) its turn, COMPLETE──► not listed
//! ```
//!
//! # Owners
//!
//! | field | prepared | started, not complete | complete |
//! |---|---|---|---|
//! | future | `Prepared` | the side that has set RUNNING: the worker or the claim | gone |
//! | output | – | – | the handle, or the worker if there is no handle |
//! | join waker slot, `JOIN_WAKER` clear | – | the handle | nobody (empty) |
//! | join waker slot, `JOIN_WAKER` set | – | nobody | the worker, which takes it out |
//! | `links`, `watched` | the lock of the scope tree | the same | nobody (not linked) |
//! | `link` | – | whatever has set LISTED, then the batch | the same |
//! | `scope` | shared | shared | the worker, which moves it out |
//! | `budget` | – | the side that has set RUNNING, and the leaves that it polls | – |
//! | work item | – | the workqueue | the workqueue, until its last run |
//!
//! References are owned by: the scope's task list (until complete), the handle, each waker, the
//! pending mark, LISTED.
//!
//! # Why no wake is lost (H1) and none leaks (H4)
//!
//! Queueing is a fully ordered read-modify-write of the mark, also when it fails; the worker clears
//! the mark and then runs. So what a waker wrote before is seen by the next poll, be it the one
//! just queued or one queued before. A reference is taken before queueing; exactly if the mark was
//! not set it passes to the mark, and [`run`] gives it back. LISTED is a mark of the same kind, and
//! a reference is taken when it is set; [`run_listed()`] clears it, then polls, and gives that
//! back.
//!
//! # Why no wake reaches a dead queue (H2, H3)
//!
//! A wake reads COMPLETE and queues inside one RCU section. An executor that is shut down has seen
//! all its tasks COMPLETE, then waits for a grace period, then destroys the queue.

pub(crate) mod budget;
mod claim;
mod deferred;
pub(crate) mod header;
mod info;
mod join;
mod listed;
mod prepared;
mod stage;
pub(crate) mod state;
pub(crate) mod waker;

pub use claim::Claim;
pub(crate) use header::{
    current_task,
    Header, //
};
pub(crate) use info::TaskInfo;
pub use join::JoinHandle;
pub(crate) use listed::{
    run_listed,
    wake_listed, //
};
pub use prepared::Prepared;
pub use waker::TaskRef;

use crate::{
    current::{
        self,
        PollContext, //
    },
    section::annotated,
    trace, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    sync::rcu, //
};
use waker::with_waker;

/// Drops one reference. Frees memory only, so it is legal in any context (H5).
///
/// # Safety
///
/// The caller must own a reference, and not use it afterwards.
pub(crate) unsafe fn put(header: NonNull<Header>) {
    // SAFETY: By the safety requirements.
    unsafe { put_many(header, 1) };
}

/// Drops `n` references, as [`put`] does one.
///
/// # Safety
///
/// The caller must own as many, and not use them afterwards.
#[inline]
unsafe fn put_many(header: NonNull<Header>, n: u64) {
    // SAFETY: Valid through the caller's references.
    let task = unsafe { header.as_ref() };
    if task.state.put_refs(n) {
        // (9) SAFETY: The last reference. Future, output, scope and join waker were moved out or
        // dropped before the scope's and the handle's reference went, so that nothing is left to
        // drop.
        // The layout is not asked for: the task's module may be gone.
        unsafe { bindings::kfree(header.as_ptr().cast()) };
    }
}

/// Wakes: (5).
///
/// # Safety
///
/// The task must be valid for the time of the call.
pub(crate) unsafe fn wake(header: NonNull<Header>) {
    // SAFETY: Valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    task.wakes.add(1);
    // A thread that waits for the task to end, and then lets its code go, waits for a grace period
    // as well.
    let _rcu = rcu::read_lock();
    let now = task.state.load();
    if now.is_complete() {
        return;
    }
    trace::wake(task.address(), task.name);
    // (11), without touching the count.
    if now.is_claimed() && task.state.note() {
        return;
    }
    // The reference that the pending mark will own. Fully ordered, so that the side that starts the
    // task sees what was written before, if this does not see it started.
    let old = task.state.get_ref();
    let absorbed =
        old.is_complete() || !old.is_started() || (old.is_claimed() && task.state.note());
    if absorbed || !schedule(task) {
        // SAFETY: Nobody else has got the reference taken above.
        unsafe { put(header) };
    }
}

/// Queues the task. Callers own a reference, which passes to the pending mark on `true`.
fn schedule(task: &Header) -> bool {
    // SAFETY: The item was initialised with the task; a reference keeps it valid until it has run.
    // Inside an RCU section and not complete, or not yet started: the queue is there.
    unsafe { task.batch.as_ref().queue().enqueue(task.work.get()) }
}

/// Runs a task: (4). Called by the workqueue, once per pending mark that it has cleared.
///
/// # Safety
///
/// `work` must be the item of a task, and its pending mark have been set and cleared.
unsafe extern "C" fn run(work: *mut bindings::work_struct) {
    // SAFETY: Not null: the item is at offset 0 of a task.
    let header = unsafe { NonNull::new_unchecked(work.cast::<Header>()) };
    // SAFETY: The pending mark's reference, now ours, keeps the task valid.
    let task = unsafe { header.as_ref() };
    // Nothing to do if complete: a wake that came between the last poll's Ready and COMPLETE leads
    // here (H2, H12). Nor if claimed: then (11).
    if task.state.run().is_ok() {
        // SAFETY: The right to poll is ours.
        match unsafe { poll(header, PollContext::worker()) } {
            // SAFETY: The future has just become Ready; the pending mark's reference.
            true => return unsafe { complete(header, 1) },
            false => task.state.idle(),
        }
    } else if !task.state.load().is_started() {
        // In the section, as it may run a driver's code.
        annotated(|| {
            current::enter_section(|| {
                // SAFETY: Queued and not started: the reservation was dropped where the future
                // could not be, and has passed all of the task on.
                unsafe { prepared::discard(header) }
            })
        });
    }
    // SAFETY: The pending mark's reference.
    unsafe { put(header) };
}

/// Polls once, and returns whether the future is done.
///
/// # Safety
///
/// The task must be valid, started and not complete, and the right to poll it be the caller's.
unsafe fn poll(header: NonNull<Header>, here: PollContext) -> bool {
    // SAFETY: Valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    annotated(|| {
        here.enter(header.cast(), || {
            task.budget.reset();
            // Odd while a poll runs. Nobody else writes.
            let polls = task.polls.get();
            task.polls.set(polls.wrapping_add(1));
            trace::poll_begin(task.address(), task.name);
            // SAFETY: The task is started, not complete, and ours alone to poll.
            let done = with_waker(header, |cx| unsafe { (task.vtable.poll)(header, cx) });
            task.polls.set(polls.wrapping_add(2));
            trace::poll_end(task.address(), task.name, done);
            done
        })
    })
}

/// (8). Drops `refs` references of the caller's, if any, with that of the scope.
///
/// # Safety
///
/// The caller must have polled the future to its end, the output must be in place, and the task
/// stay valid, by these references or another one. It does not use them afterwards.
unsafe fn complete(header: NonNull<Header>, refs: u64) {
    // SAFETY: By the safety requirements.
    let task = unsafe { header.as_ref() };
    let old = task.state.complete();
    if !old.has_handle() {
        if let Some(drop_output) = task.vtable.drop_output {
            // In the section, as it may run a driver's code.
            annotated(|| {
                current::enter_section(|| {
                    // SAFETY: No handle: the output is ours.
                    unsafe { drop_output(header) }
                })
            });
        }
    }
    if old.has_join_waker() {
        // SAFETY: JOIN_WAKER and COMPLETE together: the slot is ours.
        if let Some(waker) = task.join_waker.with(|slot| unsafe { (*slot).take() }) {
            waker.wake();
        }
    }
    // SAFETY: The slot is the completing worker's.
    let scope = unsafe { (*task.scope.get()).take() };
    if let Some(scope) = scope {
        // Nothing of a user's code runs for this task after this, other than through the handle:
        // joining the scope is enough before the code goes away. SAFETY: The task is in the list of
        // this scope.
        unsafe { scope.task_ended(header) };
    }
    // SAFETY: The reference of the scope's list, which the task has just left, and the caller's.
    unsafe { put_many(header, 1 + refs) };
}

impl Header {
    fn address(&self) -> *const () {
        core::ptr::from_ref(self).cast()
    }

    // Two functions of their own, as their callers are generic and stand in other modules, which
    // have no business with tracepoints of this one.

    #[inline(never)]
    fn note_start(&self) {
        trace::start(self.address(), self.name);
    }

    #[inline(never)]
    fn note_cancel(&self) {
        trace::cancel(self.address(), self.name);
    }
}
