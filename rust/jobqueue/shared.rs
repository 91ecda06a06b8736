// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What a queue and its task share, and how a queue is configured.

use crate::{
    capacity::{
        self,
        Capacity, //
    },
    job::{
        Memory,
        Node,
        SubmitList, //
    },
    submission::{
        Submission,
        IDLE, //
    },
    submit_list::NodeCache,
    Ring, //
};
use core::ops::DerefMut;
use dma_fence::{
    FenceEmitter,
    Names,
    Timeline, //
};
use kasync::{
    time::Delta,
    Scope, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc,
        SpinLock, //
    }, //
};

/// What the failure of a job means to others (R19).
///
/// | | a dependency has failed | a job of this queue has failed |
/// |---|---|---|
/// | `Ignore` | the job runs | the next one runs |
/// | `Propagate` | the job does not run, its fence gets the same error | the next one runs |
/// | `Poison` | as with `Propagate` | later jobs do not run, their fences get the same error |
///
/// A job that does not run still waits for all of its dependencies, and for the jobs before it. Of
/// several dependencies of one timeline only the last counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnError {
    /// Failures mean nothing to other jobs. For rendering.
    Ignore,
    /// Failures go to the jobs that depend on the one that failed.
    Propagate,
    /// No job of the queue makes sense after one that failed. For updates of page tables.
    Poison,
}

/// How a queue behaves.
#[derive(Clone, Copy)]
pub struct Config {
    /// Names for the fences: of the driver, and of the queue's kind.
    pub names: &'static Names,
    /// How many credits may be in flight, at least one; above 2³² is any number. A job that costs
    /// more is refused.
    pub credits: usize,
    /// How many jobs may be in the queue, in flight or not: at least one, less than 2²².
    /// [`JobQueue::prepare`](crate::JobQueue::prepare) waits while there are as many.
    pub jobs: usize,
    /// How many bytes the jobs in the queue may keep, by what [`Ring::memory`] says; `usize::MAX`
    /// is any number. A job that keeps more is refused, and
    /// [`JobQueue::prepare`](crate::JobQueue::prepare) waits while all jobs together would.
    ///
    /// Counted in pages of 4 KiB, and above 16 GiB not at all.
    pub memory: usize,
    /// Time limit after which [`Ring::timed_out`] is asked: for the oldest job in flight, and if
    /// nothing is in flight for [`Ring::poll_ready`]. More than zero. It passes at the latest after
    /// twice this time.
    pub timeout: Delta,
    /// What a failure means to others.
    pub on_error: OnError,
}

impl Config {
    /// Checks the ranges, and returns how much there is.
    pub(crate) fn limits(&self) -> Result<Limits> {
        let jobs = u32::try_from(self.jobs)?;
        let bad = self.credits == 0 || jobs == 0 || jobs >= capacity::LIMIT;
        if bad || self.timeout <= Delta::ZERO {
            return Err(EINVAL);
        }
        let credits = u32::try_from(self.credits).unwrap_or(u32::MAX);
        Ok(Limits {
            credits,
            jobs,
            pages: capacity::pages(self.memory),
        })
    }
}

/// How much there is in a queue: credits in flight, jobs, and pages that these keep.
pub(crate) struct Limits {
    credits: u32,
    jobs: u32,
    pages: u32,
}

/// Returns the lock of a queue's order.
///
/// Not part of the generic code around it, which each driver has a copy of: to lockdep the lock's
/// key, which is this module's, goes with one name, that is, one string at one address.
#[inline(never)]
fn order_lock(emitter: FenceEmitter) -> impl PinInit<SpinLock<FenceEmitter>> {
    new_spinlock!(emitter)
}

/// What a queue and its task share.
#[pin_data]
pub(crate) struct Shared<R: Ring> {
    timeline: Timeline,
    credits: u32,
    /// How many pages one job may keep.
    pages: u32,
    scope: Scope,
    capacity: Capacity,
    /// Filled by the task.
    cache: NodeCache<Memory<R>>,
    flags: Atomic<u32>,
    activity: Atomic<u32>,
    submit_list: SubmitList<R>,
    #[pin]
    order: SpinLock<FenceEmitter>,
}

impl<R: Ring> Submission for Shared<R> {
    type Order = FenceEmitter;
    type Node = Node<R>;

    #[inline(always)]
    fn lock(&self) -> impl DerefMut<Target = FenceEmitter> {
        self.order.lock()
    }

    #[inline(always)]
    fn flag_word(&self) -> &Atomic<u32> {
        &self.flags
    }

    #[inline(always)]
    fn activity(&self) -> &Atomic<u32> {
        &self.activity
    }

    #[inline(always)]
    fn submit_list(&self) -> &SubmitList<R> {
        &self.submit_list
    }

    #[inline(always)]
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl<R: Ring> Shared<R> {
    /// Returns what a queue with these limits shares with its task, as one of `scope`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(scope: &Scope, emitter: FenceEmitter, limits: Limits) -> Result<Arc<Self>> {
        let Limits {
            credits,
            jobs,
            pages,
        } = limits;
        Arc::pin_init(
            pin_init!(Self {
                timeline: emitter.timeline(),
                credits,
                pages,
                scope: scope.clone(),
                capacity: Capacity::new(jobs, *pages),
                cache: NodeCache::new(),
                flags: Atomic::new(0),
                activity: Atomic::new(IDLE),
                submit_list: SubmitList::new(),
                order <- order_lock(emitter),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the timeline of the queue's fences.
    #[inline(always)]
    pub(crate) fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// Returns how many credits may be in flight.
    pub(crate) fn credits(&self) -> u32 {
        self.credits
    }

    /// Returns how many pages one job may keep.
    pub(crate) fn pages(&self) -> u32 {
        self.pages
    }

    /// Returns the room for jobs.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// Returns the memory of a retired job, if there is some.
    #[inline]
    pub(crate) fn take_memory(&self) -> Option<KBox<Memory<R>>> {
        self.cache.take()
    }

    /// Takes back the memory and the room of a retired job. For the task.
    #[inline]
    pub(crate) fn retire(&self, memory: KBox<Memory<R>>, pages: u32) {
        self.cache.put(memory);
        self.capacity.release(pages);
    }
}
