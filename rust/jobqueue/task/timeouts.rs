// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The time limit of a queue, and what its ring decides when it has passed.
//!
//! ```text
//!              poll_alarm(): the time limit has passed
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

/// What the ring decides on, after a time limit has passed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deciding {
    /// No time limit has passed.
    Nothing,
    /// The oldest job in flight.
    OnJob,
    /// That it has not become ready.
    OnReadiness,
}

impl Deciding {
    /// Returns what there is to decide on, with a job in flight or without.
    pub(super) fn on(in_flight: bool) -> Self {
        if in_flight {
            Self::OnJob
        } else {
            Self::OnReadiness
        }
    }
}

impl<R: Ring> Task<R> {
    /// Says that the time limit is for something else from here on.
    #[inline]
    pub(super) fn note_progress(&mut self) {
        self.progress = self.progress.wrapping_add(1).max(1);
        self.timeouts = 0;
    }

    /// Does all that can be done while the ring makes a `decision`, and what it decides.
    #[cold]
    pub(super) fn poll_timed_out(
        &mut self,
        mut alarm: Pin<&mut Sleep>,
        decision: Pin<&mut impl Future<Output = TimeoutAction>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        // Jobs that are over end first.
        let _pending = self.poll_in_worker(alarm.as_mut(), cx);
        self.budget = BUDGET;
        let action = ready!(decision.poll(cx));
        let was = core::mem::replace(&mut self.deciding, Deciding::Nothing);
        alarm.reset(self.handle_timeout(action, was == Deciding::OnJob, cx));
        Poll::Ready(())
    }

    /// Asks whether the time limit has passed.
    ///
    /// The alarm is not set anew for each job, which would be most of what a job costs: if it goes
    /// off for a job that is over, it is set for the job that is the oldest by then.
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
            if progress.get() == self.progress {
                self.timeouts += 1;
                return Poll::Ready(Event::TimedOut);
            }
            self.alarm = None;
        }
    }

    /// Does what the ring wants after a time limit has passed. Returns how long the next one is.
    #[cold]
    pub(super) fn handle_timeout(
        &mut self,
        action: TimeoutAction,
        was_in_flight: bool,
        cx: &mut Context<'_>,
    ) -> Delta {
        // Nothing has ended since the time limit passed.
        let is_same = self.alarm.map(NonZeroU32::get) == Some(self.progress);
        let mut after = self.timeout;
        match action {
            TimeoutAction::Wait(wait) => after = wait.max(SHORTEST_WAIT),
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
            // The job that the ring was not ready for has been cancelled.
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

    /// Ends all jobs in flight, and orphaned fences: the ring was reset.
    pub(super) fn fail_in_flight(&mut self, stopped: &RingStopped, cx: &mut Context<'_>) {
        let mut error = ETIME;
        while !self.in_flight.is_empty() {
            // What the hardware has finished before it was stopped is finished (H20).
            if let Some(done) = self.poll_complete(cx) {
                self.finish_first(done);
                continue;
            }
            self.end_first(|task, fence| {
                task.record_error(Err(error));
                signal(|section| task.signaller.fail(fence, stopped, error, section));
            });
            error = ECANCELED;
        }
        signal(|section| {
            self.signaller.drain_orphans(stopped, ECANCELED, section);
        });
    }
}

/// Returns what is known of the oldest job in flight.
pub(super) fn first_in_flight<R: Ring>(in_flight: &mut Fifo<R>) -> Option<&R::InFlight> {
    match in_flight.first()?.stage {
        Stage::InFlight(_, _, ref in_flight) => Some(in_flight),
        _ => None,
    }
}
