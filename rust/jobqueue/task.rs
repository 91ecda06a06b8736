// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task of a queue.

use crate::{
    job::Node,
    queue::{
        Config,
        Next,
        Shared, //
    },
    Ring, //
};
use core::future::Future;
use dma_fence::{
    InFlight,
    Pending, //
};
use kasync::{
    select,
    time::{
        self,
        Delta,
        Instant, //
    },
    Either,
    SignallingSection, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A job that the hardware has.
struct Flight<R: Ring> {
    node: KBox<Node<R::Job>>,
    running: R::Running,
    /// Every committed job has one.
    fence: Option<InFlight>,
}

/// The task.
pub(crate) struct Task<R: Ring> {
    shared: Arc<Shared<R::Job>>,
    ring: R,
    /// What is in flight, oldest first: a ring with as many places as there can be jobs.
    flights: KVec<Option<Flight<R>>>,
    first: usize,
    count: usize,
    credits: usize,
    patience: Delta,
    /// Since when the oldest job in flight is that, and how often it was complained of.
    since: Instant,
    complaints: u32,
}

/// What comes next.
enum Event {
    /// Something may wait now, or the queue was closed.
    Changed,
    /// The next job's dependencies are met.
    Ready,
    /// The oldest job in flight is over.
    Finished(Result),
    /// It has taken too long once more.
    Stalled,
}

impl<R: Ring> Task<R> {
    pub(crate) fn new(shared: Arc<Shared<R::Job>>, ring: R, config: &Config) -> Result<Self> {
        // Every job costs a credit at least.
        let places = config.credits.min(config.jobs);
        let mut flights = KVec::with_capacity(places, GFP_KERNEL)?;
        for _ in 0..places {
            flights.push(None, GFP_KERNEL)?;
        }
        Ok(Self {
            shared,
            ring,
            flights,
            first: 0,
            count: 0,
            credits: config.credits,
            patience: config.patience,
            since: Instant::now(),
            complaints: 0,
        })
    }

    pub(crate) async fn run(mut self) {
        let mut next: Option<KBox<Node<R::Job>>> = None;
        loop {
            if next.is_none() {
                match self.shared.pop() {
                    Next::Job(node) => next = Some(node),
                    Next::End if self.count == 0 => break,
                    Next::End | Next::Nothing => (),
                }
            }
            if next.is_none() && self.count == 0 {
                self.ring.idle();
            }
            let room = next.as_ref().is_some_and(|node| self.has_room(node));
            let oldest = self.flights.get(self.first).and_then(Option::as_ref);
            let oldest = oldest.map(|flight| &flight.running);
            let limit = self.since + self.patience;
            let event = event::<R>(&self.shared, oldest, limit, next.as_deref_mut(), room);
            match event.await {
                Event::Changed => (),
                Event::Ready => {
                    if let Some(node) = next.take() {
                        next = self.proceed(node).await;
                    }
                }
                Event::Finished(result) => self.finish_first(result),
                Event::Stalled => self.complain(),
            }
        }
        self.ring.end().await;
    }

    /// Whether `node` need not wait for those in flight.
    fn has_room(&self, node: &Node<R::Job>) -> bool {
        if self.count == 0 {
            return true;
        }
        // One that the hardware will not see completes in its turn.
        node.verdict.is_none()
            && !self.shared.is_closed()
            && node.credits <= self.credits
            && self.count < self.flights.len()
    }

    /// Goes on with a job whose dependencies are met and which has room. Gives it back if it has to wait after all.
    async fn proceed(&mut self, mut node: KBox<Node<R::Job>>) -> Option<KBox<Node<R::Job>>> {
        if node.verdict.is_none() && self.shared.is_closed() {
            node.verdict = Some(ECANCELED);
        }
        if node.verdict.is_none() {
            match self.ring.start(&mut node.job).await {
                Ok(running) => {
                    self.fly(node, running);
                    return None;
                }
                Err(e) => node.verdict = Some(e),
            }
        }
        if self.count != 0 {
            return Some(node);
        }
        let Node {
            fence,
            job,
            verdict,
            _place,
            ..
        } = KBox::into_inner(node);
        if let Some(fence) = fence {
            signal(|section| fence.cancel(section, verdict.unwrap_or(ECANCELED)));
        }
        self.ring.retire(job);
        None
    }

    /// The hardware has the job.
    fn fly(&mut self, mut node: KBox<Node<R::Job>>, running: R::Running) {
        if self.count == 0 {
            self.watch_first();
        }
        self.credits -= node.credits;
        let fence = node.fence.take().map(Pending::submitted);
        let at = (self.first + self.count) % self.flights.len();
        self.count += 1;
        self.flights[at] = Some(Flight {
            node,
            running,
            fence,
        });
    }

    /// The oldest job in flight is over.
    fn finish_first(&mut self, result: Result) {
        let Some(flight) = self.flights[self.first].take() else {
            return;
        };
        self.first = (self.first + 1) % self.flights.len();
        self.count -= 1;
        self.credits += flight.node.credits;
        self.watch_first();

        if let Some(fence) = flight.fence {
            signal(|section| fence.complete(section, result));
        }
        drop(flight.running);
        let Node { job, _place, .. } = KBox::into_inner(flight.node);
        self.ring.retire(job);
    }

    /// The oldest job in flight is another one.
    fn watch_first(&mut self) {
        self.since = Instant::now();
        self.complaints = 0;
    }

    fn complain(&mut self) {
        self.since = Instant::now();
        self.complaints += 1;
        if let Some(flight) = &self.flights[self.first] {
            self.ring.stalled(&flight.running, self.complaints);
        }
    }
}

/// Waits for what comes next. Completions come before new work.
///
/// `oldest`: the job that has been in flight for longest, and until when it may take. `next`: the one that
/// is to be started, and whether there is `room` for it.
async fn event<R: Ring>(
    shared: &Shared<R::Job>,
    oldest: Option<&R::Running>,
    limit: Instant,
    next: Option<&mut Node<R::Job>>,
    room: bool,
) -> Event {
    match (oldest, next) {
        (None, None) => changed(shared).await,
        (None, Some(node)) => ready(node).await,
        (Some(running), Some(node)) if room => {
            either(finished::<R>(running, limit), ready(node)).await
        }
        (Some(running), None) if !shared.is_closed() => {
            either(finished::<R>(running, limit), changed(shared)).await
        }
        // There is no room, or nothing will come any more.
        (Some(running), _) => finished::<R>(running, limit).await,
    }
}

/// Waits until a job may have come, or the queue is closed.
async fn changed<J>(shared: &Shared<J>) -> Event {
    let _ = select(shared.changed.notified(), shared.scope.cancelled()).await;
    Event::Changed
}

/// Waits until the oldest job in flight is over, or has taken too long.
async fn finished<R: Ring>(running: &R::Running, limit: Instant) -> Event {
    match select(R::finish(running), time::sleep_until(limit)).await {
        Either::Left(result) => Event::Finished(result),
        Either::Right(()) => Event::Stalled,
    }
}

/// Waits for the dependencies of a job.
async fn ready<J>(node: &mut Node<J>) -> Event {
    node.wait().await;
    Event::Ready
}

/// Waits for the first of two events.
async fn either(a: impl Future<Output = Event>, b: impl Future<Output = Event>) -> Event {
    match select(a, b).await {
        Either::Left(event) | Either::Right(event) => event,
    }
}

/// Signals in the section of the poll that we are in.
fn signal(f: impl FnOnce(&SignallingSection<'_>)) {
    // Outside of a poll, which this is not, the fence would go to limbo.
    let _ = SignallingSection::with(f);
}
