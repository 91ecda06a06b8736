// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs on their way through a queue.

use crate::{
    inbox::{
        self,
        Link, //
    },
    Ring, //
};
use core::{
    mem::MaybeUninit,
    ptr, //
};
use dma_fence::{
    FenceSet,
    InFlightFence,
    PendingFence, //
};
use kernel::prelude::*;

/// A job and all that it takes to bring it through the queue, allocated when it is prepared.
///
/// | field | prepared | waiting | in flight |
/// |---|---|---|---|
/// | owner | [`Prepared`](crate::Prepared) | [`Inbox`](crate::inbox::Inbox), then the task | the task |
/// | `stage` | `Prepared`, with its dependencies | `Waiting`, with its dependencies | `Flying` |
/// | `verdict` | none | how it ends if the hardware is not going to see it | none |
pub(crate) struct Node<R: Ring> {
    /// The next one in the same list, which owns it.
    next: *mut Node<R>,
    /// Taken out at the end.
    pub(crate) job: Option<R::Job>,
    pub(crate) credits: u32,
    /// What it keeps of memory.
    pub(crate) units: u32,
    pub(crate) stage: Stage<R>,
    pub(crate) verdict: Option<Error>,
}

// SAFETY: `next` is for the list that it is in; all else is `Send`: see the assertion.
unsafe impl<R: Ring> Send for Node<R> {}
const _: () = {
    const fn is_send<T: Send>() {}
    const fn of<R: Ring>() {
        is_send::<(R::Job, Stage<R>, Option<Error>)>();
    }
};

// SAFETY: `next` is a field of the node.
unsafe impl<R: Ring> Link for Node<R> {
    #[inline(always)]
    unsafe fn next(node: *mut Self) -> *mut *mut Self {
        // SAFETY: Valid by the safety requirements.
        unsafe { &raw mut (*node).next }
    }
}

/// Jobs in order.
pub(crate) type Fifo<R> = inbox::Fifo<Node<R>>;
/// Committed jobs on their way to the queue's task.
pub(crate) type Inbox<R> = inbox::Inbox<Node<R>>;

/// Memory of a job that is over, for the next one.
pub(crate) type Memory<R> = MaybeUninit<Node<R>>;

/// What a job has of its fence and of the hardware.
pub(crate) enum Stage<R: Ring> {
    /// Nobody but its owner knows of it.
    Prepared(FenceSet),
    /// It was committed.
    Waiting(PendingFence),
    /// The hardware has it.
    Flying(InFlightFence, Permit, R::Running),
}

/// Room in the ring, in credits. Owned by the job that the hardware has, and nobody else, until it is over (H23).
pub(crate) struct Permit(u32);

/// The room that a ring has. Only the queue's task has it, so it takes no lock.
pub(crate) struct Credits {
    free: u32,
    all: u32,
}

impl Credits {
    pub(crate) fn new(free: u32) -> Self {
        Self { free, all: free }
    }

    /// How much is in flight.
    pub(crate) fn taken(&self) -> u32 {
        self.all - self.free
    }

    /// Whether there is room for so much.
    #[inline]
    pub(crate) fn has(&self, credits: u32) -> bool {
        credits <= self.free
    }

    /// Takes room that there is: see [`Credits::has`].
    #[inline]
    pub(crate) fn take(&mut self, credits: u32) -> Permit {
        let taken = credits.min(self.free);
        self.free -= taken;
        Permit(taken)
    }

    /// Gives it back: the hardware has done with the job.
    #[inline]
    pub(crate) fn give(&mut self, permit: Permit) {
        self.free += permit.0;
    }
}

impl<R: Ring> Node<R> {
    pub(crate) fn new(
        job: R::Job,
        (credits, units): (u32, u32),
        dependencies: FenceSet,
        spare: Option<KBox<Memory<R>>>,
    ) -> Result<KBox<Self>> {
        let node = Self {
            next: ptr::null_mut(),
            job: Some(job),
            credits,
            units,
            stage: Stage::Prepared(dependencies),
            verdict: None,
        };
        match spare {
            Some(spare) => Ok(KBox::write(spare, node)),
            None => Ok(KBox::new(node, GFP_KERNEL)?),
        }
    }

    /// The fence of a job that waits.
    #[inline]
    pub(crate) fn pending(&self) -> Option<&PendingFence> {
        match &self.stage {
            Stage::Waiting(fence) => Some(fence),
            _ => None,
        }
    }

    /// Takes the stage out; it becomes `Prepared`.
    pub(crate) fn take_stage(&mut self) -> Stage<R> {
        core::mem::replace(&mut self.stage, Stage::Prepared(FenceSet::default()))
    }
}
