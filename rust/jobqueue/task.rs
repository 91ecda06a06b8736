// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task of a queue.
//!
//! ```text
//!   poll_next(), on every poll, in this order:
//!
//!     the oldest job in flight is over ──► finish_first(): its fence signals
//!     jobs were committed, flags changed, a deadline was set
//!     the first job that waits:
//!       its dependencies have signalled,
//!       and the ring is ready for it ────► submit_first()
//!       it does not run ─────────────────► cancel_first(): its fence signals
//!     nothing is in flight ──────────────► Ring::quiesced()
//!     the time limit has passed ─────────► handle_timeout()
//!     closed, and nothing is left ───────► Ring::destroy()
//! ```
//!
//! The same is done, but for submitting jobs, while the ring decides what happens after a time
//! limit has passed.
//!
//! One poll goes through this until there is nothing to do, or a number of times: then others have
//! their turn (H16). A poll in a thread that commits (see [`submission`](crate::submission))
//! submits its job, ends it if it is over at once, and leaves everything else to a worker.

mod events;
mod jobs;
mod timeouts;

use crate::{
    deadline::Deadline,
    job::{
        Credits,
        Fifo,
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
    trace,
    Ring, //
};
use core::{
    future::{
        poll_fn,
        Future, //
    },
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
use jobs::First;
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

/// How many jobs are submitted or finished in one poll.
const BUDGET: u32 = 64;

/// The task.
pub(crate) struct Task<R: Ring> {
    shared: Arc<Shared<R>>,
    ring: R,
    /// Jobs that wait, oldest first.
    waiting: WaitList<R>,
    /// Jobs in flight, oldest first.
    in_flight: Fifo<R>,
    credits: Credits,
    signaller: FenceSignaller,
    /// Nothing was in flight, and nothing waited, at the end of the last poll, if there was one.
    is_idle: bool,
    /// The ring knows that nothing is in flight, and has not been asked for readiness since.
    is_quiesced: bool,
    timeout: Delta,
    on_error: OnError,
    /// The error of the first job that has failed, with [`OnError::Poison`].
    poison: Option<Error>,
    deadline: Deadline,
    /// There are jobs that the deadline has not been passed on to.
    is_walking: bool,
    /// How often something else has begun that the time limit is for; the value that the alarm was
    /// set for, if it is set; and how often that has timed out.
    progress: u32,
    alarm: Option<NonZeroU32>,
    timeouts: u32,
    deciding: Deciding,
    budget: u32,
}

/// What a poll leads to.
enum Event {
    /// The time limit has passed.
    TimedOut,
    /// The queue is closed, and nothing is left.
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
            timeout: config.timeout,
            on_error: config.on_error,
            poison: None,
            deadline: Deadline::new(),
            is_walking: false,
            progress: 1,
            alarm: None,
            timeouts: 0,
            deciding: Deciding::Nothing,
            budget: BUDGET,
        }
    }

    /// Returns the task's future. Not an `async fn`, which would have the task twice: as its
    /// argument, and as a variable.
    #[expect(clippy::manual_async_fn)]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            // Armed by its first poll.
            let mut alarm = pin!(sleep(self.timeout));
            poll_fn(|cx| {
                self.signaller.subscribe_deadline(cx);
                Poll::Ready(())
            })
            .await;
            // Little is kept across these awaits, as it is kept by each queue.
            while let Event::TimedOut = poll_fn(|cx| self.poll_next(alarm.as_mut(), cx)).await {
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

    /// Does all that can be done, in a worker or in a thread that commits.
    fn poll_next(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        let event = if self.is_idle && self.shared.is_inline() {
            self.poll_inline(alarm, cx);
            Poll::Pending
        } else {
            self.poll_in_worker(alarm, cx)
        };
        if event.is_pending() {
            self.budget = BUDGET;
            let is_idle = self.waiting.is_empty() && self.in_flight.is_empty();
            if self.is_idle || is_idle {
                self.set_idle(is_idle, cx);
            }
        }
        event
    }

    /// Says at the end of a poll whether the next commit may poll the task.
    fn set_idle(&mut self, is_idle: bool, cx: &mut Context<'_>) {
        self.shared.set_idle(is_idle);
        self.deadline.clear();
        if is_idle && !self.is_idle {
            // For the debugfs table of tasks.
            AwaitSite::here().waits(cx);
        }
        self.is_idle = is_idle;
    }

    /// Submits the job of the thread that commits, whose poll this is, and ends it if the hardware
    /// is through with it by then. Signals no other fence.
    fn poll_inline(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) {
        self.receive();
        match self.poll_first(Flags::OPEN, cx) {
            First::Ready => {
                self.submit_first();
                if let Some(done) = self.poll_complete(cx) {
                    // The hardware was through with it at once. Nothing else is in flight.
                    self.finish_first(done);
                    if self.waiting.is_empty() {
                        self.quiesce();
                        return;
                    }
                }
                if !self.waiting.is_empty() {
                    cx.waker().wake_by_ref();
                }
            }
            First::NotReady => {}
            // Perhaps the ring has to hear that it is quiet.
            First::Waits if self.is_quiesced => return,
            First::None | First::Waits | First::Cancelled => {
                cx.waker().wake_by_ref();
                return;
            }
        }
        if self.poll_alarm(alarm, cx).is_ready() {
            // The worker finds it passed as well.
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
            self.poll_deadline(cx);
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
            let in_flight = !self.in_flight.is_empty();
            if in_flight && !was_in_flight {
                // What is the oldest now has not been asked whether it is over.
                continue;
            }
            if self.is_deciding() {
                return Poll::Pending;
            }
            if !in_flight && first != First::NotReady {
                self.quiesce();
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

    /// Returns whether the ring decides what happens after a time limit has passed.
    #[inline]
    fn is_deciding(&self) -> bool {
        self.deciding != Deciding::Nothing
    }

    /// Counts a job that was submitted or finished. Returns whether others have their turn now.
    fn is_over_budget(&mut self, cx: &Context<'_>) -> bool {
        self.budget -= 1;
        let over = self.budget == 0;
        if over {
            cx.waker().wake_by_ref();
        }
        over
    }

    /// Takes the jobs that were committed.
    #[inline]
    fn receive(&mut self) {
        if trace::on() {
            self.trace_received();
        } else {
            self.shared.receive(&mut self.waiting);
        }
    }

    /// Passes on that somebody wants a fence of the queue soon (R18).
    #[inline]
    fn poll_deadline(&mut self, cx: &Context<'_>) {
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

    /// Tells the ring that nothing is in flight, if it does not know.
    #[inline]
    fn quiesce(&mut self) {
        if !self.is_quiesced {
            self.is_quiesced = true;
            // Readiness that was pending is not waited for any more.
            self.note_progress();
            self.ring.quiesced();
        }
    }
}
