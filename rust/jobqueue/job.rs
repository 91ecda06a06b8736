// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The state of a job from preparation to retirement.

use crate::{
    submit_list::{
        self,
        Link, //
    },
    Ring, //
};
use core::{
    mem::{
        self,
        MaybeUninit, //
    },
    ptr, //
};
use dma_fence::{
    FenceSet,
    InFlightFence,
    PendingFence, //
};
use kernel::prelude::*;

/// A job with its state, allocated when it is prepared. Nothing else is allocated for it later.
///
/// | field | prepared | waiting | in flight |
/// |---|---|---|---|
/// | owner | [`Prepared`](crate::Prepared) | the list or the activity, then the task | the task |
/// | `stage` | `Prepared` | `Waiting` | `InFlight` |
/// | `error` | none | set once it is known that the job will not run | none |
pub(crate) struct Node<R: Ring> {
    /// The next node of the list that owns this one.
    next: *mut Node<R>,
    /// `None` once the job was retired.
    pub(crate) job: Option<R::Job>,
    pub(crate) credits: u32,
    /// The number of pages that the job occupies.
    pub(crate) pages: u32,
    pub(crate) stage: Stage<R>,
    pub(crate) error: Option<Error>,
}

// SAFETY: Only the list that owns the node uses `next`. All other fields are `Send`, which the
// assertion below checks.
unsafe impl<R: Ring> Send for Node<R> {}
const _: () = {
    const fn is_send<T: Send>() {}
    const fn of<R: Ring>() {
        is_send::<(R::Job, Stage<R>, Option<Error>)>();
    }
};

// SAFETY: `next` is a field of the node that is used by lists only.
unsafe impl<R: Ring> Link for Node<R> {
    #[inline(always)]
    unsafe fn next(node: *mut Self) -> *mut *mut Self {
        // SAFETY: `node` is valid by the safety requirements.
        unsafe { &raw mut (*node).next }
    }
}

/// A list of jobs that wait.
pub(crate) type WaitList<R> = submit_list::WaitList<Node<R>>;
/// A list of jobs in the order of their submission.
pub(crate) type Fifo<R> = submit_list::Fifo<Node<R>>;
/// A list of committed jobs that the queue's task has not received yet.
pub(crate) type SubmitList<R> = submit_list::SubmitList<Node<R>>;

/// The memory of a retired job, which the next one reuses.
pub(crate) type Memory<R> = MaybeUninit<Node<R>>;

/// The stage that a job has reached, with its fence.
///
/// ```text
///            commit()           submit()             poll_complete(), a reset
///   Prepared ────────► Waiting ──────────► InFlight ──────────────────────────► retired
///     │ drop             │ closed, or a dependency has failed                     ▲
///     ▼                  └────────────────────────────────────────────────────────┘
///   freed
/// ```
pub(crate) enum Stage<R: Ring> {
    /// The job was not committed. These are its dependencies.
    Prepared(FenceSet),
    /// The job was committed. The fence has the dependencies. `None` while the next stage begins.
    Waiting(Option<PendingFence>),
    /// The job was submitted to the hardware. `None` while it is retired.
    InFlight(Option<InFlight<R>>),
}

/// The fence of a job in flight, the credits that it has taken, and the ring's state of it.
pub(crate) struct InFlight<R: Ring> {
    pub(crate) fence: InFlightFence,
    pub(crate) permit: Permit,
    pub(crate) state: R::InFlight,
}

/// A number of credits that a job in flight has taken, until it completes (H23).
pub(crate) struct Permit(u32);

/// The credits of a ring. Only the queue's task accesses them, so there is no lock.
pub(crate) struct Credits {
    free: u32,
    all: u32,
}

impl Credits {
    /// Returns credits of which `free` are there, all of them free.
    pub(crate) fn new(free: u32) -> Self {
        Self { free, all: free }
    }

    /// Returns the number of credits in flight.
    pub(crate) fn taken(&self) -> u32 {
        self.all - self.free
    }

    /// Returns whether `credits` are free.
    #[inline]
    pub(crate) fn has(&self, credits: u32) -> bool {
        credits <= self.free
    }

    /// Takes credits. They must be free: see [`Credits::has`].
    #[inline]
    pub(crate) fn take(&mut self, credits: u32) -> Permit {
        let taken = credits.min(self.free);
        self.free -= taken;
        Permit(taken)
    }

    /// Releases the credits of a job that has completed.
    #[inline]
    pub(crate) fn release(&mut self, permit: Permit) {
        self.free += permit.0;
    }
}

impl<R: Ring> Node<R> {
    /// Returns a node for a job that is being prepared, in `memory` or in newly allocated memory.
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
        let memory = match memory {
            Some(memory) => memory,
            None => KBox::new_uninit(GFP_KERNEL_ACCOUNT)?,
        };
        // One write for both, which is in place.
        Ok(KBox::write(
            memory,
            Self {
                next: ptr::null_mut(),
                job: Some(job),
                credits,
                pages,
                stage: Stage::Prepared(dependencies),
                error: None,
            },
        ))
    }

    /// Returns the fence of a job that waits.
    #[inline]
    pub(crate) fn pending(&self) -> Option<&PendingFence> {
        match &self.stage {
            Stage::Waiting(fence) => fence.as_ref(),
            _ => None,
        }
    }

    /// Takes the dependencies of a job that was not committed.
    #[inline(always)]
    pub(crate) fn take_prepared(&mut self) -> Option<FenceSet> {
        match &mut self.stage {
            Stage::Prepared(dependencies) => Some(mem::take(dependencies)),
            _ => None,
        }
    }

    /// Takes the fence of a job that waits.
    #[inline(always)]
    pub(crate) fn take_waiting(&mut self) -> Option<PendingFence> {
        match &mut self.stage {
            Stage::Waiting(fence) => fence.take(),
            _ => None,
        }
    }

    /// Takes the content of the stage of a job in flight.
    #[inline(always)]
    pub(crate) fn take_in_flight(&mut self) -> Option<InFlight<R>> {
        match &mut self.stage {
            Stage::InFlight(in_flight) => in_flight.take(),
            _ => None,
        }
    }

    /// Returns the memory of a retired job, whose content was taken.
    #[inline(always)]
    pub(crate) fn into_memory(node: KBox<Self>) -> KBox<Memory<R>> {
        let memory = KBox::into_raw(node).cast();
        // SAFETY: From a box of the same layout. What would be left in it is leaked.
        unsafe { KBox::from_raw(memory) }
    }

    /// Replaces the stage whose content one of the functions above has taken.
    #[inline(always)]
    pub(crate) fn set_stage(&mut self, stage: Stage<R>) {
        // It owns nothing, so it need not be dropped.
        mem::forget(mem::replace(&mut self.stage, stage));
    }
}
