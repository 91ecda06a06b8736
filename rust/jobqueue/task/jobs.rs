// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The transitions of the jobs of a queue's task.
//!
//! ```text
//!   waiting ──submit_first()──► in flight ──finish_first()───► retired
//!      │                            └───────fail_first()─────────►│
//!      └───────────────cancel_first()────────────────────────────►│
//! ```

use super::Task;
use crate::{
    job::{
        InFlight,
        Node,
        Stage, //
    },
    shared::OnError,
    submission::Flags,
    trace,
    Ring, //
};
use core::{
    mem,
    task::{
        Context,
        Poll, //
    }, //
};
use dma_fence::{
    FenceSet,
    HwDone,
    InFlightFence,
    RingStopped, //
};
use kasync::SignallingSection;
use kernel::{
    pr_warn_once,
    prelude::*, //
};

/// The state of the first job that waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// There is no job.
    None,
    /// The job waits for its predecessors, its dependencies, for credits, for the queue to be
    /// unparked, or for the ring's decision after a time limit has expired. It may be one that will
    /// not run.
    Waits,
    /// The ring is not ready for the job.
    NotReady,
    /// The ring is ready for the job.
    Ready,
    /// The job does not run, and its predecessors and dependencies have completed.
    Cancelled,
}

impl<R: Ring> Task<R> {
    /// Polls for the completion of the oldest job in flight. Evidence for another timeline is
    /// refused, so that neither the job's fence nor its memory is given up.
    #[inline]
    pub(super) fn poll_complete(&mut self, cx: &mut Context<'_>) -> Option<HwDone> {
        let timeline = self.signaller.timeline();
        let Some(Node {
            stage: Stage::InFlight(Some(in_flight)),
            ..
        }) = self.in_flight.first()
        else {
            return None;
        };
        match self.ring.poll_complete(&mut in_flight.state, timeline, cx) {
            Poll::Ready(done) if done.timeline() == timeline => Some(done),
            Poll::Ready(_) => {
                warn_stray();
                None
            }
            Poll::Pending => None,
        }
    }

    /// Polls the dependencies of the first job that waits, and the readiness of the ring for it.
    #[inline(always)]
    pub(super) fn poll_first(&mut self, flags: Flags, cx: &mut Context<'_>) -> First {
        let (in_flight, is_deciding) = (!self.in_flight.is_empty(), self.is_deciding());
        let Some(node) = self.waiting.first() else {
            return First::None;
        };
        if node.error.is_none() {
            node.error = self.poison.or(flags.is_closed().then_some(ECANCELED));
        }
        let Node {
            stage: Stage::Waiting(Some(fence)),
            job,
            credits,
            error,
            ..
        } = node
        else {
            unreachable!("a committed job waits");
        };
        if let (None, Some(job)) = (*error, job) {
            if flags.is_parked() {
                withdraw(&mut self.ring, &mut self.is_asked);
                return First::Waits;
            }
            // The ring keeps its place during its own decision, which is short.
            if is_deciding || !self.credits.has(*credits) {
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
                    Poll::Pending => {
                        self.is_asked = true;
                        return First::NotReady;
                    }
                    Poll::Ready(Ok(())) => {
                        self.is_asked = false;
                        return First::Ready;
                    }
                    Poll::Ready(Err(e)) => *error = Some(e),
                }
            }
        }
        withdraw(&mut self.ring, &mut self.is_asked);
        // A parked queue calls no callback. Its fence signals after those of its predecessors and
        // dependencies.
        if in_flight || flags.holds() || fence.dependencies_mut().poll_all(cx).is_pending() {
            return First::Waits;
        }
        First::Cancelled
    }

    /// Submits the first job that waits to the ring, which is ready for it.
    #[inline(always)]
    pub(super) fn submit_first(&mut self) {
        let Some(mut node) = self.waiting.pop() else {
            return;
        };
        let (Some(fence), Some(job)) = (node.take_waiting(), &mut node.job) else {
            return;
        };
        let state = self.ring.submit(job);
        let permit = self.credits.take(node.credits);
        if trace::on() {
            self.trace_run(fence.id());
        }
        node.set_stage(Stage::InFlight(Some(InFlight {
            fence: fence.submitted(),
            permit,
            state,
        })));
        if self.in_flight.is_empty() {
            self.note_progress();
        }
        self.in_flight.push(node);
    }

    /// Cancels the first job that waits, and retires it.
    pub(super) fn cancel_first(&mut self) {
        let Some(mut node) = self.waiting.pop() else {
            return;
        };
        self.note_progress();
        let Some(fence) = node.take_waiting() else {
            return;
        };
        let error = node.error.unwrap_or(ECANCELED);
        self.record_error(Err(error));
        if trace::on() {
            trace::done(fence.id());
        }
        signal(|section| self.signaller.cancel(fence, section, error));
        self.retire(node);
    }

    /// Signals the fence of the oldest job in flight, which has completed, and retires the job.
    #[inline(always)]
    pub(super) fn finish_first(&mut self, done: HwDone) {
        let Some((node, fence, state)) = self.pop_in_flight() else {
            return;
        };
        self.record_error(done.result());
        signal(|section| self.signaller.complete(fence, done, section));
        drop(state);
        self.retire(node);
    }

    /// Signals the fence of the oldest job in flight with `error`, after the ring was reset, and
    /// retires the job.
    pub(super) fn fail_first(&mut self, stopped: &RingStopped, error: Error) {
        let Some((node, fence, state)) = self.pop_in_flight() else {
            return;
        };
        self.record_error(Err(error));
        signal(|section| self.signaller.fail(fence, stopped, error, section));
        drop(state);
        self.retire(node);
    }

    /// Takes the oldest job in flight, with its fence and the ring's state of it, and releases its
    /// credits.
    #[inline(always)]
    fn pop_in_flight(&mut self) -> Option<(KBox<Node<R>>, InFlightFence, R::InFlight)> {
        let mut node = self.in_flight.pop()?;
        self.note_progress();
        let InFlight {
            fence,
            permit,
            state,
        } = node.take_in_flight()?;
        self.credits.release(permit);
        if trace::on() {
            trace::done(fence.id());
        }
        Some((node, fence, state))
    }

    /// Records the result of a job, for [`OnError::Poison`].
    pub(super) fn record_error(&mut self, result: Result) {
        if self.on_error == OnError::Poison {
            self.poison = self.poison.or(result.err());
        }
    }

    /// Passes a job whose fence was taken, and has signalled, back to the ring, and releases its
    /// room.
    #[inline(always)]
    pub(super) fn retire(&mut self, mut node: KBox<Node<R>>) {
        if let Some(job) = node.job.take() {
            self.ring.retire(job);
        }
        let pages = node.pages;
        self.shared.retire(Node::into_memory(node), pages);
    }
}

/// Reports evidence for another timeline, which is no completion: the hardware may have the job.
#[cold]
#[inline(never)]
fn warn_stray() {
    pr_warn_once!("a job was said to have completed on a timeline that is not the queue's\n");
}

/// Returns whether a job that waits has more dependencies than are polled with preemption disabled.
#[inline]
pub(super) fn is_large<R: Ring>(node: &Node<R>) -> bool {
    let fence = node.pending();
    fence.is_some_and(|fence| fence.dependencies().len() > FenceSet::AT_ONCE)
}

/// Calls [`Ring::withdraw`] if the ring was asked for readiness, and was not ready.
fn withdraw<R: Ring>(ring: &mut R, is_asked: &mut bool) {
    if mem::take(is_asked) {
        ring.withdraw();
    }
}

/// Calls `f` with proof of the signalling section of the current poll.
#[inline(always)]
pub(super) fn signal(f: impl FnOnce(&SignallingSection<'_>)) {
    // SAFETY: Only methods of `Task` call this, in polls of its future. `JobQueue::new()` passes
    // that to an executor, whose polls are signalling sections.
    f(&unsafe { SignallingSection::witness() });
}
