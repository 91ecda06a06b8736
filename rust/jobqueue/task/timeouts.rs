// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The time limit of a queue, and the ring's decision after it has expired.
//!
//! ```text
//!              poll_alarm(): the time limit expires
//!   Nothing ────────────────────────────────────────────► OnJob, OnReadiness
//!      ▲                                                          │ poll_timed_out(): no job is
//!      └──────────────────────────────────────────────────────────┘ submitted, all else goes on
//!                   handle_timeout(): the ring has decided
//! ```

use super::{
    jobs::signal,
    Event,
    Task,
    BUDGET, //
};
use crate::{
    job::{
        Fifo,
        Stage, //
    },
    submission::Submission,
    Ring,
    TimeoutAction, //
};
use core::{
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    task::{
        ready,
        Context,
        Poll, //
    }, //
};
use dma_fence::RingStopped;
use kasync::time::{
    Delta,
    Sleep, //
};
use kernel::{
    pr_warn_once,
    prelude::*, //
};

/// The shortest time that a ring can ask to wait for.
const SHORTEST_WAIT: Delta = Delta::from_millis(1);

/// The subject of the ring's pending decision.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deciding {
    /// No decision is pending.
    Nothing,
    /// The oldest job in flight.
    OnJob,
    /// The job that the ring is not ready for.
    OnReadiness,
}

impl Deciding {
    /// Returns the subject of a decision.
    pub(super) fn on(in_flight: bool) -> Self {
        if in_flight {
            Self::OnJob
        } else {
            Self::OnReadiness
        }
    }
}

impl<R: Ring> Task<R> {
    /// Records that the subject of the time limit has changed.
    #[inline]
    pub(super) fn note_progress(&mut self) {
        self.progress = self.progress.wrapping_add(1).max(1);
        self.timeouts = 0;
    }

    /// Counts an expiry of the time limit, on which the ring decides next.
    #[cold]
    pub(super) fn note_expiry(&mut self) {
        self.timeouts += 1;
        if self.is_idle {
            // The job came in this poll. A commit must not pass one to a poll before the ring has
            // decided: `poll_timed_out()` does not take it.
            self.is_idle = false;
            self.shared.set_idle(false);
        }
    }

    /// Polls the queue and the ring's `decision`, and carries that out when it is ready.
    #[cold]
    pub(super) fn poll_timed_out(
        &mut self,
        mut alarm: Pin<&mut Sleep>,
        decision: Pin<&mut impl Future<Output = TimeoutAction>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        // Jobs that have completed are handled first.
        let _pending = self.poll_in_worker(alarm.as_mut(), cx);
        self.budget = BUDGET;
        let action = ready!(decision.poll(cx));
        let was = core::mem::replace(&mut self.deciding, Deciding::Nothing);
        alarm.reset(self.handle_timeout(action, was == Deciding::OnJob, cx));
        Poll::Ready(())
    }

    /// Polls the time limit.
    ///
    /// The alarm is not reset for each job, which would be most of the cost of a job. If it expires
    /// for a job that has completed, it is set for the job that is the oldest by then. So that this
    /// is soon, it is set for a part of a long wait at a time.
    pub(super) fn poll_alarm(
        &mut self,
        mut alarm: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Event> {
        loop {
            let Some(progress) = self.alarm else {
                self.alarm = NonZeroU32::new(self.progress);
                alarm.as_mut().reset(self.timeout);
                continue;
            };
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if progress.get() != self.progress {
                self.alarm = None;
                self.wait = Delta::ZERO;
            } else if !self.has_wait(alarm.as_mut()) {
                return Poll::Ready(Event::TimedOut);
            }
        }
    }

    /// Resets the alarm, which has expired, if the ring has asked to wait for longer, and returns
    /// whether it has.
    #[cold]
    #[inline(never)]
    fn has_wait(&mut self, alarm: Pin<&mut Sleep>) -> bool {
        let waits = self.wait > Delta::ZERO;
        if waits {
            alarm.reset(self.wait_part());
        }
        waits
    }

    /// Takes a part of the time that the ring has asked to wait for, and returns it.
    #[cold]
    fn wait_part(&mut self) -> Delta {
        // Not less than this, as each part is an interrupt.
        let part = self.wait.min(self.timeout.max(SHORTEST_WAIT));
        self.wait -= part;
        part
    }

    /// Carries out the ring's decision after a time limit has expired. Returns the next time limit.
    #[cold]
    pub(super) fn handle_timeout(
        &mut self,
        action: TimeoutAction,
        was_in_flight: bool,
        cx: &mut Context<'_>,
    ) -> Delta {
        // Whether the time limit's subject is the same as when it expired.
        let is_same = self.alarm.map(NonZeroU32::get) == Some(self.progress);
        let mut after = self.timeout;
        self.wait = Delta::ZERO;
        match action {
            TimeoutAction::Wait(wait) if is_same => {
                self.wait = wait.max(SHORTEST_WAIT);
                after = self.wait_part();
            }
            // What it was for has ended meanwhile. The next job has a whole time limit.
            TimeoutAction::Wait(_) => {}
            TimeoutAction::Stopped(stopped) => {
                if stopped.timeline() == self.signaller.timeline() {
                    self.fail_in_flight(&stopped, cx);
                } else {
                    pr_warn_once!("a ring was said to have stopped that is not the queue's\n");
                }
            }
            TimeoutAction::Fail(_) if was_in_flight => {
                pr_warn_once!("a job in flight cannot be cancelled\n");
            }
            // The job that the ring was not ready for was cancelled meanwhile.
            TimeoutAction::Fail(_) if !is_same => {}
            TimeoutAction::Fail(e) => {
                if let Some(node) = self.waiting.first() {
                    node.error = node.error.or(Some(e));
                }
            }
        }
        self.alarm = NonZeroU32::new(self.progress);
        after
    }

    /// Signals the fences of all jobs in flight, and orphaned fences, after the ring was reset.
    pub(super) fn fail_in_flight(&mut self, stopped: &RingStopped, cx: &mut Context<'_>) {
        let mut error = ETIME;
        while !self.in_flight.is_empty() {
            // Jobs that the hardware has completed before it was stopped succeed (H20).
            if let Some(done) = self.poll_complete(cx) {
                self.finish_first(done);
                continue;
            }
            self.fail_first(stopped, error);
            error = ECANCELED;
        }
        signal(|section| {
            self.signaller.drain_orphans(stopped, ECANCELED, section);
        });
    }
}

/// Returns the state of the oldest job in flight.
pub(super) fn first_in_flight<R: Ring>(in_flight: &mut Fifo<R>) -> Option<&R::InFlight> {
    match in_flight.first()?.stage {
        Stage::InFlight(Some(ref in_flight)) => Some(&in_flight.state),
        _ => None,
    }
}
