// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The submission side of a queue: commits against closing, parking, and the queue's task.
//!
//! This file names nothing of the kernel, so that the model checker compiles it as it is
//! (`rust/kasync/loom/tests/submission.rs`).
//!
//! ```text
//!             commit()              change(CLOSED)
//!   open ──────────────────► open ────────────────────► closed: commit() fails
//!                                                          │ nothing is left: try_end()
//!                                                          ▼
//!                                                        ended
//! ```
//!
//! A queue whose handle has gone ends without the lock: whatever was committed came before that.
//!
//! Flags change, and jobs are put in, under one lock: so a job is either there when the task sees
//! that the queue is closed, or refused (H22). The task reads the flags without the lock: whatever
//! changes them wakes it later.
//!
//! # Inline polls
//!
//! Whatever changes a queue wakes a worker, which polls the task; with one exception. [`commit`]
//! polls the task itself, once, if nothing is in flight and nothing else waits. The thread cannot
//! be preempted from before the job is put in until the poll is over, and the queue was neither
//! closed nor parked when the job was put in. In such a poll the task submits the job, and ends it
//! if the hardware is through with it by then; it signals no other fence. So no fence of earlier
//! work waits for the moment at which a thread is scheduled. A new queue is IDLE: nothing polls its
//! task before the first job.
//!
//! ```text
//!               the task returns from a poll with nothing left
//!   BUSY ───────────────────────────────────────────────────────► IDLE ◄─┐ the claim is dropped:
//!    ▲ │                                                           │     │ others were first
//!    │ └─ with something in flight, or waiting                     ▼     │
//!    │                                                      commit() claims the task ──► INLINE
//!    └────────────────────────────── the task returns from the inline poll ──────────────┘
//! ```
//!
//! [`commit`]: Submission::commit

use crate::{
    submit_list::{
        Link,
        SubmitList,
        WaitList, //
    },
    waits, //
};
use core::ops::DerefMut;
use kasync::{
    JoinHandle,
    Scope, //
};
use kernel::{
    alloc::KBox,
    error::Result,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    }, //
};

/// Flag: the queue takes no more jobs, and those that the hardware does not have will not run.
pub(crate) const CLOSED: u32 = 1 << 0;
/// Flag: the hardware gets no more jobs for now.
pub(crate) const PARKED: u32 = 1 << 1;
/// Flag: the task has found that the hardware has no job since the queue was parked.
const QUIET: u32 = 1 << 2;
/// Flag: the task has come to its end.
const ENDED: u32 = 1 << 3;
/// Flag, with [`CLOSED`]: the queue's handle has gone, so nobody commits, parks or waits any more.
const GONE: u32 = 1 << 4;
/// Activity: something is in flight, or waits.
pub(crate) const BUSY: u32 = 0;
/// Activity: nothing is in flight, and nothing waits.
pub(crate) const IDLE: u32 = 1;
/// Activity: a commit polls the task.
pub(crate) const INLINE: u32 = 2;

/// The flags of a queue, as they were read.
#[derive(Clone, Copy)]
pub(crate) struct Flags {
    flags: u32,
    cancelled: bool,
}

impl Flags {
    /// Those of a queue whose jobs run.
    pub(crate) const OPEN: Self = Self {
        flags: 0,
        cancelled: false,
    };

    /// Returns whether jobs run.
    #[inline]
    fn is_open(self) -> bool {
        !self.is_closed() && !self.is_parked()
    }

    /// Returns whether jobs do not run any more.
    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.flags & CLOSED != 0 || self.cancelled
    }

    /// Returns whether only the task is left.
    #[inline]
    fn is_gone(self) -> bool {
        self.flags & GONE != 0
    }

    /// Returns whether jobs do not run for now.
    #[inline]
    pub(crate) fn is_parked(self) -> bool {
        self.flags & PARKED != 0
    }
}

/// Waits until the hardware has no job of a parked queue, or the queue is not parked. Cancel safe.
pub(crate) async fn parked(queue: &impl Submission) -> Result {
    let changed = waits::of(queue)?;
    loop {
        let change = changed.notified();
        if queue.is_quiet() {
            return Ok(());
        }
        change.await;
    }
}

/// What a queue and its task share. `task` is the queue's own in all calls.
pub(crate) trait Submission: Sized {
    /// What gives jobs their order.
    type Order;
    /// A job.
    type Node: Link;

    /// Locks the queue's state: its order, and the right to change the flags.
    fn lock(&self) -> impl DerefMut<Target = Self::Order>;

    /// Returns the flags, which are changed under the lock, and 0 at first.
    fn flag_word(&self) -> &Atomic<u32>;

    /// Returns the activity: [`IDLE`] at first. Only the thread that has the right to poll the task
    /// changes it.
    fn activity(&self) -> &Atomic<u32>;

    /// Returns the list of committed jobs, which are put in under the lock.
    fn submit_list(&self) -> &SubmitList<Self::Node>;

    /// Returns the scope. Cancelling it closes the queue, and wakes the task.
    fn scope(&self) -> &Scope;

    /// Reads the flags.
    #[inline]
    fn flags(&self) -> Flags {
        Flags {
            // Pairs with the release in `update_flags()`: what was done to the hardware before the
            // queue was unparked comes before the next job.
            flags: self.flag_word().load(Acquire),
            cancelled: self.scope().is_cancelled(),
        }
    }

    /// Takes the jobs that were committed. For the task.
    #[inline]
    fn receive(&self, jobs: &mut WaitList<Self::Node>) {
        // A commit wakes the task after it has put its job in, so the job is seen then.
        if !self.submit_list().is_empty() {
            jobs.receive(self.submit_list());
        }
    }

    /// Returns whether this poll is a commit's. For a task that has left the queue [`IDLE`].
    #[inline]
    fn is_inline(&self) -> bool {
        self.activity().load(Relaxed) == INLINE
    }

    /// Says whether the task returns with nothing in flight, and nothing waiting. For the task.
    #[inline]
    fn set_idle(&self, idle: bool) {
        // Whatever claims the task later sees this by the order of the claim.
        let activity = if idle { IDLE } else { BUSY };
        self.activity().store(activity, Relaxed);
    }

    /// Changes the flags, and returns those before. Only with the lock held.
    #[inline(always)]
    fn update_flags(&self, change: impl FnOnce(u32) -> u32) -> u32 {
        let flags = self.flag_word().load(Relaxed);
        // Pairs with the acquire in `flags()`.
        self.flag_word().store(change(flags), Release);
        flags
    }

    /// Ends a closed queue if it can never receive another job, and returns whether it has. For a
    /// task with nothing left that has read `flags`.
    #[inline]
    fn try_end(&self, flags: Flags) -> bool {
        if flags.is_gone() {
            // All commits came before the handle went, so their jobs are seen.
            return self.submit_list().is_empty();
        }
        self.try_end_locked()
    }

    /// Does what [`Submission::try_end`] does while there is a handle.
    #[cold]
    fn try_end_locked(&self) -> bool {
        let order = self.lock();
        if !self.submit_list().is_empty() {
            return false;
        }
        let flags = self.update_flags(|flags| flags | ENDED);
        drop(order);
        // Otherwise nothing waits: see `is_quiet()`.
        if flags & PARKED != 0 {
            waits::notify(self);
        }
        true
    }

    /// Says that the hardware has no job of a parked queue. For the task.
    #[cold]
    fn mark_parked(&self) {
        let order = self.lock();
        // Not if it was unparked meanwhile.
        let mark = |flags| flags | if flags & PARKED != 0 { QUIET } else { 0 };
        let flags = self.update_flags(mark);
        drop(order);
        if flags != mark(flags) {
            waits::notify(self);
        }
    }

    /// Returns whether the hardware has no job of a parked queue, or the queue is not parked.
    fn is_quiet(&self) -> bool {
        let _order = self.lock();
        let flags = self.flag_word().load(Relaxed);
        flags & (QUIET | ENDED) != 0 || flags & PARKED == 0
    }

    /// Sets and clears flags, and wakes the task.
    fn change(&self, task: &JoinHandle<()>, set: u32, clear: u32) {
        let unparked = clear & PARKED != 0;
        let clear = clear | if unparked { QUIET } else { 0 };
        let order = self.lock();
        self.update_flags(|flags| (flags | set) & !clear);
        drop(order);
        if set & CLOSED != 0 {
            // Queues are closed in large numbers, when a file is.
            task.wake_batched();
        } else {
            task.wake();
        }
        if unparked {
            waits::notify(self);
        }
    }

    /// Closes the queue, whose handle goes.
    fn close_last(&self, task: JoinHandle<()>) {
        let order = self.lock();
        self.update_flags(|flags| flags | CLOSED | GONE);
        drop(order);
        task.detach_batched();
    }

    /// Puts in the job that `arm` makes, which is called under the lock, and has the task polled.
    ///
    /// Returns `None`, without a call of `arm`, if the queue is closed.
    #[inline(always)]
    fn commit<T>(
        &self,
        task: &JoinHandle<()>,
        arm: impl FnOnce(&mut Self::Order) -> (KBox<Self::Node>, T),
    ) -> Option<T> {
        // Claimed before the job is put in: so no worker is woken for it, and this thread is not
        // preempted between the two.
        let claim = if self.activity().load(Relaxed) == IDLE {
            // SAFETY: Polled or dropped below, with preemption disabled and nothing waited for
            // between.
            unsafe { task.claim() }
        } else {
            None
        };
        let mut order = self.lock();
        let flags = self.flags();
        if flags.is_closed() {
            return None;
        }
        let (node, result) = arm(&mut order);
        let alone = self.submit_list().put(node);
        drop(order);
        // So an inline poll need not look at the flags: what changes them later wakes the task.
        let claim = claim.filter(|_| flags.is_open());
        match claim {
            // Looked at again: the task may have been polled before it was claimed.
            Some(claim) if alone && self.activity().load(Relaxed) == IDLE => {
                self.activity().store(INLINE, Relaxed);
                claim.poll_once();
            }
            claim => {
                // Noted by the claim, if there is one, and passed on to a worker when that goes.
                task.wake();
                drop(claim);
            }
        }
        Some(result)
    }
}
