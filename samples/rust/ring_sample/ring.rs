// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The hardware's side of a queue.

use crate::gpu::Gpu;
use core::{
    future::{
        ready,
        Future, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use jobqueue::{
    HwDone,
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        hrtimer::ArcHrTimerHandle,
        Delta, //
    }, //
};

/// Time limit of a job. Much longer than a job takes: it is for what has gone wrong.
pub(crate) const TIMEOUT: Delta = Delta::from_millis(50);

/// A job. The memory that the GPU uses for it belongs into this structure, so that it stays until
/// [`Ring::retire`].
pub(crate) struct Job {
    /// The GPU is going to hang with it.
    pub(crate) hangs: bool,
    /// Counts the jobs that came back.
    pub(crate) retired: Arc<Atomic<u64>>,
}

/// The hardware's side of a queue. Only the queue's task uses it, one call at a time: it needs no
/// locks.
///
/// All calls are in a poll of that task, which is a fence signalling section. Nothing here may
/// allocate with `GFP_KERNEL`, or wait for a fence; lockdep reports it if something does. Memory is
/// in the job, or was allocated in `new`.
pub(crate) struct GpuRing {
    gpu: Arc<Gpu>,
    /// The GPU runs while this is there.
    ticks: Option<ArcHrTimerHandle<Gpu>>,
}

impl GpuRing {
    /// Returns the ring of `gpu`, which it switches on.
    pub(crate) fn new(gpu: Arc<Gpu>) -> Self {
        let ticks = Some(gpu.switch_on());
        Self { gpu, ticks }
    }
}

impl Ring for GpuRing {
    type Job = Job;
    /// The number of the job, by which the GPU reports it.
    type InFlight = u64;

    /// Returns ready: credits are room in the ring, and the queue counts them.
    ///
    /// A ring that shares something with other rings, such as slots for address spaces, takes it
    /// here, and gives it back in [`Ring::quiesced`].
    fn poll_ready(&mut self, _job: &mut Job, _cx: &mut Context<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }

    /// Hands the job to the GPU. May run in the thread that commits, with preemption disabled.
    fn submit(&mut self, job: &mut Job) -> u64 {
        self.gpu.give(job.hangs)
    }

    /// Polls for the end of the oldest job that the GPU has.
    ///
    /// The waker is registered before the GPU is looked at. The other way round, a change between
    /// the two would be missed.
    fn poll_complete(
        &mut self,
        number: &mut u64,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        self.gpu.changed.register(cx);
        if !self.gpu.is_done(*number) {
            return Poll::Pending;
        }
        // SAFETY: The GPU has counted the job, and does not touch its memory any more.
        Poll::Ready(unsafe { HwDone::new(timeline, Ok(())) })
    }

    /// Waits the first time, as the job may just be late. Resets the GPU the second time.
    fn timed_out(
        &mut self,
        _number: Option<&u64>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        if n < 2 {
            return ready(TimeoutAction::Wait(TIMEOUT));
        }
        // Cancels the timer and waits for its function: the GPU is off.
        self.ticks = None;
        self.gpu.forget();
        self.ticks = Some(self.gpu.switch_on());
        // SAFETY: The timer was cancelled and the GPU has forgotten its jobs, so it does not touch
        // the memory of what was in flight any more.
        ready(TimeoutAction::Stopped(unsafe {
            RingStopped::new(timeline)
        }))
    }

    /// Takes a job back whose fence has signalled. If its end takes long, or sleeps, a driver
    /// passes it on to a worker from here.
    fn retire(&mut self, job: Job) {
        job.retired.fetch_add(1, Relaxed);
    }

    /// Does nothing. A driver with power management may switch the GPU off here.
    fn quiesced(&mut self) {}

    /// Switches the GPU off. `async`, as a driver may have to tell its firmware, and to wait for
    /// the answer.
    async fn destroy(self) {
        drop(self.ticks);
    }
}
