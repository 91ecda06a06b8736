// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs on their way through a queue.

use crate::{
    queue::Place,
    Ring, //
};
use core::mem::MaybeUninit;
use dma_fence::{
    Fence,
    FenceReservation,
    FenceSet,
    InFlight,
    Pending, //
};
use kernel::prelude::*;

/// A job that only needs to be committed. Dropping it undoes everything.
#[must_use = "nothing happens before it is committed"]
pub struct Prepared<R: Ring> {
    pub(crate) node: KBox<Node<R>>,
    pub(crate) reservation: FenceReservation,
    pub(crate) place: Place<R>,
}

/// A job and all that it takes to bring it through the queue, allocated when it is prepared.
///
/// | field | prepared | waiting | in flight |
/// |---|---|---|---|
/// | `dependencies` | all | those that had not all signalled when they were looked at | none |
/// | `stage` | `Prepared` | `Waiting` | `Flying` |
/// | `verdict` | none | how it ends if the hardware is not going to see it | none |
pub(crate) struct Node<R: Ring> {
    /// The next one in the same list.
    next: Option<KBox<Node<R>>>,
    /// Taken out at the end.
    pub(crate) job: Option<R::Job>,
    pub(crate) credits: usize,
    pub(crate) dependencies: FenceSet,
    pub(crate) stage: Stage<R>,
    pub(crate) verdict: Option<Error>,
}

/// Memory of a job that is over, for the next one.
pub(crate) type Spare<R> = KBox<MaybeUninit<Node<R>>>;

/// What a job has of its fence and of the hardware.
pub(crate) enum Stage<R: Ring> {
    /// Nobody but its owner knows of it.
    Prepared,
    /// It was committed.
    Waiting(Pending),
    /// The hardware has it.
    Flying(InFlight, R::Running),
}

impl<R: Ring> Node<R> {
    pub(crate) fn new(
        job: R::Job,
        credits: usize,
        dependencies: FenceSet,
        spare: Option<Spare<R>>,
    ) -> Result<KBox<Self>> {
        let node = Self {
            next: None,
            job: Some(job),
            credits,
            dependencies,
            stage: Stage::Prepared,
            verdict: None,
        };
        match spare {
            Some(spare) => Ok(KBox::write(spare, node)),
            None => Ok(KBox::new(node, GFP_KERNEL)?),
        }
    }

    /// Its fence, if somebody knows it.
    pub(crate) fn fence(&self) -> Option<&Fence> {
        match &self.stage {
            Stage::Prepared => None,
            Stage::Waiting(pending) => Some(pending.fence()),
            Stage::Flying(flight, _) => Some(flight.fence()),
        }
    }

    /// Takes the stage out; it becomes `Prepared`.
    pub(crate) fn take_stage(&mut self) -> Stage<R> {
        core::mem::replace(&mut self.stage, Stage::Prepared)
    }
}

/// Jobs in order: first come, first served.
pub(crate) struct Fifo<R: Ring> {
    first: Option<KBox<Node<R>>>,
    /// The last of the list, if there is one.
    last: *mut Node<R>,
}

// SAFETY: It owns the jobs; `last` points to one of them.
unsafe impl<R: Ring> Send for Fifo<R> {}

impl<R: Ring> Fifo<R> {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            last: core::ptr::null_mut(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Counts them: for who looks from outside.
    pub(crate) fn len(&self) -> usize {
        core::iter::successors(self.first.as_deref(), |node| node.next.as_deref()).count()
    }

    pub(crate) fn first(&mut self) -> Option<&mut Node<R>> {
        self.first.as_deref_mut()
    }

    pub(crate) fn push(&mut self, mut node: KBox<Node<R>>) {
        let at: *mut Node<R> = &mut *node;
        if self.first.is_none() {
            self.first = Some(node);
        } else {
            // SAFETY: The list is not empty, so `last` is its last node, which nobody refers to meanwhile.
            unsafe { (*self.last).next = Some(node) };
        }
        self.last = at;
    }

    pub(crate) fn pop(&mut self) -> Option<KBox<Node<R>>> {
        let mut node = self.first.take()?;
        self.first = node.next.take();
        Some(node)
    }
}

impl<R: Ring> Drop for Fifo<R> {
    fn drop(&mut self) {
        // One after the other: not as deep on the stack as the list is long.
        while self.pop().is_some() {}
    }
}
