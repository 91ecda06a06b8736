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
    trace,
    Ring, //
};
use dma_fence::{
    HwDone,
    InFlightFence, //
};
use kasync::SignallingSection;
use kernel::prelude::*;

impl<R: Ring> Task<R> {
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
