// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs that the firmware has, and how they end.
//!
//! A job has commands in up to three work queues. It is over when the last one of each is, and has
//! failed if any of its commands has: see [`Commands::poll`].

use crate::firmware::{
    EventSlot,
    Failure,
    PendingSubmission,
    Stamp,
    Watch, //
};
use core::task::{
    self,
    ready,
    Poll, //
};
use jobqueue::{
    EngineUsage,
    Work, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A job that the firmware has.
pub(crate) struct InFlight {
    /// The commands of the job; `None` if the submission failed, in which case the firmware is
    /// given up.
    pub(super) commands: Option<Commands>,
    pub(super) _pending: PendingSubmission,
    pub(super) _work: [Option<Work>; 3],
}

/// The commands of a job in one work queue.
struct QueueCommands {
    watch: Watch,
    first: Stamp,
    last: Stamp,
}

impl QueueCommands {
    /// Returns the first failure, when the last of them is over.
    fn poll(&self, cx: &mut task::Context<'_>) -> Poll<Option<Failure>> {
        let end = ready!(self.watch.poll(self.last, cx));
        let mut value = self.first;
        while value != self.last {
            if let Some(Err(failure)) = self.watch.outcome(value) {
                return Poll::Ready(Some(failure));
            }
            value = value.next();
        }
        Poll::Ready(end.err())
    }
}

/// The commands of a job, in all work queues.
#[derive(Default)]
pub(super) struct Commands([Option<QueueCommands>; 3]);

impl Commands {
    /// Adds those from `first` on to the last that was issued in `slot`.
    pub(super) fn add(&mut self, slot: &EventSlot, first: Stamp) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(QueueCommands {
                watch: slot.watch(),
                first,
                last: slot.issued(),
            });
        }
    }

    /// Returns how the job has ended, if it has: as the first of its commands that failed, compute
    /// before vertex before fragment; but what was only killed with others says less than what
    /// they were killed for.
    ///
    /// To be asked while the job counts against the number of commands in flight.
    pub(super) fn poll(&self, cx: &mut task::Context<'_>) -> Poll<Result> {
        let mut worst = None;
        for commands in self.0.iter().flatten() {
            let failure = ready!(commands.poll(cx));
            if worst.is_none() || worst == Some(Failure::Killed) {
                worst = failure.or(worst);
            }
        }
        Poll::Ready(worst.map_or(Ok(()), |failure| Err(failure.into())))
    }

    /// Looks at the stamps, in case the event of their change was lost.
    pub(super) fn recheck(&self) {
        for commands in self.0.iter().flatten() {
            commands.watch.recheck();
        }
    }
}

/// The engines of a client, whose time is counted.
#[derive(Clone)]
pub(crate) struct Engines {
    pub(crate) vertex: Arc<EngineUsage>,
    pub(crate) fragment: Arc<EngineUsage>,
    pub(crate) compute: Arc<EngineUsage>,
}

impl Engines {
    /// Returns engines that have done nothing.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            vertex: EngineUsage::new(c"vertex")?,
            fragment: EngineUsage::new(c"fragment")?,
            compute: EngineUsage::new(c"compute")?,
        })
    }

    /// Returns all of them.
    pub(crate) fn all(&self) -> [&Arc<EngineUsage>; 3] {
        [&self.vertex, &self.fragment, &self.compute]
    }

    /// Begins the work of a job with compute commands, or with renders, or both.
    pub(super) fn begin(&self, computes: bool, renders: bool) -> [Option<Work>; 3] {
        [
            computes.then(|| self.compute.begin()),
            renders.then(|| self.vertex.begin()),
            renders.then(|| self.fragment.begin()),
        ]
    }
}
