// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Who may put a job into a queue, and when there will be no more: closing and parking against committing, and against the queue's task.
//!
//! Nothing of the kernel is named here: the model checker compiles this file as well (`rust/kasync/loom/tests/latch.rs`).
//!
//! ```text
//!              commit(), admit()                change(CLOSED)
//!   open ──────────────────────────► open ─────────────────────► closed: commit() and admit() fail
//!                                                                   │ the task finds that nothing is left, and nobody
//!                                                                   ▼ is admitted: is_over()
//!                                                                 ended: end()
//! ```
//!
//! Flags are changed, and jobs put in, under one lock: so a job is either there when the task sees that the queue is closed, or refused (H22).
//! The task itself looks without the lock: whoever changes something wakes it after that.

use crate::{
    inbox::{
        Fifo,
        Inbox,
        Link, //
    },
    sync::{
        Acquire,
        Atomic,
        Box,
        Relaxed,
        Release, //
    },
    waits, //
};
use core::ops::DerefMut;
use kasync::{
    Claim,
    JoinHandle,
    Result,
    Scope, //
};

/// No more jobs are taken, and those that the hardware has not seen do not run.
pub(crate) const CLOSED: u32 = 1 << 0;
/// The hardware is to get no more jobs for now.
pub(crate) const PARKED: u32 = 1 << 1;

/// What is behind the lock. `O`: what gives jobs their order.
pub(crate) struct Gate<O> {
    order: O,
    /// Jobs that will be committed.
    admitted: u32,
    /// Since it was parked the task has found that the hardware has no job.
    settled: bool,
    /// The task has come to its end.
    ended: bool,
}

impl<O> Gate<O> {
    pub(crate) fn new(order: O) -> Self {
        Self {
            order,
            admitted: 0,
            settled: false,
            ended: false,
        }
    }
}

/// What the queue's task finds.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    flags: u32,
    cancelled: bool,
}

impl Seen {
    /// Jobs do not run any more.
    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.flags & CLOSED != 0 || self.cancelled
    }

    /// They do not run for now.
    #[inline]
    pub(crate) fn is_parked(self) -> bool {
        self.flags & PARKED != 0
    }
}

/// Waits until the hardware has no job of a queue that is parked, or until it is not parked any more. Cancel safe.
pub(crate) async fn quiet(latch: &impl Latch) -> Result {
    let changed = waits::of(latch)?;
    loop {
        let change = changed.notified();
        if latch.is_quiet() {
            return Ok(());
        }
        change.await;
    }
}

/// There is something for the task.
#[inline]
fn attend(task: &JoinHandle<()>, claim: Option<Claim<'_>>) {
    match claim {
        Some(claim) => claim.poll(),
        None => task.wake(),
    }
}

/// What a queue and its task share. Who waits for a change, which is rare, does so at [`waits`].
///
/// `task` is always the queue's own. It is claimed before the lock is taken, so that a job, or a change, is found by the poll that follows on
/// this thread, if it can be.
pub(crate) trait Latch: Sized {
    type Order;
    type Node: Link;

    /// Locks the gate.
    fn gate(&self) -> impl DerefMut<Target = Gate<Self::Order>>;

    /// Changed under the lock, and 0 at first.
    fn flags(&self) -> &Atomic<u32>;

    /// Jobs for the task. Put in under the lock.
    fn inbox(&self) -> &Inbox<Self::Node>;

    /// Whose cancelling closes the queue as well. Whoever does that wakes the task.
    fn scope(&self) -> &Scope;

    #[inline]
    fn look(&self) -> Seen {
        Seen {
            // With the release: what was done before the queue was unparked, to the hardware, comes before the next job.
            flags: self.flags().load(Acquire),
            cancelled: self.scope().is_cancelled(),
        }
    }

    /// Takes the jobs that were committed.
    #[inline]
    fn receive(&self, jobs: &mut Fifo<Self::Node>) {
        // Whoever commits one wakes the task after it, so it is seen then.
        if !self.inbox().is_empty() {
            self.inbox().take(jobs);
        }
    }

    /// Of a queue that is closed, and whose task has nothing left: whether there will be no job any more.
    #[cold]
    fn is_over(&self) -> bool {
        let gate = self.gate();
        gate.admitted == 0 && self.inbox().is_empty()
    }

    /// The task has seen that the queue is parked, and the hardware has no job.
    #[cold]
    fn settle(&self) {
        let mut gate = self.gate();
        // Not if it was unparked meanwhile.
        let now = self.flags().load(Relaxed) & PARKED != 0;
        let news = now && !core::mem::replace(&mut gate.settled, now);
        drop(gate);
        if news {
            waits::notify(self);
        }
    }

    /// The task has come to its end.
    fn end(&self) {
        self.gate().ended = true;
        waits::notify(self);
    }

    /// Whether the hardware has no job of a parked queue.
    fn is_quiet(&self) -> bool {
        let gate = self.gate();
        gate.settled || gate.ended || self.flags().load(Relaxed) & PARKED == 0
    }

    /// Sets and clears flags.
    fn change(&self, task: &JoinHandle<()>, set: u32, clear: u32) {
        let claim = task.claim();
        let mut gate = self.gate();
        if clear & PARKED != 0 {
            gate.settled = false;
        }
        let flags = self.flags().load(Relaxed);
        self.flags().store((flags | set) & !clear, Release);
        drop(gate);
        attend(task, claim);
        if clear & PARKED != 0 {
            waits::notify(self);
        }
    }

    /// Puts the job in that `arm` makes, which is called under the lock; or returns `None`, if the queue is closed.
    #[inline]
    fn commit<T>(
        &self,
        task: &JoinHandle<()>,
        arm: impl FnOnce(&mut Self::Order) -> (Box<Self::Node>, T),
    ) -> Option<T> {
        let claim = task.claim();
        let mut gate = self.gate();
        if self.look().is_closed() {
            drop(gate);
            return None;
        }
        let (node, fence) = arm(&mut gate.order);
        self.inbox().put(node);
        drop(gate);
        attend(task, claim);
        Some(fence)
    }

    /// Keeps the queue from its end until [`Latch::commit_admitted`] or [`Latch::withdraw`] is called; or returns `false`, if it is closed.
    fn admit(&self) -> bool {
        let mut gate = self.gate();
        if self.look().is_closed() {
            return false;
        }
        gate.admitted += 1;
        true
    }

    /// Puts the job in that `arm` makes, which was admitted.
    fn commit_admitted<T>(
        &self,
        task: &JoinHandle<()>,
        arm: impl FnOnce(&mut Self::Order) -> (Box<Self::Node>, T),
    ) -> T {
        let claim = task.claim();
        let mut gate = self.gate();
        gate.admitted -= 1;
        let (node, fence) = arm(&mut gate.order);
        self.inbox().put(node);
        drop(gate);
        attend(task, claim);
        fence
    }

    /// A job that was admitted will not come.
    fn withdraw(&self, task: &JoinHandle<()>) {
        self.gate().admitted -= 1;
        // It may have waited for this.
        task.wake();
    }
}
