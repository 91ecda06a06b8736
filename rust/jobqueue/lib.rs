// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A queue of jobs for a ring of the hardware's.
//!
//! ```text
//!   ioctl                                    the queue's task
//!   ─────                                    ────────────────
//!   prepare()  may fail, leaves no trace
//!      │
//!   commit() ──► waiting ──► dependencies ──► credits ──► Ring::start() ──► in flight ──► poll_finish()
//!      │           │  FIFO        │                            │               FIFO            │
//!      ▼           │ close()      │                            │ failed                        ▼
//!   the fence      └──────────────┴───────────► cancelled ◄────┘                     complete(result)
//!                     after all before it, and after its dependencies
//! ```
//!
//! Jobs of a queue run and complete in the order of their commits. Different queues know nothing of each other but
//! their fences.
//!
//! A queue may be closed at any time, whatever its jobs are doing: those that the hardware has not seen are
//! cancelled, the others are waited for. Every fence signals, none early.

mod c;
mod inbox;
mod job;
mod latch;
#[cfg(MODULE)]
mod module;
mod places;
mod priority;
mod queue;
mod sync;
mod task;
mod trace;
mod usage;
mod waits;

pub use dma_fence::Names;
pub use priority::Priority;
pub use queue::{
    Admitted,
    Config,
    JobQueue,
    OnError,
    Prepared, //
};
pub use trace::Label;
pub use usage::{
    Clock,
    EngineUsage,
    Work, //
};

use core::{
    future::Future,
    task::{
        Context,
        Poll, //
    }, //
};
use dma_fence::{
    Fence,
    RingStopped,
    Timeline, //
};
use kasync::time::Delta;
use kernel::prelude::*;

/// What becomes of a job that takes too long.
pub enum Verdict {
    /// It may take so much longer, at least; then the ring is asked again.
    Wait(Delta),
    /// The ring was reset: whatever it has not finished it never will, and it is ready for more. The job's fence gets `ETIME`, those of the others in
    /// flight, which were lost with it, get `ECANCELED`; what has not been in flight yet runs.
    Stopped(RingStopped),
}

/// The hardware's side of a queue. Only the queue's task uses it, in signalling sections: nothing in it may
/// allocate with reclaim, or wait for what does.
pub trait Ring: Send + 'static {
    /// A job.
    type Job: Send + 'static;
    /// What is known of a job that the hardware has.
    type Running: Send + Sync + 'static;

    /// Whose the queue is, for those who look from outside: asked only while somebody does.
    fn label(&self) -> Label {
        Label::default()
    }

    /// How many bytes a job keeps while it is in the queue, for [`Config::memory`].
    fn memory(_job: &Self::Job) -> usize {
        0
    }

    /// Whether the hardware itself waits for `dependency` before it runs `job`, so that nobody else has to: because it is a job of the same
    /// firmware's, for example. If so, it is up to [`Ring::start`] to have it wait, or to fail.
    ///
    /// Asked when it is the job's turn but for what it depends on, about each fence that has not signalled, until this says yes: again
    /// whenever the queue's task looks. The job starts as soon as all others have signalled. Whether such a fence fails is not looked at,
    /// as nobody knows by then. A job that is cancelled waits for all of them, as ever (R3).
    fn lower(&mut self, _job: &mut Self::Job, _dependency: &Fence) -> bool {
        false
    }

    /// Hands `job` to the hardware. At least as many credits as it costs are free.
    ///
    /// On failure the hardware does not know the job, and never will, or can never run again.
    fn start(&mut self, job: &mut Self::Job) -> impl Future<Output = Result<Self::Running>> + Send;

    /// Whether the hardware says that the job is over, and with which result. If not, has the task of `cx` woken when that may
    /// have changed, typically by an [`AtomicWaker`](kasync::sync::AtomicWaker). Asked for the oldest job in flight only.
    fn poll_finish(&mut self, running: &mut Self::Running, cx: &mut Context<'_>) -> Poll<Result>;

    /// The oldest job in flight has made no sign for another [`Config::patience`], or as long as the last verdict has allowed, the
    /// `n`th time in a row. What now?
    ///
    /// The hardware has the last word: a job that it says to be over meanwhile, before the verdict or because of it, ends as
    /// [`Ring::poll_finish`] says (H20). In the end that, or a verdict, has to end each job.
    fn stalled(
        &mut self,
        running: &Self::Running,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = Verdict> + Send;

    /// Somebody wants a job of this queue to be over within so much time, or at once if it is negative: clocks may be raised. A hint.
    /// Whoever signals what jobs of the queue wait for is told as well.
    fn hurry(&mut self, _within: Delta) {}

    /// A job is over and its fence has signalled; it is given back, to be disposed of.
    fn retire(&mut self, job: Self::Job);

    /// Nothing is in flight, and nothing waits to be.
    fn idle(&mut self);

    /// The queue is closed and nothing is in flight: the last call.
    fn end(self) -> impl Future<Output = ()> + Send;
}
