// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks. Each is one allocation, run by a work item of its own.
//!
//! # States
//!
//! The state of a task is kept in two places. The *pending* mark of its work item means "woken,
//! will be polled", and the workqueue never runs one item on two CPUs at once. All else is in the
//! state word ([`state`]).
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
//! A *claim* ([`Claim`]) polls the task on the calling thread instead of a worker:
//!
//! ```text
//!   IDLE or SCHEDULED ──(10) claim: RUNNING and CLAIMED set──► CLAIMED
//!   CLAIMED ──(11) wake, or a worker's run: RERUN set, nothing queued──► CLAIMED
//!   CLAIMED ──poll: RERUN cleared before, Ready──► (8) COMPLETE
//!   CLAIMED ──(12) release──► IDLE, or, if RERUN was set, SCHEDULED
//! ```
//!
//! RUNNING excludes a worker and a claim from each other (contract 3). The workqueue excludes two
//! workers from each other.
//!
//! Tasks that are woken in large numbers, because their scope is cancelled or their job queues are
//! closed, are put into a *batch* ([`batch`](crate::batch)). LISTED is independent of the states in
//! the diagrams above: a listed task may still be woken, and be polled by a worker or a claim.
//!
//! ```text
//!   not listed ──(13) wake_listed(): LISTED set, with a reference──► LISTED
//!   LISTED ──(14) its turn, not being polled: LISTED cleared──► CLAIMED, by the batch's worker
//!   LISTED ──(14) its turn, a worker polls it: LISTED cleared──► SCHEDULED
//!   LISTED ──(14) its turn, claimed by another: LISTED cleared, RERUN set──► not listed
//!   LISTED ──(14) its turn, COMPLETE──► not listed
//! ```
//!
//! The output of a complete task whose handle is dropped where the caller may not sleep is passed
//! to another thread ([`deferred`]), by the links of the task:
//!
//! ```text
//!   COMPLETE ──(15) handle dropped there: DEFERRED set──► COMPLETE and DEFERRED
//!   COMPLETE and DEFERRED ──(16) unlinked: UNLINKED set, output passed on──► UNLINKED
//!   COMPLETE ──(16) unlinked: UNLINKED set──► UNLINKED
//!   UNLINKED ──(17) handle dropped there: output passed on──► UNLINKED
//! ```
//!
//! # Owners
//!
//! | field | prepared | started, not complete | complete |
//! |---|---|---|---|
//! | future | `Prepared` | the side that has set RUNNING: the worker or the claim | gone |
//! | output | – | – | the handle, or the worker if there is no handle |
//! | join waker slot, `JOIN_WAKER` clear | – | the handle | none (empty) |
//! | join waker slot, `JOIN_WAKER` set | – | none | the worker, which takes it out |
//! | `links` | the lock of the scope tree | the same | the same; with UNLINKED, see below |
//! | `watched` | the lock of the scope tree | the same | the same, until it is unlinked |
//! | `link` | – | the thread that has set LISTED, then the batch | the same |
//! | `scope` | `Prepared` | the side that has set RUNNING | the worker, which moves it out |
//! | `budget` | – | the side that has set RUNNING, and the leaves that it polls | – |
//! | work item | – | the workqueue | the workqueue, until its last run |
//!
//! With UNLINKED the links belong to the side that passes on the output: the one that has set
//! UNLINKED if it has found DEFERRED, else the handle.
//!
//! References are owned by: the scope's task list (until unlinked), the handle or after it
//! DEFERRED, each waker, the pending mark, LISTED.
//!
//! # Why no wake is lost (H1) and none leaks (H4)
//!
//! Queueing is a fully ordered read-modify-write of the pending mark, even if the mark was set
//! already. The worker clears the mark before it runs the item. So the next poll sees what the
//! waker wrote before the wake, whether this wake or an earlier one has queued it. A reference is
//! taken before queueing. If the mark was clear, the reference passes to the mark, and [`run`]
//! drops it. LISTED is a mark of the same kind: setting it takes a reference, and [`run_listed()`]
//! clears it, polls, and then drops the reference.
//!
//! # Why no wake reaches a dead queue (H2, H3)
//!
//! A wake reads COMPLETE and queues within one RCU read-side section. The shutdown of an executor
//! waits until all its tasks are COMPLETE, then for a grace period, then destroys the queue.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

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
pub(crate) use deferred::put_unlinked;
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
    counted,
    current::{
        self,
        PollContext, //
    },
    section::annotated,
    trace::{
        self,
        Traced, //
    }, //
};
use core::{
    ffi::CStr,
    ptr::NonNull,
    task::Context, //
};
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
    // SAFETY: Valid through the caller's reference.
    let task = unsafe { header.as_ref() };
    if task.state.put_refs(1) {
        // SAFETY: The reference was the last.
        unsafe { free(header) };
    }
}

/// Wakes a task: (5).
///
/// # Safety
///
/// The task must be valid for the time of the call.
pub(crate) unsafe fn wake(header: NonNull<Header>) {
    // SAFETY: Valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    task.wakes.add(1);
    // A thread that waits for the task to end before its code is unloaded also waits for a grace
    // period.
    let _rcu = rcu::read_lock();
    let now = task.state.load();
    if now.is_complete() {
        return;
    }
    trace::wake(task);
    // (11), without touching the count.
    if now.is_claimed() && task.state.set_rerun() {
        return;
    }
    // The reference that the pending mark will own. Fully ordered, so that the side that starts the
    // task sees what was written before, if this does not see it started.
    let old = task.state.get_ref();
    let absorbed =
        old.is_complete() || !old.is_started() || (old.is_claimed() && task.state.set_rerun());
    // SAFETY: In an RCU section in which the task was not complete, with the reference taken above.
    if absorbed || !unsafe { schedule(task) } {
        // SAFETY: The reference taken above was not passed on.
        unsafe { put(header) };
    }
}

/// Queues the task, and returns whether its pending mark was clear. Then a reference of the
/// caller's passes to the mark.
///
/// # Safety
///
/// The caller must own a reference to the task. The queue must be there until this returns: the
/// task was not complete in the current RCU section, or is not started yet, or a work item of the
/// queue calls this.
unsafe fn schedule(task: &Header) -> bool {
    // SAFETY: The item was initialised with the task; the reference keeps it valid until it has
    // run. The queue is there by the safety requirements.
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
    // SAFETY: The pending mark's reference, which passes to this function, keeps the task valid.
    let task = unsafe { header.as_ref() };
    // Nothing to do if complete: a wake that came between the last poll's Ready and COMPLETE leads
    // here (H2, H12). Nor if claimed: then (11).
    if task.state.run().is_ok() {
        // SAFETY: Work items of this queue run in threads.
        let here = unsafe { PollContext::worker() };
        // SAFETY: `run()` has given this function the right to poll.
        match unsafe { poll(header, here) } {
            // SAFETY: The future has just become Ready; the pending mark's reference.
            true => return unsafe { complete(header, 1) },
            false => task.state.idle(),
        }
    } else if !task.state.load().is_started() {
        // In a signalling section, since destructors of drivers may run.
        annotated(|| {
            current::enter_section(|| {
                // SAFETY: Queued and not started: the reservation was dropped in atomic context,
                // and has passed on the ownership of the task.
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
#[inline(always)]
unsafe fn poll(header: NonNull<Header>, here: PollContext) -> bool {
    // SAFETY: Valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    annotated(|| {
        let polled = || {
            task.budget.reset();
            // Odd while a poll runs. Only the poller writes it.
            let polls = task.polls.get();
            task.polls.set(polls.wrapping_add(1));
            trace::poll_begin(task);
            // SAFETY: By the safety requirements the task is started and not complete, and the
            // caller has the right to poll it.
            let poll = |cx: &mut Context<'_>| unsafe { (task.vtable.poll)(header, cx) };
            // SAFETY: Valid by the safety requirements.
            let done = unsafe { with_waker(header, poll) };
            task.polls.set(polls.wrapping_add(2));
            trace::poll_end(task, done);
            done
        };
        // SAFETY: The task is valid by the safety requirements, and this polls it.
        unsafe { here.enter(header.cast(), polled) }
    })
}

/// Completes a task: (8). Drops `refs` references of the caller's, and that of the scope.
///
/// # Safety
///
/// The caller must have polled the future to its end, the output must be in place, and the task
/// stay valid, by these references or another one. It does not use them afterwards.
unsafe fn complete(header: NonNull<Header>, refs: u64) {
    // SAFETY: The task is valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    let old = task.state.complete();
    if !old.has_handle() {
        if let Some(drop_output) = task.vtable.drop_output {
            // In a signalling section, since destructors of drivers may run.
            annotated(|| {
                current::enter_section(|| {
                    // SAFETY: There is no handle, so the output is the worker's.
                    unsafe { drop_output(header) }
                })
            });
        }
    }
    if old.has_join_waker() {
        // SAFETY: With JOIN_WAKER and COMPLETE the slot is the worker's.
        if let Some(waker) = task.join_waker.with(|slot| unsafe { (*slot).take() }) {
            waker.wake();
        }
    }
    // From here on no code of a driver runs for this task but through the handle. So joining the
    // scope is enough before that code is unloaded.
    // SAFETY: The scope is the completing worker's. The reference of the scope's list, which the
    // task leaves, and the caller's.
    unsafe { leave_scope(header, 1 + refs) };
}

/// Unlinks a task from its scope, and drops `n` references to it.
///
/// # Safety
///
/// The task must be in its scope's list, and the caller must own its field `scope` and as many
/// references, and use neither afterwards.
unsafe fn leave_scope(header: NonNull<Header>, n: u64) {
    // SAFETY: The references keep the task valid.
    let cell = unsafe { &header.as_ref().scope };
    // SAFETY: The field is the caller's.
    let scope = cell.with(|scope| unsafe { (*scope).take() });
    if let Some(scope) = scope {
        // SAFETY: The task is in the list of this scope, and the references are the caller's.
        if unsafe { scope.task_ended(header, n) } {
            // SAFETY: The references were the last.
            unsafe { free(header) };
        }
    }
}

/// Frees the memory of a task: (9).
///
/// # Safety
///
/// The caller must have dropped the last reference.
unsafe fn free(header: NonNull<Header>) {
    // SAFETY: There is no reference. Future, output, scope and join waker were moved out or dropped
    // before the scope's and the handle's reference went, so that nothing is left to drop.
    // The layout is not asked for: the task's module may be gone.
    unsafe { counted::free(header.as_ptr().cast()) };
}

impl Traced for Header {
    fn address(&self) -> *const () {
        core::ptr::from_ref(self).cast()
    }

    #[cold]
    #[inline(never)]
    fn with_name(&self, f: impl FnOnce(&CStr)) {
        // A thread that waits for the task to end before its module is unloaded also waits for a
        // grace period.
        let _rcu = rcu::read_lock();
        if !self.state.load().is_complete() {
            // SAFETY: It is used in the RCU section. The task was not complete, so it was in its
            // scope, where modules that go find it.
            f(unsafe { self.name.get() });
        }
    }
}

impl Header {
    // Not generic, unlike their callers: those are instantiated in other modules, which cannot
    // use the tracepoints of this one.

    #[inline(never)]
    fn note_start(&self) {
        trace::start(self);
    }

    #[inline(never)]
    fn note_cancel(&self) {
        trace::cancel(self);
    }
}
