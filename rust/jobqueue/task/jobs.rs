// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What becomes of the jobs of a queue's task.
//!
//! ```text
//!   waiting ──submit_first()──► in flight ──finish_first()───► retired
//!      │                            └───────fail_in_flight()─────►│
//!      └───────────────cancel_first()────────────────────────────►│
//! ```

use super::Task;
use crate::{
    job::{
        Node,
        Stage, //
    },
    shared::OnError,
    submission::Flags,
    trace,
    Ring, //
};
use core::task::{
    Context,
    Poll, //
};
use dma_fence::{
    HwDone,
    InFlightFence, //
};
use kasync::SignallingSection;
use kernel::prelude::*;

/// What can be done with the first job that waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// There is no job.
    None,
    /// It waits for what comes before it, for its dependencies, for credits, to be unparked, or for
    /// what the ring does after a time limit has passed.
    Waits,
    /// The ring is not ready for it.
    NotReady,
    /// The ring is ready for it.
    Ready,
    /// It does not run, and all before it and all that it depends on is over.
    Cancelled,
}

impl<R: Ring> Task<R> {
    /// Asks whether the oldest job in flight is over.
    #[inline]
    pub(super) fn poll_complete(&mut self, cx: &mut Context<'_>) -> Option<HwDone> {
        let timeline = self.signaller.timeline();
        let Some(Node {
            stage: Stage::InFlight(_, _, in_flight),
            ..
        }) = self.in_flight.first()
        else {
            return None;
        };
        match self.ring.poll_complete(in_flight, timeline, cx) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    /// Asks what can be done with the first job that waits.
    pub(super) fn poll_first(&mut self, flags: Flags, cx: &mut Context<'_>) -> First {
        let (in_flight, is_deciding) = (!self.in_flight.is_empty(), self.is_deciding());
        let Some(node) = self.waiting.first() else {
            return First::None;
        };
        if node.error.is_none() {
            node.error = self.poison.or(flags.is_closed().then_some(ECANCELED));
        }
        let Node {
            stage: Stage::Waiting(fence),
            job,
            credits,
            error,
            ..
        } = node
        else {
            unreachable!("a committed job waits");
        };
        if let (None, Some(job)) = (*error, job) {
            let is_held = flags.is_parked() || is_deciding;
            if is_held || !self.credits.has(*credits) {
                return First::Waits;
            }
            if trace::on() {
                trace::wait(fence);
            }
            let Poll::Ready(result) = fence.dependencies_mut().poll_all(cx) else {
                return First::Waits;
            };
            if self.on_error != OnError::Ignore {
                *error = result.err();
            }
            if error.is_none() {
                self.is_quiesced = false;
                match self.ring.poll_ready(job, cx) {
                    Poll::Pending => return First::NotReady,
                    Poll::Ready(Ok(())) => return First::Ready,
                    Poll::Ready(Err(e)) => *error = Some(e),
                }
            }
        }
        // It completes in its turn, and after all that it depends on.
        if in_flight || fence.dependencies_mut().poll_all(cx).is_pending() {
            return First::Waits;
        }
        First::Cancelled
    }

    /// Hands the first job that waits to the hardware, which is ready for it.
    pub(super) fn submit_first(&mut self) {
        let Some(mut node) = self.waiting.pop() else {
            return;
        };
        let (Stage::Waiting(fence), Some(job)) = (node.take_stage(), &mut node.job) else {
            return;
        };
        let in_flight = self.ring.submit(job);
        let permit = self.credits.take(node.credits);
        if trace::on() {
            self.trace_run(fence.id());
        }
        node.stage = Stage::InFlight(fence.submitted(), permit, in_flight);
        if self.in_flight.is_empty() {
            self.note_progress();
        }
        self.in_flight.push(node);
    }

    /// Ends the first job that waits, which does not run.
    pub(super) fn cancel_first(&mut self) {
        let Some(mut node) = self.waiting.pop() else {
            return;
        };
        self.note_progress();
        if let Stage::Waiting(fence) = node.take_stage() {
            let error = node.error.unwrap_or(ECANCELED);
            self.record_error(Err(error));
            if trace::on() {
                trace::done(fence.id());
            }
            signal(|section| self.signaller.cancel(fence, section, error));
        }
        self.retire(node);
    }

    /// Ends the oldest job in flight, which is over.
    pub(super) fn finish_first(&mut self, done: HwDone) {
        self.end_first(|task, fence| {
            task.record_error(done.result());
            signal(|section| task.signaller.complete(fence, done, section));
        });
    }

    /// Ends the oldest job in flight, by having `end` signal its fence.
    #[inline(always)]
    pub(super) fn end_first(&mut self, end: impl FnOnce(&mut Self, InFlightFence)) {
        let Some(mut node) = self.in_flight.pop() else {
            return;
        };
        self.note_progress();
        if let Stage::InFlight(fence, permit, in_flight) = node.take_stage() {
            self.credits.release(permit);
            if trace::on() {
                trace::done(fence.id());
            }
            end(self, fence);
            drop(in_flight);
        }
        self.retire(node);
    }

    /// Remembers how a job has ended, for those after it.
    pub(super) fn record_error(&mut self, result: Result) {
        if self.on_error == OnError::Poison {
            self.poison = self.poison.or(result.err());
        }
    }

    /// Gives a job back whose fence has signalled.
    pub(super) fn retire(&mut self, mut node: KBox<Node<R>>) {
        if let Some(job) = node.job.take() {
            self.ring.retire(job);
        }
        let pages = node.pages;
        self.shared.retire(KBox::drop_contents(node), pages);
    }
}

/// Calls `f` with the witness of the poll that the caller is in.
pub(super) fn signal(f: impl FnOnce(&SignallingSection<'_>)) {
    // SAFETY: Only `Task` calls this, in a poll of its future: nothing outside of this crate sees a
    // `Task`, and an executor polls it.
    f(&unsafe { SignallingSection::witness() });
}
