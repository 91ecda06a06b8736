// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A ring whose jobs end when the test says so.

mod bench;
mod mock;
mod scarce;

pub(crate) use bench::{
    result,
    stays,
    Bench,
    Options,
    LIMIT, //
};
pub(crate) use mock::Called;

use core::{
    future::Future,
    task::{
        ready,
        Context,
        Poll, //
    }, //
};
use jobqueue::{
    HwDone,
    Label,
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use kasync::{
    sync::Semaphore,
    time::Delta, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use mock::Mock;
use scarce::Scarce;

/// The time that the ring asks to wait when something takes too long.
const WAIT: Delta = Delta::from_millis(30);

/// A job.
pub(crate) struct Job {
    id: u32,
    fails: bool,
    stalls: bool,
    greedy: bool,
    bytes: usize,
}

impl Job {
    /// One that runs until it is completed. Their numbers rise.
    pub(crate) fn new(id: u32) -> Self {
        Self {
            id,
            fails: false,
            stalls: false,
            greedy: false,
            bytes: 0,
        }
    }

    /// One that keeps so many bytes.
    pub(crate) fn large(id: u32, bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::new(id)
        }
    }

    /// One that keeps so many bytes, numbered as those of [`Job::next`].
    pub(crate) fn large_next(bytes: usize) -> Self {
        Self::large(0, bytes)
    }

    /// One whose number is how many have been started before it, and itself: for a caller that
    /// does not know that.
    pub(crate) fn next() -> Self {
        Self::new(0)
    }

    /// One that needs a second permit, where the ring shares them.
    pub(crate) fn greedy(id: u32) -> Self {
        Self {
            greedy: true,
            ..Self::new(id)
        }
    }

    /// One that cannot be started.
    pub(crate) fn failing(id: u32) -> Self {
        Self {
            fails: true,
            ..Self::new(id)
        }
    }

    /// One that ends by itself when its time limit has expired three times.
    pub(crate) fn stalling(id: u32) -> Self {
        Self {
            stalls: true,
            ..Self::new(id)
        }
    }
}

/// The ring.
pub(crate) struct MockRing {
    mock: Arc<Mock>,
    /// The permit for all jobs, and the second one for greedy jobs.
    scarce: Option<[Scarce; 2]>,
}

impl MockRing {
    pub(super) fn new(mock: Arc<Mock>, permits: Option<Arc<Semaphore>>) -> Result<Self> {
        let scarce = match permits {
            Some(permits) => Some([Scarce::new(permits.clone())?, Scarce::new(permits)?]),
            None => None,
        };
        Ok(Self { mock, scarce })
    }

    fn poll_free(&mut self, greedy: bool, cx: &mut Context<'_>) -> Poll<Result> {
        self.mock.ready.register(cx);
        {
            let state = self.mock.state.lock();
            if state.busy {
                return Poll::Pending;
            }
            if let Some(e) = state.refuses {
                return Poll::Ready(Err(e));
            }
        }
        match &mut self.scarce {
            Some([first, second]) => {
                ready!(first.poll(cx));
                if greedy {
                    ready!(second.poll(cx));
                }
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Ok(())),
        }
    }
}

impl MockRing {
    /// Returns what a time limit leads to.
    fn decide(&mut self, job: Option<&InFlight>, n: u32, timeline: Timeline) -> TimeoutAction {
        let Some(job) = job else {
            let (mut fails, mut wait) = (None, WAIT);
            self.mock.change(|state| {
                state.decisions += 1;
                state.not_ready = n;
                (fails, wait) = (state.fails, state.wait);
            });
            return fails.map_or(TimeoutAction::Wait(wait), TimeoutAction::Fail);
        };
        if let Some(resets @ 0) = self.mock.state.lock().resets.as_mut() {
            *resets += 1;
            // SAFETY: There is no hardware.
            return TimeoutAction::Stopped(unsafe { RingStopped::new(timeline) });
        }
        let mut wait = WAIT;
        self.mock.change(|state| {
            state.decisions += 1;
            state.timeouts = n;
            wait = state.wait;
            if job.stalls && n == 3 {
                state.done = job.id;
                state.result = Err(ETIMEDOUT);
            }
        });
        TimeoutAction::Wait(wait)
    }
}

/// A job that it has.
pub(crate) struct InFlight {
    mock: Arc<Mock>,
    id: u32,
    stalls: bool,
}

impl Ring for MockRing {
    type Job = Job;
    type InFlight = InFlight;

    fn label(&self) -> Label {
        self.mock.note_label();
        Label::default()
    }

    fn memory(job: &Job) -> usize {
        job.bytes
    }

    fn set_deadline(&mut self, within: Delta) {
        self.mock.note_call(false);
        self.mock.change(|state| {
            state.earliest_deadline = Some(within);
            state.deadlines += 1;
        });
    }

    fn poll_ready(&mut self, job: &mut Job, cx: &mut Context<'_>) -> Poll<Result> {
        self.mock.note_call(true);
        let free = self.poll_free(job.greedy, cx);
        if job.fails {
            return Poll::Ready(Err(ENODEV));
        }
        if free.is_pending() {
            self.mock.note_not_ready();
        }
        free
    }

    fn withdraw(&mut self) {
        self.mock.note_call(false);
        self.scarce.iter_mut().flatten().for_each(Scarce::leave);
    }

    fn submit(&mut self, job: &mut Job) -> InFlight {
        self.mock.note_call(true);
        let mut id = job.id;
        let missing = (self.scarce.as_ref())
            .is_some_and(|[first, second]| !first.is_held() || job.greedy && !second.is_held());
        self.mock.change(|state| {
            state.started += 1;
            state.missing |= missing;
            if id == 0 {
                id = state.started as u32;
            }
        });
        InFlight {
            mock: self.mock.clone(),
            id,
            stalls: job.stalls,
        }
    }

    fn poll_complete(
        &mut self,
        job: &mut InFlight,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        job.mock.note_call(true);
        job.mock.waker.register(cx);
        let state = job.mock.state.lock();
        if state.done >= job.id {
            let timeline = state.stray.unwrap_or(timeline);
            // SAFETY: There is no hardware.
            Poll::Ready(unsafe { HwDone::new(timeline, state.result) })
        } else {
            Poll::Pending
        }
    }

    fn timed_out(
        &mut self,
        job: Option<&InFlight>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        let action = self.decide(job, n, timeline);
        let mock = self.mock.clone();
        async move {
            mock.change(|state| state.deciding = true);
            mock.wait(|state| (!state.undecided).then_some(())).await;
            mock.change(|state| state.deciding = false);
            action
        }
    }

    fn discard(&mut self, job: &mut Job) {
        self.mock.note_call(false);
        self.mock.change(|state| {
            state.discarded.0 += job.id;
            state.discarded.1 += 1;
        });
    }

    fn closed(&mut self) {
        self.mock.note_call(false);
        self.mock.change(|state| state.closed += 1);
    }

    fn retire(&mut self, _job: Job) {
        self.mock.note_call(false);
        self.mock.change(|state| state.retired += 1);
    }

    fn quiesced(&mut self) {
        self.mock.note_call(false);
        self.scarce.iter_mut().flatten().for_each(Scarce::release);
        self.mock.change(|state| state.quiesced += 1);
    }

    async fn destroy(self) {
        self.mock.note_call(false);
        let kept = !self.scarce.iter().flatten().all(Scarce::is_idle);
        self.mock.change(|state| {
            state.ended = true;
            state.missing |= kept;
        });
    }
}
