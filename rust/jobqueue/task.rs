// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task of a queue.
//!
//! ```text
//!   poll_next(), on every poll, in this order:
//!
//!     the oldest job in flight completes ► finish_first(): its fence signals
//!     jobs were committed, flags changed, a deadline was set
//!     the first job that waits:
//!       its dependencies have signalled,
//!       and the ring is ready for it ────► submit_first()
//!       it does not run ─────────────────► cancel_first(): its fence signals
//!       it is held or will not run,
//!       and the ring was not ready ──────► Ring::withdraw()
//!     the queue is closed ───────────────► Ring::discard() of each job that waits
//!     nothing is in flight ──────────────► Ring::quiesced()
//!     and the queue is closed ───────────► Ring::closed()
//!     the time limit has expired ────────► handle_timeout()
//!     closed, and no job is left ────────► Ring::destroy()
//! ```
//!
//! While the ring decides what happens after a time limit has expired, no job is submitted, and all
//! other steps are the same.
//!
//! A poll repeats this until there is nothing to do, or its budget is used up (H16). A poll by a
//! thread that commits (see [`submission`](crate::submission)) submits the job of that thread,
//! completes it if the hardware is done with it, and leaves everything else to a worker.

mod events;
mod jobs;
mod timeouts;

use crate::{
    deadline::Deadline,
    job::{
        Credits,
        Fifo,
        Node,
        WaitList, //
    },
    shared::{
        Config,
        OnError,
        Shared, //
    },
    submission::{
        Flags,
        Submission, //
    },
    submit_list::Walk,
    trace,
    Ring, //
};
use core::{
    future::{
        poll_fn,
        Future, //
    },
    mem,
    num::NonZeroU32,
    pin::{
        pin,
        Pin, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use dma_fence::FenceSignaller;
use jobs::{
    is_large,
    First, //
};
use kasync::{
    time::{
        sleep,
        Delta,
        Sleep, //
    },
    AwaitSite, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use timeouts::{
    first_in_flight,
    Deciding, //
};

/// The number of jobs that are submitted or completed in one poll.
const BUDGET: u32 = 64;

/// The number of jobs that are discarded in one poll.
const DISCARDS: u32 = 256;

/// The state of a queue's task.
pub(crate) struct Task<R: Ring> {
    shared: Arc<Shared<R>>,
    ring: R,
    /// Jobs that wait, oldest first.
    waiting: WaitList<R>,
    /// Jobs in flight, oldest first.
    in_flight: Fifo<R>,
    credits: Credits,
    signaller: FenceSignaller,
    /// True if no job was in flight, and none waited, at the end of the last poll. While it is set,
    /// only [`Task::poll_next`] polls the queue, since a commit may pass a job to it.
    is_idle: bool,
    /// True if [`Ring::quiesced`] was called since the last [`Ring::poll_ready`].
    is_quiesced: bool,
    /// True if [`Ring::closed`] was called.
    is_closed: bool,
    /// True if the last answer of [`Ring::poll_ready`] was pending, and not withdrawn since.
    is_asked: bool,
    timeout: Delta,
    on_error: OnError,
    /// The error of the first job that has failed, with [`OnError::Poison`].
    poison: Option<Error>,
    deadline: Deadline,
    /// True if the job that waits was left to a worker to be traced.
    is_untraced: bool,
    /// True if there are jobs that the deadline was not passed on to.
    is_walking: bool,
    /// The number of times that the subject of the time limit has changed.
    progress: u32,
    /// The value of `progress` that the alarm was set for, if it is set.
    alarm: Option<NonZeroU32>,
    /// The part of the time that the ring has asked to wait for that begins when the alarm expires.
    wait: Delta,
    /// The number of times that the time limit has expired for the current subject.
    timeouts: u32,
    deciding: Deciding,
    budget: u32,
}

/// The result of a poll.
enum Event {
    /// The time limit has expired.
    TimedOut,
    /// The queue is closed, and no job is left.
    End,
}

impl<R: Ring> Task<R> {
    /// Returns the task of a new queue.
    pub(crate) fn new(
        shared: Arc<Shared<R>>,
        ring: R,
        signaller: FenceSignaller,
        config: &Config,
    ) -> Self {
        let credits = Credits::new(shared.credits());
        Self {
            shared,
            ring,
            waiting: WaitList::new(),
            in_flight: Fifo::new(),
            credits,
            signaller,
            is_idle: true,
            is_quiesced: true,
            is_closed: false,
            is_asked: false,
            timeout: config.timeout,
            on_error: config.on_error,
            poison: None,
            deadline: Deadline::new(),
            is_untraced: false,
            is_walking: false,
            progress: 1,
            alarm: None,
            wait: Delta::ZERO,
            timeouts: 0,
            deciding: Deciding::Nothing,
            budget: BUDGET,
        }
    }

    /// Returns the task's future.
    #[expect(
        clippy::manual_async_fn,
        reason = "the future of an `async fn` has the state twice, as argument and as variable"
    )]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            // The alarm is armed by its first poll.
            let mut alarm = pin!(sleep(self.timeout));
            poll_fn(|cx| {
                self.signaller.subscribe_deadline(cx);
                Poll::Ready(())
            })
            .await;
            // Every queue keeps what lives across these awaits, so it is little.
            while let Event::TimedOut = poll_fn(|cx| self.poll_next(alarm.as_mut(), cx)).await {
                self.note_expiry();
                let (n, timeline) = (self.timeouts, self.signaller.timeline());
                let job = first_in_flight(&mut self.in_flight);
                self.deciding = Deciding::on(job.is_some());
                let mut decision = pin!(self.ring.timed_out(job, n, timeline));
                let (task, mut alarm) = (&mut self, alarm.as_mut());
                poll_fn(move |cx| task.poll_timed_out(alarm.as_mut(), decision.as_mut(), cx)).await;
            }
            self.ring.destroy().await;
        }
    }

    /// Polls the queue, by a worker or by a thread that commits.
    fn poll_next(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        let event = match self.take_passed() {
            Some(node) => {
                self.poll_inline(node, alarm, cx);
                Poll::Pending
            }
            None => self.poll_in_worker(alarm, cx),
        };
        if event.is_pending() {
            self.budget = BUDGET;
            // Trace events say when a job was received.
            if !self.waiting.is_empty() && !trace::on() {
                self.shared.defer();
            }
            let is_idle = self.waiting.is_empty() && self.in_flight.is_empty();
            if is_idle || self.is_idle {
                // All jobs that it was for have completed, or it is for none.
                self.deadline.clear();
            }
            if is_idle != self.is_idle {
                self.set_idle(is_idle, cx);
            }
        }
        event
    }

    /// Takes the job of a commit that calls this poll.
    #[inline]
    fn take_passed(&mut self) -> Option<KBox<Node<R>>> {
        // Else there is none, as the task was not idle.
        if self.is_idle {
            self.shared.take_passed()
        } else {
            None
        }
    }

    /// Sets, at the end of a poll, whether the next commit may poll the task.
    fn set_idle(&mut self, is_idle: bool, cx: &mut Context<'_>) {
        self.shared.set_idle(is_idle);
        if is_idle {
            // For the debugfs table of tasks.
            AwaitSite::here().waits(cx);
        }
        self.is_idle = is_idle;
    }

    /// Submits the job of the committing thread, which calls this with preemption disabled, and
    /// completes the job if the hardware is done with it. Signals no other fence. A job with many
    /// dependencies is left to a worker, as it takes long to poll, trace and drop them.
    #[inline(always)]
    fn poll_inline(&mut self, node: KBox<Node<R>>, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) {
        let is_large = is_large(&node);
        if trace::on() {
            self.is_untraced = is_large;
            if !is_large {
                self.trace_queued(&node);
            }
        }
        self.waiting.push(node);
        if is_large {
            cx.waker().wake_by_ref();
            return;
        }
        // It was committed before the queue was closed, but may come after the ring was told.
        let flags = match self.is_closed {
            true => self.shared.flags(),
            false => Flags::OPEN,
        };
        match self.poll_first(flags, cx) {
            First::Ready => {
                self.submit_first();
                if let Some(done) = self.poll_complete(cx) {
                    // The hardware has completed the job at once. There is no other.
                    self.finish_first(done);
                    self.quiesce();
                    return;
                }
            }
            First::NotReady => {}
            // If the ring is not quiesced, a worker has to call `quiesced()`.
            First::Waits if self.is_quiesced => return,
            First::None | First::Waits | First::Cancelled => {
                cx.waker().wake_by_ref();
                return;
            }
        }
        if self.poll_alarm(alarm, cx).is_ready() {
            // The worker will find it expired as well.
            cx.waker().wake_by_ref();
        }
    }

    fn poll_in_worker(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            // Completions come before new work.
            while let Some(done) = self.poll_complete(cx) {
                self.finish_first(done);
                if self.is_over_budget(cx) {
                    return Poll::Pending;
                }
            }
            // In this order: a job that was committed to a parked queue does not start.
            self.receive();
            let flags = self.shared.flags();
            if self.is_walking || self.signaller.has_deadline() {
                self.pass_on_deadline(flags, cx);
            }
            let was_in_flight = !self.in_flight.is_empty();
            let first = loop {
                let first = self.poll_first(flags, cx);
                match first {
                    First::Ready => self.submit_first(),
                    First::Cancelled => self.cancel_first(),
                    _ => break first,
                }
                if self.is_over_budget(cx) {
                    return Poll::Pending;
                }
            };
            if flags.is_closed() {
                self.discard(cx);
            }
            let in_flight = !self.in_flight.is_empty();
            if in_flight && !was_in_flight {
                // The job that is the oldest now was not checked for completion.
                continue;
            }
            if self.is_deciding() {
                return Poll::Pending;
            }
            if !in_flight && first != First::NotReady {
                self.quiesce();
                if flags.is_closed() && !mem::replace(&mut self.is_closed, true) {
                    self.ring.closed();
                }
                if flags.is_parked() {
                    self.shared.mark_parked();
                }
                if first == First::None && flags.is_closed() && self.shared.try_end(flags) {
                    return Poll::Ready(Event::End);
                }
                return Poll::Pending;
            }
            return self.poll_alarm(alarm, cx);
        }
    }

    /// Returns whether the ring is deciding what happens after a time limit has expired.
    #[inline]
    fn is_deciding(&self) -> bool {
        self.deciding != Deciding::Nothing
    }

    /// Counts a job that was submitted or completed. Returns whether the budget is used up, after
    /// waking the task.
    fn is_over_budget(&mut self, cx: &Context<'_>) -> bool {
        self.budget -= 1;
        let over = self.budget == 0;
        if over {
            cx.waker().wake_by_ref();
        }
        over
    }

    /// Adds the jobs that were committed to those that wait.
    #[inline]
    fn receive(&mut self) {
        if trace::on() {
            self.trace_received();
        } else {
            self.shared.receive(&mut self.waiting);
        }
    }

    /// Passes on deadlines of the queue's fences (R18), unless the queue is parked: then they are
    /// left until it is not.
    #[cold]
    fn pass_on_deadline(&mut self, flags: Flags, cx: &Context<'_>) {
        if flags.holds() {
            return;
        }
        if let Some(within) = self.signaller.next_deadline() {
            self.deadline
                .request(within, &mut self.ring, &mut self.waiting);
            self.is_walking = true;
        }
        if self.is_walking {
            self.is_walking = self.deadline.walk(&mut self.waiting);
            if self.is_walking {
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Has the ring free what jobs that wait have for their run, as the queue is closed. Those that
    /// it was called for already are left out.
    #[cold]
    fn discard(&mut self, cx: &Context<'_>) {
        for _ in 0..DISCARDS {
            let Some(node) = self.waiting.advance(Walk::Discard) else {
                return;
            };
            if let Some(job) = &mut node.job {
                self.ring.discard(job);
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Calls [`Ring::quiesced`], unless it was called already.
    #[inline]
    fn quiesce(&mut self) {
        if !self.is_quiesced {
            self.is_quiesced = true;
            // The time limit of pending readiness ends.
            self.note_progress();
            self.ring.quiesced();
        }
    }
}
