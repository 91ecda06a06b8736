// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The submission side of a queue: synchronisation of commits, closing, parking and the task.
//!
//! This file does not depend on C code, so that the model checker compiles it unchanged
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
//! Both closing and the addition of jobs take the lock. So a job is either in the list when the
//! task sees that the queue is closed, or was passed to a poll before that, or was refused (H22).
//! The task reads the flags without the lock, since each change of them wakes it afterwards.
//!
//! The drop of the queue's handle does not take the lock, since no commit can run at the same time.
//! So it is legal in hard interrupts, where a worker on the same CPU may hold the lock. For the
//! same reason the task of such a queue ends without the lock: all commits came before.
//!
//! # Inline polls
//!
//! All changes of a queue wake a worker, which polls the task, but for two kinds of commits. One
//! behind a job that waits wakes nobody: the task is woken when that job can go on, and receives
//! all others then (see [`SubmitList`]). If no job waits and nothing is in flight, [`commit`] polls
//! the task itself, once, and passes the job to that poll instead of adding it to the list.
//! Preemption is disabled from before the job gets its place in the order until the end of that
//! poll, and the queue was neither closed nor parked when it got that. The task then submits the
//! job, and completes it if the hardware is done with it by then. It signals no other fence. So no
//! fence of earlier work depends on the scheduling of a committing thread. A new queue is idle: its
//! task is not polled before the first job.
//!
//! ```text
//!   commit(): the task is idle ─► claimed ─► lock: still idle, and the list is clear ─┐
//!                 │ no                           │ no                                 │ yes
//!                 └──────────────┬───────────────┘                                    ▼
//!                                ▼                                    the job is passed,
//!              the job is added to the list; a worker is woken,       and the task polled
//!              unless the task is woken for a job before it
//! ```
//!
//! [`commit`]: Submission::commit

use crate::{
    activity::Activity,
    submit_list::{
        Link,
        SubmitList,
        WaitList, //
    },
    waits, //
};
use core::ops::DerefMut;
use kasync::{
    relaxed,
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

/// Flag: commits fail, and jobs that were not submitted will not run.
pub(crate) const CLOSED: u32 = 1 << 0;
/// Flag: no jobs are submitted to the hardware for now.
pub(crate) const PARKED: u32 = 1 << 1;
/// Flag: since the queue was parked, the task has found that nothing is in flight.
const PARK_DONE: u32 = 1 << 2;
/// Flag: the task has ended.
const ENDED: u32 = 1 << 3;
/// Flag, with [`CLOSED`]: the queue's handle was dropped.
const GONE: u32 = 1 << 4;

/// A snapshot of a queue's flags.
#[derive(Clone, Copy)]
pub(crate) struct Flags {
    flags: u32,
    cancelled: bool,
}

impl Flags {
    /// The flags of a queue that is neither closed nor parked.
    pub(crate) const OPEN: Self = Self {
        flags: 0,
        cancelled: false,
    };

    /// Returns whether the queue is neither closed nor parked.
    #[inline]
    fn is_open(self) -> bool {
        !self.is_closed() && !self.is_parked()
    }

    /// Returns whether the queue is closed, or its scope cancelled.
    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.flags & CLOSED != 0 || self.cancelled
    }

    /// Returns whether the queue's handle was dropped.
    #[inline]
    fn is_gone(self) -> bool {
        self.flags & GONE != 0
    }

    /// Returns whether the queue is parked and not closed, so that no job of it may end. Out of
    /// line, since it is asked for jobs that do not run.
    #[cold]
    #[inline(never)]
    pub(crate) fn holds(self) -> bool {
        self.is_parked() && !self.is_closed()
    }

    /// Returns whether the queue is parked.
    #[inline]
    pub(crate) fn is_parked(self) -> bool {
        self.flags & PARKED != 0
    }
}

/// Waits until a parked queue has nothing in flight, or the queue is not parked. Cancel safe.
pub(crate) async fn parked(queue: &impl Submission) -> Result {
    let changed = waits::of(queue)?;
    loop {
        let change = changed.notified();
        if queue.is_park_done() {
            return Ok(());
        }
        change.await;
    }
}

/// The submission side of a queue. Callers pass the queue's own task as `task`.
pub(crate) trait Submission: Sized {
    /// The data in the lock: what assigns jobs their place in the order.
    type Order;
    /// A job.
    type Node: Link;

    /// Takes the lock, which protects the order and the flags.
    fn lock(&self) -> impl DerefMut<Target = Self::Order>;

    /// Returns the word whose low 8 bits are the flags. They are 0 initially, and are changed under
    /// the lock, except by [`Submission::close_last`]. The other bits do not change.
    fn flag_word(&self) -> &Atomic<u32>;

    /// Returns the activity of the task. It is idle initially.
    fn activity(&self) -> &Activity<Self::Node>;

    /// Returns the list of committed jobs, which are added under the lock.
    fn submit_list(&self) -> &SubmitList<Self::Node>;

    /// Returns the scope. Cancelling it closes the queue, and wakes the task.
    fn scope(&self) -> &Scope;

    /// Returns a snapshot of the flags.
    #[inline]
    fn flags(&self) -> Flags {
        // Pairs with the release in `update_flags()`: accesses to the hardware before the queue was
        // unparked are ordered before the next job.
        self.snapshot(self.flag_word().load(Acquire))
    }

    /// Returns a snapshot with the flags in `word`.
    #[inline(always)]
    fn snapshot(&self, word: u32) -> Flags {
        Flags {
            flags: word,
            cancelled: self.scope().is_cancelled(),
        }
    }

    /// Moves the jobs that were committed to the end of `jobs`. For the task.
    #[inline]
    fn receive(&self, jobs: &mut WaitList<Self::Node>) {
        jobs.receive(self.submit_list());
    }

    /// Lets the next commits wake nobody. For the task, at the end of a poll that has left a job
    /// which waits, and for which the task will be polled again.
    #[inline]
    fn defer(&self) {
        self.submit_list().defer();
    }

    /// Takes the job of the commit that calls this poll, if one does. For a task whose last poll
    /// has left no job, at the beginning of each poll.
    #[inline]
    fn take_passed(&self) -> Option<KBox<Self::Node>> {
        self.activity().take()
    }

    /// Sets the activity at the end of a poll, and before the ring decides on an expired time
    /// limit: `idle` if no job is in flight and none waits. For the task.
    #[inline]
    fn set_idle(&self, idle: bool) {
        // The release of the right to poll orders this before later claims of the task.
        self.activity().set_idle(idle);
    }

    /// Changes the flags, and returns those before.
    #[inline(always)]
    fn update_flags(&self, change: impl Fn(u32) -> u32) -> u32 {
        let mut flags = self.flag_word().load(Relaxed);
        loop {
            // Pairs with the acquire in `flags()`.
            match self.flag_word().cmpxchg(flags, change(flags), Release) {
                Ok(_) => return flags,
                Err(now) => flags = now,
            }
        }
    }

    /// Ends a closed queue unless a job was committed before, and returns whether it has ended. For
    /// a task that has no job left and has read `flags`.
    #[inline]
    fn try_end(&self, flags: Flags) -> bool {
        if flags.is_gone() {
            // Reading GONE with acquire orders this after all commits. So the list is final.
            return self.submit_list().is_empty();
        }
        self.try_end_locked()
    }

    /// Ends a closed queue that still has a handle, as [`Submission::try_end`] does.
    #[cold]
    fn try_end_locked(&self) -> bool {
        let order = self.lock();
        if !self.submit_list().is_empty() {
            return false;
        }
        let flags = self.update_flags(|flags| flags | ENDED);
        drop(order);
        // If the queue is not parked, `parked()` has no waiters.
        if flags & PARKED != 0 {
            waits::notify(self);
        }
        true
    }

    /// Sets [`PARK_DONE`] if the queue is still parked, and wakes the waiters of [`parked`]. For
    /// the task, when nothing is in flight.
    #[cold]
    fn mark_parked(&self) {
        let order = self.lock();
        let mark = |flags| flags | if flags & PARKED != 0 { PARK_DONE } else { 0 };
        let flags = self.update_flags(mark);
        drop(order);
        if flags != mark(flags) {
            waits::notify(self);
        }
    }

    /// Returns whether nothing is in flight in a parked queue, or the queue is not parked.
    fn is_park_done(&self) -> bool {
        let _order = self.lock();
        let flags = self.flag_word().load(Relaxed);
        flags & (PARK_DONE | ENDED) != 0 || flags & PARKED == 0
    }

    /// Sets and clears flags, and wakes the task.
    fn change(&self, task: &JoinHandle<()>, set: u32, clear: u32) {
        let unparked = clear & PARKED != 0;
        let clear = clear | if unparked { PARK_DONE } else { 0 };
        let order = self.lock();
        self.update_flags(|flags| (flags | set) & !clear);
        drop(order);
        if set & CLOSED != 0 {
            // Queues are closed in large numbers when a DRM file is.
            task.wake_batched();
        } else {
            task.wake();
        }
        if unparked {
            waits::notify(self);
        }
    }

    /// Closes the queue, whose handle is being dropped. Any context but NMI.
    fn close_last(&self, task: JoinHandle<()>) {
        self.update_flags(|flags| flags | CLOSED | GONE);
        task.detach_batched();
    }

    /// Adds a job to the list, wakes the task if it has to take it, and releases the lock.
    #[inline]
    fn add(
        &self,
        task: &JoinHandle<()>,
        node: KBox<Self::Node>,
        order: impl DerefMut<Target = Self::Order>,
    ) {
        // Under the lock, since the next commit relies on this wake, and this thread may be
        // preempted once it has released the lock.
        if self.submit_list().put(node) {
            task.wake();
        }
        drop(order);
    }

    /// Gives `job` its place in the order, and polls the task or wakes a worker. `arm` is called
    /// under the lock, and returns the job for the task.
    ///
    /// # Errors
    ///
    /// Returns the job if the queue is closed.
    #[inline(always)]
    fn commit<J, T>(
        &self,
        task: &JoinHandle<()>,
        job: J,
        arm: impl FnOnce(J, &mut Self::Order) -> (KBox<Self::Node>, T),
    ) -> Result<T, J> {
        // Claimed before the job has its place, so that no worker is woken for it, and this thread
        // is not preempted between the two.
        let claim = if self.activity().is_idle() {
            // SAFETY: The claim is polled or dropped below, without waiting in between.
            unsafe { task.claim() }
        } else {
            None
        };
        let mut order = self.lock();
        // Relaxed, since the lock is held, under which all changes before this were made.
        let flags = self.snapshot(relaxed::load(self.flag_word()));
        if flags.is_closed() {
            return Err(job);
        }
        let (node, result) = arm(job, &mut order);
        if let Some(claim) = claim {
            // Read again, since the task may have been polled before it was claimed. If the list is
            // clear, no job is before this one, and each that is added after it wakes the task. The
            // poll need not read the flags: each later change of them wakes the task.
            if flags.is_open() && self.activity().is_idle() && self.submit_list().is_clear() {
                drop(order);
                self.activity().pass(node);
                claim.poll_once();
                return Ok(result);
            }
            self.add(task, node, order);
            // Passes the wake on to a worker.
            drop(claim);
        } else {
            self.add(task, node, order);
        }
        Ok(result)
    }
}
