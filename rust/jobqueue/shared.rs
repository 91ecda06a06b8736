// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The configuration of a queue, and the state that a queue and its task share.

use crate::{
    activity::Activity,
    capacity::{
        self,
        Capacity, //
    },
    job::{
        Memory,
        Node,
        SubmitList, //
    },
    submission::Submission,
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
    relaxed,
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

/// The effect of a job's failure on other jobs (R19).
///
/// | | a dependency has failed | a job of this queue has failed |
/// |---|---|---|
/// | `Ignore` | the job runs | the next one runs |
/// | `Propagate` | the job does not run, its fence gets the same error | the next one runs |
/// | `Poison` | as with `Propagate` | later jobs do not run, their fences get the same error |
///
/// A job that does not run still completes after all of its dependencies, and after the jobs before
/// it. Of several dependencies of one timeline, only the last one's error counts.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnError {
    /// Failures have no effect on other jobs. For rendering.
    Ignore,
    /// Failures propagate to the jobs that depend on the failed one.
    Propagate,
    /// No job of the queue runs after one that has failed. For updates of page tables.
    Poison,
}

/// The configuration of a queue.
///
/// # Context
///
/// Any. [`JobQueue::new`](crate::JobQueue::new), which takes it, is for process context.
#[derive(Clone, Copy)]
pub struct Config {
    /// Names for the fences: that of the driver, and that of the kind of queue.
    pub names: &'static Names,
    /// The number of credits that may be in flight. At least one; a number above 2³² is no limit. A
    /// job that costs more is refused.
    pub credits: usize,
    /// The number of jobs that may be in the queue, in flight or not. At least one, and less than
    /// 2²². [`JobQueue::prepare`](crate::JobQueue::prepare) waits while the queue is full.
    pub jobs: usize,
    /// The number of bytes that the jobs in the queue may occupy, as returned by [`Ring::memory`];
    /// `usize::MAX` is no limit. A job that occupies more is refused, and
    /// [`JobQueue::prepare`](crate::JobQueue::prepare) waits while all jobs together would.
    ///
    /// It is counted in pages of 4 KiB. A number above 16 GiB is no limit.
    pub memory: usize,
    /// The time limit after which [`Ring::timed_out`] is called: for the oldest job in flight or,
    /// if nothing is in flight, for [`Ring::poll_ready`]. More than zero. It expires after at most
    /// twice this time.
    pub timeout: Delta,
    /// The effect of failures.
    pub on_error: OnError,
}

impl Config {
    /// Checks the ranges, and returns the limits.
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

/// The limits of a queue: credits in flight, jobs, and pages that jobs occupy.
pub(crate) struct Limits {
    credits: u32,
    jobs: u32,
    pages: u32,
}

/// Returns the lock of a queue's order.
///
/// It is not generic, so this module has the only copy: for lockdep a lock's key has one name, that
/// is, one string at one address.
#[inline(never)]
fn order_lock(emitter: FenceEmitter) -> impl PinInit<SpinLock<FenceEmitter>> {
    new_spinlock!(emitter)
}

/// The first bit of the number of pages in [`Shared::flags`].
const PAGES: u32 = 8;
const _: () = assert!(capacity::LIMIT <= 1 << (u32::BITS - PAGES));

/// The state that a queue and its task share.
#[pin_data]
pub(crate) struct Shared<R: Ring> {
    timeline: Timeline,
    credits: u32,
    /// The flags, and in the bits from [`PAGES`] on the number of pages that one job may occupy.
    /// With a word for each, this would be in the allocator's next size class.
    flags: Atomic<u32>,
    scope: Scope,
    capacity: Capacity,
    /// Filled by the task.
    cache: NodeCache<Memory<R>>,
    activity: Activity<Node<R>>,
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
    fn activity(&self) -> &Activity<Node<R>> {
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
    /// Allocates the state of a queue whose task belongs to `scope`.
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
                flags: Atomic::new(pages << PAGES),
                scope: scope.clone(),
                capacity: Capacity::new(jobs, pages),
                cache: NodeCache::new(),
                activity: Activity::new(),
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

    /// Returns the number of credits that may be in flight.
    pub(crate) fn credits(&self) -> u32 {
        self.credits
    }

    /// Returns the number of pages that one job may occupy.
    pub(crate) fn pages(&self) -> u32 {
        relaxed::load(&self.flags) >> PAGES
    }

    /// Returns the room for jobs.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// Takes the memory of a retired job from the cache, if there is any.
    #[inline]
    pub(crate) fn take_memory(&self) -> Option<KBox<Memory<R>>> {
        self.cache.take()
    }

    /// Releases the memory and the room of a retired job. For the task.
    #[inline(always)]
    pub(crate) fn retire(&self, memory: KBox<Memory<R>>, pages: u32) {
        self.cache.put(memory);
        self.capacity.release(pages);
    }
}
