// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs on their way through a queue.

use crate::{
    submit_list::{
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
/// | owner | [`Prepared`](crate::Prepared) | the submit list, then the task | the task |
/// | `stage` | `Prepared` | `Waiting` | `InFlight` |
/// | `error` | none | set once it is certain that the job will not run | none |
pub(crate) struct Node<R: Ring> {
    /// Links the list that owns the node.
    next: *mut Node<R>,
    /// Taken out when the job is retired.
    pub(crate) job: Option<R::Job>,
    pub(crate) credits: u32,
    /// How many pages the job keeps.
    pub(crate) pages: u32,
    pub(crate) stage: Stage<R>,
    pub(crate) error: Option<Error>,
}

// SAFETY: `next` belongs to the list that owns the node; all other fields are `Send`, which the
// assertion below checks.
unsafe impl<R: Ring> Send for Node<R> {}
const _: () = {
    const fn is_send<T: Send>() {}
    const fn of<R: Ring>() {
        is_send::<(R::Job, Stage<R>, Option<Error>)>();
    }
};

// SAFETY: `next` is a field of the node, which only lists use.
unsafe impl<R: Ring> Link for Node<R> {
    #[inline(always)]
    unsafe fn next(node: *mut Self) -> *mut *mut Self {
        // SAFETY: `node` is valid by the safety requirements.
        unsafe { &raw mut (*node).next }
    }
}

/// Jobs that wait.
pub(crate) type WaitList<R> = submit_list::WaitList<Node<R>>;
/// Jobs in order.
pub(crate) type Fifo<R> = submit_list::Fifo<Node<R>>;
/// Committed jobs on their way to the queue's task.
pub(crate) type SubmitList<R> = submit_list::SubmitList<Node<R>>;

/// Memory of a retired job, for the next one.
pub(crate) type Memory<R> = MaybeUninit<Node<R>>;

/// Where a job is, with what belongs to it there.
///
/// ```text
///            commit()           submit()             poll_complete(), a reset
///   Prepared ────────► Waiting ──────────► InFlight ──────────────────────────► retired
///     │ drop             │ closed, or a dependency has failed                     ▲
///     ▼                  └────────────────────────────────────────────────────────┘
///   freed
/// ```
pub(crate) enum Stage<R: Ring> {
    /// Nothing but its owner knows of the job, which is going to wait for these fences.
    Prepared(FenceSet),
    /// The job was committed. The fence has the dependencies.
    Waiting(PendingFence),
    /// The hardware has the job.
    InFlight(InFlightFence, Permit, R::InFlight),
}

/// Room in the ring, in credits. It belongs to a job that the hardware has until that is over
/// (H23).
pub(crate) struct Permit(u32);

/// The credits of a ring. They belong to the queue's task, which takes no lock for them.
pub(crate) struct Credits {
    free: u32,
    all: u32,
}

impl Credits {
    /// Returns a number of credits, all of which are free.
    pub(crate) fn new(free: u32) -> Self {
        Self { free, all: free }
    }

    /// Returns how many credits are in flight.
    pub(crate) fn taken(&self) -> u32 {
        self.all - self.free
    }

    /// Returns whether `credits` are free.
    #[inline]
    pub(crate) fn has(&self, credits: u32) -> bool {
        credits <= self.free
    }

    /// Takes credits that are free: see [`Credits::has`].
    #[inline]
    pub(crate) fn take(&mut self, credits: u32) -> Permit {
        let taken = credits.min(self.free);
        self.free -= taken;
        Permit(taken)
    }

    /// Releases the credits of a job that is over.
    #[inline]
    pub(crate) fn release(&mut self, permit: Permit) {
        self.free += permit.0;
    }
}

impl<R: Ring> Node<R> {
    /// Returns a node for a job that is being prepared, in `memory` if there is some.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(
        job: R::Job,
        (credits, pages): (u32, u32),
        dependencies: FenceSet,
        memory: Option<KBox<Memory<R>>>,
    ) -> Result<KBox<Self>> {
        let node = Self {
            next: ptr::null_mut(),
            job: Some(job),
            credits,
            pages,
            stage: Stage::Prepared(dependencies),
            error: None,
        };
        match memory {
            Some(memory) => Ok(KBox::write(memory, node)),
            None => Ok(KBox::new(node, GFP_KERNEL_ACCOUNT)?),
        }
    }

    /// Returns the fence of a job that waits.
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
