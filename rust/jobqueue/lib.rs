// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A queue of jobs for a hardware ring.
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
//! Jobs of a queue run and complete in the order of their commits. Different queues are independent
//! except for the fences that their jobs wait for.
//!
//! A queue may be closed at any time, whatever the state of its jobs. Jobs that were not submitted
//! to the hardware are cancelled, and jobs in flight are waited for. Every fence signals, and none
//! signals early.
//!
//! The queue's task checks completions, the time limit, cancellation and readiness in one place, on
//! every poll. So none of these conditions can hide another.

mod activity;
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

/// Prefix of log messages of this crate, looked for by the macros of [`kernel::print`].
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

/// The decision of a ring after a time limit has expired.
///
/// # Context
///
/// Any.
pub enum TimeoutAction {
    /// The queue waits for at least this much longer, then asks the ring again, unless the job has
    /// completed by then. Less than a millisecond counts as a millisecond. For another job the time
    /// limit is always [`Config::timeout`].
    Wait(Delta),
    /// The ring was reset: it will not finish any job in flight, and accepts jobs again.
    ///
    /// The fence of the oldest job in flight gets `ETIME`, those of the others, which were lost
    /// with it, get `ECANCELED`. Jobs that were not in flight run. Evidence for another timeline
    /// than the queue's is refused with a warning, and the queue goes on as after `Wait`.
    Stopped(RingStopped),
    /// The job for which the ring is not ready is cancelled with this error, if it still waits. If
    /// the time limit was that of a job in flight, this is refused with a warning, and the queue
    /// goes on as after `Wait`.
    Fail(Error),
}

/// The hardware's side of a queue.
///
/// Only the queue's task calls it, one callback at a time, in fence signalling sections: callbacks
/// must not allocate with reclaim, or wait for something that does.
///
/// | callback | may sleep | may run in a thread that commits |
/// |---|---|---|
/// | `memory` | yes, it is called by `prepare` | always |
/// | `poll_ready`, `submit`, `poll_complete` | no | yes, with preemption disabled |
/// | `withdraw`, `discard`, `closed` | no | no |
/// | `retire`, `quiesced` | no | if the hardware completes the job at once |
/// | `set_deadline` | no | no |
/// | `label` | no | if trace events are enabled, with preemption disabled |
/// | `timed_out`, `destroy` | no, their futures await | no |
///
/// ```text
///              poll_ready() Pending
///                 ┌────┐
///                 │    ▼      Ready(Ok)
///   idle  ──► getting ready ────────────► submit() ──► in flight ──► poll_complete() Ready
///     ▲           │ withdraw(), Ready(Err)                 ▲              │
///     │           ▼                                        └── others ────┤ in flight
///     └─── quiesced() ◄───────────────────────────────────────────────────┘ none
/// ```
///
/// # Shared resources
///
/// A ring acquires resources that it shares with other rings (slots, ring room) in `poll_ready`, in
/// the same order as the other rings, and releases them in `quiesced`. So a queue with nothing in
/// flight holds no shared resource, with two exceptions: while it is getting ready, for which it
/// has a time limit, and while the future of `timed_out` is pending. `quiesced` is not called
/// before the ring has decided, also if the last job completes meanwhile. So that future must not
/// wait for what other queues hold. Where others wait behind a ring that is getting ready, it has
/// to leave its place in `withdraw`: that comes while jobs are in flight as well, which `quiesced`
/// does not.
pub trait Ring: Send + 'static {
    /// A job.
    type Job: Send + 'static;
    /// The state of a job in flight.
    type InFlight: Send + Sync + 'static;

    /// Returns the owner of the queue, for trace events. Only called while these are enabled: then
    /// whenever the task receives or submits a job, even of a queue that is parked.
    fn label(&self) -> Label {
        Label::default()
    }

    /// Returns the number of bytes that a job occupies in the queue, for [`Config::memory`].
    fn memory(_job: &Self::Job) -> usize {
        0
    }

    /// Polls for readiness. It is ready once `job` can be submitted, with all that this needs, such
    /// as slots, room in the ring, and an address space. At least as many credits as the job costs
    /// are free.
    ///
    /// If the queue is closed or parked, or the time limit expires, it may not be polled again
    /// after it was pending. Then [`Ring::withdraw`] is called, and [`Ring::quiesced`] once nothing
    /// is in flight.
    ///
    /// # Errors
    ///
    /// The job is cancelled with the error, without being submitted.
    fn poll_ready(&mut self, job: &mut Self::Job, cx: &mut Context<'_>) -> Poll<Result>;

    /// Ends the wait for readiness: after [`Ring::poll_ready`] was pending, its job is cancelled,
    /// or held because the queue is parked. Jobs may be in flight.
    ///
    /// The ring leaves each list in which others wait behind it. What it has acquired it may keep
    /// until [`Ring::quiesced`] if jobs in flight use it.
    fn withdraw(&mut self) {}

    /// Submits `job` to the hardware. [`Ring::poll_ready`] has returned `Ready(Ok(()))` for it, and
    /// was the last callback before this one.
    fn submit(&mut self, job: &mut Self::Job) -> Self::InFlight;

    /// Polls for the completion of the oldest job in flight. If it is pending, the task of `cx`
    /// must be woken when the job completes, typically by an
    /// [`AtomicWaker`](kasync::sync::AtomicWaker).
    ///
    /// The returned evidence must be for `timeline`, the queue's. That for another one is refused
    /// with a warning, and the job goes on until its time limit expires. After it was ready it may
    /// be polled again for the same job, and must be ready again with the same result.
    fn poll_complete(
        &mut self,
        job: &mut Self::InFlight,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone>;

    /// Returns a future of the decision after a time limit has expired for the `n`th time in a row.
    ///
    /// `job` is the oldest job in flight, which has not completed within [`Config::timeout`] or the
    /// time of the last [`TimeoutAction::Wait`]. It is `None` if nothing is in flight, and
    /// [`Ring::poll_ready`] has been pending that long.
    ///
    /// The call itself must not wait. Operations such as a reset of the ring are awaited in the
    /// returned future, which is polled until it is ready. Meanwhile no job is submitted, and
    /// [`Ring::quiesced`] is not called. All else goes on: jobs that [`Ring::poll_complete`]
    /// reports, `job` included, complete (H20), and jobs that will not run are cancelled.
    ///
    /// Each job must finally be ended by the hardware or by a returned action.
    fn timed_out(
        &mut self,
        job: Option<&Self::InFlight>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static;

    /// Tells the ring that a job of this queue is needed within this time, or at once if it is
    /// negative. This is a hint, for example to raise clocks.
    ///
    /// The queue passes the deadline on to the fences that its jobs wait for.
    fn set_deadline(&mut self, _within: Delta) {}

    /// Frees what `job` has for its run, as it will not run: the queue is closed. Its fence signals
    /// after those of its predecessors and dependencies, which may take long; then [`Ring::retire`]
    /// takes the job back.
    ///
    /// A ring that frees nothing here frees it then.
    fn discard(&mut self, _job: &mut Self::Job) {}

    /// Frees what only jobs that run need: the queue is closed, and nothing is in flight. Called
    /// once. Jobs may wait, of which none runs.
    fn closed(&mut self) {}

    /// Takes back a job whose fence has signalled.
    fn retire(&mut self, job: Self::Job);

    /// Releases the resources that the ring shares with others. Nothing is in flight; jobs may
    /// wait.
    fn quiesced(&mut self);

    /// Destroys the ring. The queue is closed, nothing is in flight, and no callback follows.
    fn destroy(self) -> impl Future<Output = ()> + Send;
}
