// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A ring on hardware that checks, which shares slots with others and takes its time.

use crate::{
    engine::{
        Engine,
        Job, //
    },
    failed, //
};
#[path = "../jobqueue/tests/ring/scarce.rs"]
mod scarce;

use core::{
    future::{
        poll_fn,
        Future, //
    },
    pin::Pin,
    task::{
        ready,
        Context,
        Poll, //
    }, //
};
use jobqueue::{
    Config,
    HwDone,
    JobQueue,
    Names,
    OnError,
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use kasync::{
    sync::Semaphore,
    time::{
        sleep,
        Delta,
        Sleep, //
    },
    Scope, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use scarce::Scarce;

/// The ring. It shares slots with the other rings of the device, and takes its time.
pub(crate) struct CheckedRing {
    engine: Arc<Engine>,
    slot: Scarce,
    /// The time that it takes to find room for a job, and whether that has begun.
    delay: Pin<KBox<Sleep>>,
    is_delayed: bool,
}

impl CheckedRing {
    fn new(engine: &Arc<Engine>, slots: &Arc<Semaphore>) -> Result<Self> {
        Ok(Self {
            engine: engine.clone(),
            slot: Scarce::new(slots.clone())?,
            delay: KBox::pin(sleep(Delta::ZERO), GFP_KERNEL)?,
            is_delayed: false,
        })
    }
}

/// A job that the hardware has: its number.
pub(crate) struct InFlight {
    engine: Arc<Engine>,
    number: u64,
}

impl Ring for CheckedRing {
    type Job = Job;
    type InFlight = InFlight;

    fn poll_ready(&mut self, job: &mut Job, cx: &mut Context<'_>) -> Poll<Result> {
        ready!(self.slot.poll(cx));
        if job.delay.as_nanos() != 0 {
            if !self.is_delayed {
                self.is_delayed = true;
                self.delay.as_mut().reset(job.delay);
            }
            ready!(self.delay.as_mut().poll(cx));
        }
        Poll::Ready(if self.engine.is_gone() {
            Err(ENODEV)
        } else {
            Ok(())
        })
    }

    fn withdraw(&mut self) {
        self.is_delayed = false;
        self.slot.leave();
    }

    fn submit(&mut self, job: &mut Job) -> InFlight {
        self.is_delayed = false;
        if !self.slot.is_held() {
            failed(c"a job is submitted without a slot", 0, 0);
        }
        InFlight {
            number: self.engine.start(job),
            engine: self.engine.clone(),
        }
    }

    fn poll_complete(
        &mut self,
        job: &mut InFlight,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        let InFlight { engine, number } = job;
        let mut result = engine.finished(*number);
        if result.is_none() {
            engine.register(cx);
            result = engine.finished(*number);
        }
        result.map_or(Poll::Pending, |result| {
            // SAFETY: `finished()` has returned the result of this job, so the engine is through
            // with it, and `timeline` is that of the queue that asks.
            Poll::Ready(unsafe { HwDone::new(timeline, result) })
        })
    }

    /// Mostly the stop ends the jobs. Otherwise the engine is waited for, and the action ends them.
    /// Hardware that never hangs completes its jobs long before the time limit. A timeout then
    /// means a lost wake, which the time limit would hide.
    fn timed_out(
        &mut self,
        job: Option<&InFlight>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        let number = job.map(|job| job.number);
        if !self.engine.hangs() {
            failed(
                c"a time limit has passed on hardware that does not hang",
                number.unwrap_or(0),
                n.into(),
            );
        }
        if number.is_some() {
            self.engine.stop(false);
        }
        let engine = self.engine.clone();
        async move {
            let wait = TimeoutAction::Wait(Delta::from_millis(i64::from(n)));
            match number {
                // The slots are all taken; the job may be given up.
                None if n < 8 => wait,
                None => TimeoutAction::Fail(ETIME),
                Some(number) if number % 2 == 0 => wait,
                Some(_) => {
                    poll_fn(|cx| engine.poll_stopped(cx)).await;
                    // SAFETY: The engine says that nothing runs any more, and nothing is started
                    // meanwhile.
                    TimeoutAction::Stopped(unsafe { RingStopped::new(timeline) })
                }
            }
        }
    }

    fn retire(&mut self, _job: Job) {}

    fn quiesced(&mut self) {
        self.is_delayed = false;
        self.slot.release();
    }

    async fn destroy(self) {
        if !self.slot.is_idle() {
            failed(c"a queue ends with a slot", 0, 0);
        }
    }
}

static NAMES: Names = Names::new(c"torture", c"queue");

/// Returns a queue on hardware that checks, which shares `slots` with others.
pub(crate) fn queue(
    scope: &Scope,
    engine: &Arc<Engine>,
    slots: &Arc<Semaphore>,
    credits: usize,
    timeout: Delta,
    on_error: OnError,
) -> Result<JobQueue<CheckedRing>> {
    let config = Config {
        names: &NAMES,
        credits,
        jobs: 64,
        memory: usize::MAX,
        timeout,
        on_error,
    };
    JobQueue::new(scope, c"queue", CheckedRing::new(engine, slots)?, &config)
}
