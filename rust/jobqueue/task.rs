// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task of a queue.
//!
//! ```text
//!                 ┌──────────────────────── next_event() ───────────────────────┐
//!                 │ the oldest in flight is over │ the next may start │ patience │ closed, all over
//!                 ▼                              ▼                    ▼          ▼
//!            finish_first()                  proceed()            judge()      Ring::end()
//! ```
//!
//! One poll goes through this until there is nothing to do, or a number of times: then others have their turn (H16).

use crate::{
    job::{
        Fifo,
        Node,
        Stage, //
    },
    queue::{
        Config,
        Next,
        OnError,
        Shared, //
    },
    trace,
    Ring,
    Verdict, //
};
use core::{
    future::{
        poll_fn,
        Future, //
    },
    pin::{
        pin,
        Pin, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    time::{
        sleep,
        Delta,
        Sleep, //
    },
    SignallingSection,
    Site, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// How many events are dealt with in one poll.
const BUDGET: u32 = 64;

/// The task.
pub(crate) struct Task<R: Ring> {
    shared: Arc<Shared<R>>,
    ring: R,
    /// The one that comes next.
    next: Option<KBox<Node<R>>>,
    /// What is in flight, oldest first.
    flights: Fifo<R>,
    credits: usize,
    /// Whether the ring knows that there is nothing to do.
    idle: bool,
    patience: Delta,
    on_error: OnError,
    /// Of the first job that has failed, if the others are to know.
    poison: Option<Error>,
    /// How many jobs have been the oldest in flight; which of them the alarm was set for, if it was; and how often that one was
    /// complained of.
    finished: u64,
    alarm: Option<u64>,
    complaints: u32,
    budget: u32,
}

/// What comes next.
enum Event {
    /// The next job's dependencies are met, and there is room for it.
    Ready,
    /// The oldest job in flight is over.
    Finished(Result),
    /// It has taken too long once more.
    Stalled,
    /// The queue is closed, and nothing is left.
    End,
}

impl<R: Ring> Task<R> {
    pub(crate) fn new(shared: Arc<Shared<R>>, ring: R, config: &Config) -> Self {
        Self {
            shared,
            ring,
            next: None,
            flights: Fifo::new(),
            credits: config.credits,
            idle: false,
            patience: config.patience,
            on_error: config.on_error,
            poison: None,
            finished: 0,
            alarm: None,
            complaints: 0,
            budget: BUDGET,
        }
    }

    pub(crate) async fn run(mut self) {
        // Not armed before it is polled.
        let mut alarm = pin!(sleep(self.patience));
        loop {
            match poll_fn(|cx| self.next_event(alarm.as_mut(), cx)).await {
                Event::Ready => {
                    if let Some(node) = self.next.take() {
                        self.next = self.proceed(node).await;
                    }
                }
                Event::Finished(result) => self.finish_first(result),
                Event::Stalled => {
                    if let Some(after) = self.judge().await {
                        self.alarm = Some(self.finished);
                        alarm.as_mut().reset(after);
                    }
                }
                Event::End => break,
            }
        }
        self.ring.end().await;
    }

    /// Completions come before new work.
    fn next_event(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        if self.budget == 0 {
            self.budget = BUDGET;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let event = self.look(alarm, cx);
        self.budget = match event {
            Poll::Ready(_) => self.budget - 1,
            Poll::Pending => BUDGET,
        };
        event
    }

    fn look(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(Node {
            stage: Stage::Flying(_, running),
            ..
        }) = self.flights.first()
        {
            if let Poll::Ready(result) = R::poll_finish(running, cx) {
                return Poll::Ready(Event::Finished(result));
            }
        }
        if self.next.is_none() {
            match self.shared.pop() {
                Next::Job(node) => self.next = Some(node),
                Next::End if self.flights.is_empty() => return Poll::Ready(Event::End),
                Next::End | Next::Nothing => (),
            }
        }
        if let Some(node) = &mut self.next {
            self.idle = false;
            // One that the hardware will not see completes in its turn.
            let runs = node.verdict.is_none() && self.poison.is_none() && !self.shared.is_closed();
            let room = self.flights.is_empty() || (runs && node.credits <= self.credits);
            if room && !(runs && self.shared.is_parked()) {
                if trace::on() {
                    self.shared.trace_wait(node);
                }
                if let Poll::Ready(result) = node.dependencies.poll_all(cx) {
                    if self.on_error != OnError::Ignore {
                        node.verdict = node.verdict.or(result.err());
                    }
                    return Poll::Ready(Event::Ready);
                }
            }
        } else if self.flights.is_empty() && !self.idle {
            self.idle = true;
            self.ring.idle();
            // For who looks from outside: it waits for jobs.
            Site::here().waits(cx);
        }
        self.poll_alarm(alarm, cx)
    }

    /// The alarm is not set anew for each job, which would be most of what a job costs: if it goes off for one that is over, it
    /// is set for the one that is the oldest then.
    fn poll_alarm(&mut self, mut alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            let Some(number) = self.alarm else {
                if self.flights.is_empty() {
                    return Poll::Pending;
                }
                self.alarm = Some(self.finished);
                alarm.as_mut().reset(self.patience);
                continue;
            };
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.alarm = None;
            if number == self.finished && !self.flights.is_empty() {
                return Poll::Ready(Event::Stalled);
            }
        }
    }

    /// Goes on with a job whose dependencies are met and which has room. Gives it back if it has to wait after all.
    async fn proceed(&mut self, mut node: KBox<Node<R>>) -> Option<KBox<Node<R>>> {
        node.verdict = node.verdict.or(self.poison);
        if node.verdict.is_none() && self.shared.is_closed() {
            node.verdict = Some(ECANCELED);
        }
        if let (None, Some(job)) = (node.verdict, &mut node.job) {
            if !self.shared.begin() {
                // Parked just now.
                self.land();
                return Some(node);
            }
            match self.ring.start(job).await {
                Ok(running) => {
                    self.fly(node, running);
                    return None;
                }
                Err(e) => node.verdict = Some(e),
            }
            self.land();
        }
        if !self.flights.is_empty() {
            return Some(node);
        }
        if let Stage::Waiting(fence) = node.take_stage() {
            let error = node.verdict.unwrap_or(ECANCELED);
            self.note(Err(error));
            if trace::on() {
                self.shared.trace_done(fence.fence(), self.credits);
            }
            signal(|section| fence.cancel(section, error));
        }
        self.retire(node);
        None
    }

    /// The hardware has the job.
    fn fly(&mut self, mut node: KBox<Node<R>>, running: R::Running) {
        if let Stage::Waiting(fence) = node.take_stage() {
            if trace::on() {
                self.shared
                    .trace_run(fence.fence(), self.credits - node.credits);
            }
            node.stage = Stage::Flying(fence.submitted(), running);
        }
        self.credits -= node.credits;
        self.flights.push(node);
    }

    /// The oldest job in flight is over.
    fn finish_first(&mut self, result: Result) {
        let Some(mut node) = self.flights.pop() else {
            return;
        };
        self.credits += node.credits;
        self.finished += 1;
        self.complaints = 0;
        self.note(result);
        if let Stage::Flying(fence, running) = node.take_stage() {
            if trace::on() {
                self.shared.trace_done(fence.fence(), self.credits);
            }
            signal(|section| fence.complete(section, result));
            drop(running);
        }
        self.land();
        self.retire(node);
    }

    /// How a job has ended, for those after it.
    fn note(&mut self, result: Result) {
        if self.on_error == OnError::Poison {
            self.poison = self.poison.or(result.err());
        }
    }

    /// One less for the hardware, perhaps the last.
    fn land(&self) {
        if self.flights.is_empty() {
            self.shared.end();
        }
    }

    fn retire(&mut self, mut node: KBox<Node<R>>) {
        if let Some(job) = node.job.take() {
            self.ring.retire(job);
        }
        self.shared.give_place(Some(KBox::drop_contents(node)));
    }

    /// Asks the ring what becomes of the oldest job in flight, and how long that may take.
    async fn judge(&mut self) -> Option<Delta> {
        self.complaints += 1;
        let Some(Node {
            stage: Stage::Flying(_, running),
            ..
        }) = self.flights.first()
        else {
            return None;
        };
        match self.ring.stalled(running, self.complaints).await {
            Verdict::Wait(after) => Some(after),
            Verdict::Stopped(_proof) => {
                self.lose().await;
                None
            }
        }
    }

    /// The ring was reset: nothing that is in flight is any more.
    async fn lose(&mut self) {
        let mut error = ETIME;
        while let Some(Node {
            stage: Stage::Flying(_, running),
            ..
        }) = self.flights.first()
        {
            // What it has finished before it was stopped, it has (H20).
            let now = poll_fn(|cx| Poll::Ready(R::poll_finish(running, cx))).await;
            match now {
                Poll::Ready(result) => self.finish_first(result),
                Poll::Pending => {
                    self.finish_first(Err(error));
                    error = ECANCELED;
                }
            }
        }
    }
}

/// Signals in the section of the poll that we are in.
fn signal(f: impl FnOnce(&SignallingSection<'_>)) {
    // Outside of a poll, which this is not, the fence would go to limbo.
    let _ = SignallingSection::with(f);
}
