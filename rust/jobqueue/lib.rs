// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A queue of jobs for a ring of the hardware.
//!
//! ```text
//!   ioctl                      the queue's task
//!   ─────                      ────────────────
//!   prepare()  may fail, leaves no trace
//!      │
//!   commit() ──► waiting ─► dependencies ─► credits ─► poll_ready() ─► submit() ─► poll_complete()
//!      │           │ FIFO      │                        │                │ FIFO        │
//!      ▼           │ close()   │                        │ Err            ▼             ▼
//!   the fence      └───────────┴──────► cancelled ◄─────┘             in flight    complete
//!                       after the jobs before it, and its dependencies
//! ```
//!
//! Jobs of a queue run and complete in the order of their commits. Different queues know nothing of
//! each other but their fences.
//!
//! A queue may be closed at any time, whatever its jobs are doing: jobs that the hardware does not
//! have are cancelled, those in flight are waited for. Every fence signals, none early.
//!
//! The task looks at completions, the time limit, cancellation and readiness in one place, on every
//! poll. No state of one keeps another from being seen.

mod c;
mod capacity;
mod deadline;
mod job;
mod module;
mod priority;
mod queue;
mod shared;
mod submission;
mod submit_list;
mod task;
mod trace;
mod usage;
mod waits;

/// What `pr_*` put before a message.
const __LOG_PREFIX: &[u8] = b"jobqueue\0";

pub use dma_fence::{
    HwDone,
    Names,
    RingStopped,
    Timeline, //
};
pub use priority::Priority;
pub use queue::{
    JobQueue,
    Prepared, //
};
pub use shared::{
    Config,
    OnError, //
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
use kasync::time::Delta;
use kernel::prelude::*;

/// What happens after a time limit has passed.
pub enum TimeoutAction {
    /// Wait for this much longer, at least; then the ring is asked again. Less than a millisecond
    /// is one.
    Wait(Delta),
    /// The ring was reset: it will never finish what it has not finished, and can take jobs again.
    ///
    /// The fence of the oldest job gets `ETIME`, those of the others in flight, which were lost
    /// with it, get `ECANCELED`. Jobs that were not in flight run. Evidence of another timeline
    /// than the queue's is refused with a warning, and the queue goes on as after `Wait`.
    Stopped(RingStopped),
    /// The job for which the ring is not ready is cancelled with this error, if it still waits. If
    /// the time limit was that of a job in flight this is refused with a warning, and the queue
    /// goes on as after `Wait`.
    Fail(Error),
}

/// The hardware's side of a queue.
///
/// Only the queue's task uses it, one call at a time, in fence signalling sections: nothing in it
/// may allocate with reclaim, or wait for something that does.
///
/// | callback | may sleep | may run in a thread that commits |
/// |---|---|---|
/// | `memory` | yes, it is called by `prepare` | always |
/// | `poll_ready`, `submit`, `poll_complete` | no | yes, with preemption disabled |
/// | `retire`, `quiesced` | no | if the hardware is through with the job at once |
/// | `set_deadline`, `label` | no | no |
/// | `timed_out` | no, its future awaits | no |
/// | `destroy` | as any future: no, it awaits | no |
///
/// ```text
///              poll_ready() Pending
///                 ┌────┐
///                 │    ▼      Ready(Ok)
///   quiet ──► getting ready ────────────► submit() ──► in flight ──► poll_complete() Ready
///     ▲           │ abandoned, Ready(Err)                  ▲              │
///     │           ▼                                        └── others ────┤ in flight
///     └─── quiesced() ◄───────────────────────────────────────────────────┘ none
/// ```
///
/// # Shared resources
///
/// What a ring takes from a pool that other rings use as well (slots, ring room) it takes in
/// `poll_ready`, in the same order as the other rings, and gives back in `quiesced`. So a queue
/// with nothing in flight holds nothing that others wait for, unless it is getting ready: then its
/// time limit runs.
pub trait Ring: Send + 'static {
    /// A job.
    type Job: Send + 'static;
    /// What is known of a job that the hardware has.
    type InFlight: Send + Sync + 'static;

    /// Returns the owner of the queue, for trace events. Only called while these are enabled.
    fn label(&self) -> Label {
        Label::default()
    }

    /// Returns how many bytes a job keeps while it is in the queue, for [`Config::memory`].
    fn memory(_job: &Self::Job) -> usize {
        0
    }

    /// Polls for readiness: ready once the hardware can take `job` at once, with all that this
    /// needs, such as slots, room in the ring, and an address space. At least as many credits as
    /// the job costs are free.
    ///
    /// May never be polled again after it was pending, if the queue is closed or parked, or the
    /// time limit passes. Then [`Ring::quiesced`] is called, once nothing is in flight.
    ///
    /// # Errors
    ///
    /// The job is cancelled with the error. The hardware does not know it.
    fn poll_ready(&mut self, job: &mut Self::Job, cx: &mut Context<'_>) -> Poll<Result>;

    /// Hands `job` to the hardware, which is ready for it: [`Ring::poll_ready`] has just returned
    /// `Ready(Ok(()))` for it, and nothing was called in between.
    fn submit(&mut self, job: &mut Self::Job) -> Self::InFlight;

    /// Polls for the completion of the oldest job in flight. If it is pending, the task of `cx`
    /// must be woken when that may have changed, typically by an
    /// [`AtomicWaker`](kasync::sync::AtomicWaker).
    ///
    /// The returned evidence must be of `timeline`, the queue's. May be polled again after it
    /// was ready, for the same job: then it is ready again, in the same way.
    fn poll_complete(
        &mut self,
        job: &mut Self::InFlight,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone>;

    /// Decides what happens after a time limit has passed for the `n`th time in a row.
    ///
    /// `job` is the oldest job in flight, of which the hardware has not reported the end for
    /// [`Config::timeout`], or the time of the last [`TimeoutAction::Wait`]. It is `None` if
    /// nothing is in flight, and [`Ring::poll_ready`] has been pending that long.
    ///
    /// The call itself returns at once. What the decision takes, such as a reset of the ring, is
    /// awaited in the returned future, which is polled until it is ready. Meanwhile no job is
    /// submitted, and [`Ring::quiesced`] is not called. All else goes on: jobs that the hardware
    /// reports to be over end as [`Ring::poll_complete`] says (H20), be it `job` or another, and
    /// jobs that do not run are cancelled.
    ///
    /// In the end the hardware, or the returned action, has to end each job.
    fn timed_out(
        &mut self,
        job: Option<&Self::InFlight>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static;

    /// Takes note that a job of this queue is wanted within this time, or at once if it is
    /// negative. This is a hint, for example to raise clocks.
    ///
    /// The fences that the queue's jobs wait for are told by the queue.
    fn set_deadline(&mut self, _within: Delta) {}

    /// Takes a job back whose fence has signalled.
    fn retire(&mut self, job: Self::Job);

    /// Releases what the ring shares with others: nothing is in flight, whatever waits.
    fn quiesced(&mut self);

    /// Ends the ring: the queue is closed, and nothing is in flight. The last call.
    fn destroy(self) -> impl Future<Output = ()> + Send;
}
