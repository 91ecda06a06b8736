// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task of a queue.
//!
//! ```text
//!                 ┌──────────────────────── next_event() ───────────────────────┐
//!                 │ the oldest in flight is over │ the next may start │ patience │ closed, all over
//!                 ▼                              ▼                    ▼          ▼
//!            finish_first(), and again       proceed()            judge()      Ring::end()
//! ```
//!
//! One poll goes through this until there is nothing to do, or a number of times: then others have their turn (H16).

use crate::{
    job::{
        Credits,
        Fifo,
        Node,
        Stage, //
    },
    latch::Latch,
    queue::{
        Config,
        OnError,
        Shared, //
    },
    trace::{
        self,
        Traced, //
    },
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
use dma_fence::{
    FenceSignaller,
    HwDone,
    RingStopped, //
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
    /// What waits, oldest first.
    waiting: Fifo<R>,
    /// What is in flight, oldest first.
    flights: Fifo<R>,
    credits: Credits,
    signaller: FenceSignaller,
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
    /// It has taken too long once more.
    Stalled,
    /// The queue is closed, and nothing is left.
    End,
}

impl<R: Ring> Task<R> {
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
            waiting: Fifo::new(),
            flights: Fifo::new(),
            credits,
            signaller,
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

    /// Not an `async fn`: that would have the task twice, as its argument and as a variable.
    #[expect(clippy::manual_async_fn)]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            // Not armed before it is polled.
            let mut alarm = pin!(sleep(self.patience));
            poll_fn(|cx| {
                self.signaller.subscribe_deadline(cx);
                Poll::Ready(())
            })
            .await;
            loop {
                match poll_fn(|cx| self.next_event(alarm.as_mut(), cx)).await {
                    Event::Ready => self.proceed().await,
                    Event::Stalled => {
                        if let Some(after) = self.judge().await {
                            self.alarm = Some(self.finished);
                            alarm.as_mut().reset(after);
                        }
                    }
                    Event::End => break,
                }
            }
            self.shared.end();
            self.ring.end().await;
        }
    }

    /// Completions come before new work.
    fn next_event(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            if self.is_too_long(cx) {
                return Poll::Pending;
            }
            match self.poll_first(cx) {
                Some(result) => self.finish_first(result, None),
                None => break,
            }
        }
        let event = self.look(alarm, cx);
        if event.is_pending() {
            self.budget = BUDGET;
        }
        event
    }

    /// Whether others have their turn now.
    fn is_too_long(&mut self, cx: &Context<'_>) -> bool {
        self.budget -= 1;
        let over = self.budget == 0;
        if over {
            self.budget = BUDGET;
            cx.waker().wake_by_ref();
        }
        over
    }

    /// How the oldest job in flight has ended, if it has.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Option<Result> {
        let Some(Node {
            stage: Stage::Flying(_, _, running),
            ..
        }) = self.flights.first()
        else {
            return None;
        };
        match self.ring.poll_finish(running, cx) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
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

    /// The same for who looks from outside.
    #[cold]
    fn trace_received(&mut self) {
        let mut new = Fifo::new();
        self.shared.receive(&mut new);
        while let Some(node) = new.pop() {
            if let Some(fence) = node.pending() {
                trace::queue(&self.traced(), fence.id(), fence.dependencies());
            }
            self.waiting.push(node);
        }
    }

    /// For who looks from outside: the hardware has the job of this fence.
    #[cold]
    fn trace_run(&self, fence: (u64, u64)) {
        trace::run(&self.traced(), fence);
    }

    /// Somebody wants one of the fences: passes that on (R18).
    #[cold]
    fn hurry(&mut self, within: Delta) {
        self.waiting.each(|node| {
            if let Some(fence) = node.pending() {
                fence.dependencies().set_deadline(within);
            }
        });
        self.ring.hurry(within);
    }

    /// What the events have in common.
    fn traced(&self) -> Traced {
        Traced {
            label: self.ring.label(),
            names: self.signaller.names(),
            waiting: self.waiting.len(),
            flying: self.credits.taken(),
        }
    }

    fn look(&mut self, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        let seen = self.shared.look();
        self.receive();
        if let Some(within) = self.signaller.next_deadline() {
            self.hurry(within);
        }
        let flying = !self.flights.is_empty();
        if seen.is_parked() && !flying {
            self.shared.settle();
        }
        if let Some(node) = self.waiting.first() {
            self.idle = false;
            // One that the hardware will not see completes in its turn.
            if node.verdict.is_none() {
                node.verdict = self.poison.or(seen.is_closed().then_some(ECANCELED));
            }
            let free = match node.verdict {
                Some(_) => !flying,
                None => !seen.is_parked() && self.credits.has(node.credits),
            };
            if free {
                let Node {
                    stage: Stage::Waiting(fence),
                    job,
                    verdict,
                    ..
                } = &mut *node
                else {
                    unreachable!("what was committed waits");
                };
                if trace::on() && !fence.dependencies().is_polled() {
                    trace::wait(fence.id(), fence.dependencies());
                }
                let mut dependencies = fence.dependencies_mut();
                let polled = match (verdict, job) {
                    (None, Some(job)) => {
                        dependencies.poll_except(cx, |fence| self.ring.lower(job, fence))
                    }
                    // The hardware does not wait for anything any more.
                    _ => dependencies.poll_all(cx),
                };
                if let Poll::Ready(result) = polled {
                    if self.on_error != OnError::Ignore {
                        node.verdict = node.verdict.or(result.err());
                    }
                    return Poll::Ready(Event::Ready);
                }
            }
        } else if !flying {
            if seen.is_closed() && self.shared.is_over() {
                return Poll::Ready(Event::End);
            }
            if !self.idle {
                self.idle = true;
                self.ring.idle();
                // For who looks from outside: it waits for jobs.
                Site::here().waits(cx);
            }
        }
        if flying {
            self.poll_alarm(alarm, cx)
        } else {
            Poll::Pending
        }
    }

    /// The alarm is not set anew for each job, which would be most of what a job costs: if it goes off for one that is over, it
    /// is set for the one that is the oldest then.
    fn poll_alarm(&mut self, mut alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            let Some(number) = self.alarm else {
                self.alarm = Some(self.finished);
                alarm.as_mut().reset(self.patience);
                continue;
            };
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.alarm = None;
            if number == self.finished {
                return Poll::Ready(Event::Stalled);
            }
        }
    }

    /// Goes on with the job that comes next, whose dependencies are met and which has room. It stays where it is if it has to wait
    /// after all.
    async fn proceed(&mut self) {
        let Some(node) = self.waiting.first() else {
            return;
        };
        if let (None, Some(job)) = (node.verdict, &mut node.job) {
            match self.ring.start(job).await {
                Ok(running) => return self.fly(running),
                Err(e) => node.verdict = Some(e),
            }
            if !node.pending().is_none_or(|f| f.dependencies().is_empty()) {
                // Those that the hardware would have waited for come first now.
                return;
            }
        }
        if !self.flights.is_empty() {
            return;
        }
        let Some(mut node) = self.waiting.pop() else {
            return;
        };
        if let Stage::Waiting(fence) = node.take_stage() {
            let error = node.verdict.unwrap_or(ECANCELED);
            self.note(Err(error));
            if trace::on() {
                trace::done(fence.id());
            }
            signal(|section| self.signaller.cancel(fence, section, error));
        }
        self.retire(node);
    }

    /// The hardware has the job that comes next.
    fn fly(&mut self, running: R::Running) {
        let Some(mut node) = self.waiting.pop() else {
            return;
        };
        if let Stage::Waiting(fence) = node.take_stage() {
            let permit = self.credits.take(node.credits);
            if trace::on() {
                self.trace_run(fence.id());
            }
            node.stage = Stage::Flying(fence.submitted(), permit, running);
        }
        self.flights.push(node);
    }

    /// The oldest job in flight is over.
    fn finish_first(&mut self, result: Result, stopped: Option<&RingStopped>) {
        let Some(mut node) = self.flights.pop() else {
            return;
        };
        self.finished += 1;
        self.complaints = 0;
        self.note(result);
        if let Stage::Flying(fence, permit, running) = node.take_stage() {
            self.credits.give(permit);
            if trace::on() {
                trace::done(fence.id());
            }
            signal(|section| match (stopped, result) {
                (Some(stopped), Err(error)) => {
                    self.signaller.fail(fence, stopped, error, section);
                }
                _ => {
                    let timeline = self.signaller.timeline();
                    // SAFETY: The ring has said that the oldest job is over.
                    let done = unsafe { HwDone::new(timeline, result) };
                    self.signaller.complete(fence, done, section);
                }
            });
            drop(running);
        }
        self.retire(node);
    }

    /// How a job has ended, for those after it.
    fn note(&mut self, result: Result) {
        if self.on_error == OnError::Poison {
            self.poison = self.poison.or(result.err());
        }
    }

    fn retire(&mut self, mut node: KBox<Node<R>>) {
        if let Some(job) = node.job.take() {
            self.ring.retire(job);
        }
        let units = node.units;
        self.shared.retire(KBox::drop_contents(node), units);
    }

    /// Asks the ring what becomes of the oldest job in flight, and how long that may take.
    async fn judge(&mut self) -> Option<Delta> {
        self.complaints += 1;
        let Some(Node {
            stage: Stage::Flying(_, _, running),
            ..
        }) = self.flights.first()
        else {
            return None;
        };
        match self
            .ring
            .stalled(running, self.complaints, self.signaller.timeline())
            .await
        {
            Verdict::Wait(after) => Some(after),
            Verdict::Stopped(stopped) => {
                self.lose(&stopped).await;
                None
            }
        }
    }

    /// The ring was reset: nothing that is in flight is any more.
    async fn lose(&mut self, stopped: &RingStopped) {
        let mut error = ETIME;
        while !self.flights.is_empty() {
            // What it has finished before it was stopped, it has (H20).
            let result = poll_fn(|cx| Poll::Ready(self.poll_first(cx))).await;
            let lost = result.is_none();
            self.finish_first(result.unwrap_or(Err(error)), lost.then_some(stopped));
            if lost {
                error = ECANCELED;
            }
        }
        signal(|section| {
            self.signaller.drain_orphans(stopped, ECANCELED, section);
        });
    }
}

/// Calls `f` with the witness of the poll that we are in.
fn signal(f: impl FnOnce(&SignallingSection<'_>)) {
    // SAFETY: This is only called by `Task`, which nobody sees outside of this crate, and which is given to an executor as soon as it is
    // made: this is a poll of it.
    f(&unsafe { SignallingSection::witness() });
}
