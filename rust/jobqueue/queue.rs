// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The queue, as its users see it.

use crate::{
    inbox::Spare,
    job::{
        Inbox,
        Memory,
        Node,
        Stage, //
    },
    latch::{
        self,
        Gate,
        Latch,
        CLOSED,
        PARKED, //
    },
    places::{
        self,
        Places, //
    },
    task::Task,
    Ring, //
};
use core::ops::DerefMut;
use dma_fence::{
    Fence,
    FenceContext,
    FenceEmitter,
    FenceReservation,
    FenceSet,
    Names,
    Timeline, //
};
use kasync::{
    block_on_interruptible,
    select,
    time::Delta,
    Either,
    JoinHandle,
    Scope, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Atomic,
        Arc,
        SpinLock, //
    }, //
};

/// What the failure of a job means to others (R19).
///
/// | | dependency has failed | job of this queue has failed |
/// |---|---|---|
/// | `Ignore` | the job runs | the next one runs |
/// | `Propagate` | the job does not run, its fence gets the dependency's error | the next one runs |
/// | `Poison` | as with `Propagate` | those after it do not run, their fences get the same error |
///
/// A job that does not run still waits for all of its dependencies, and for those before it. Of several dependencies of one timeline only the
/// last counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnError {
    /// Failures are nobody else's business: what rendering does.
    Ignore,
    /// They go to who depends on them.
    Propagate,
    /// Nothing of this queue makes sense after one: what a queue of page table updates does.
    Poison,
}

/// How a queue behaves.
#[derive(Clone, Copy)]
pub struct Config {
    /// Names for the fences: of the driver, and of the queue's kind.
    pub names: &'static Names,
    /// How much may be in flight; above 2³² is any number. A job that costs more never runs: it is refused.
    pub credits: usize,
    /// How many jobs may be in the queue, in flight or not; less than 2²². Who wants to prepare one more waits.
    pub jobs: usize,
    /// How many bytes the jobs in the queue may keep, by what [`Ring::memory`] says; `usize::MAX`: any number. A job that keeps more than that is
    /// refused; who wants to prepare one too many waits. Counted in units of 4 KiB, and above 16 GiB not at all.
    pub memory: usize,
    /// How long the oldest job in flight may take until [`Ring::stalled`] is asked for a verdict: at least this, at most twice as long.
    pub patience: Delta,
    /// What a failure means to others.
    pub on_error: OnError,
}

/// What the queue and its task share.
#[pin_data]
pub(crate) struct Shared<R: Ring> {
    /// What [`Fence::context`] is of the queue's fences.
    context: Timeline,
    credits: u32,
    /// What one job may keep of memory, in units.
    units: u32,
    scope: Scope,
    places: Places,
    /// Put in by the task.
    spare: Spare<Memory<R>>,
    flags: Atomic<u32>,
    inbox: Inbox<R>,
    #[pin]
    gate: SpinLock<Gate<FenceEmitter>>,
}

impl<R: Ring> Latch for Shared<R> {
    type Order = FenceEmitter;
    type Node = Node<R>;

    #[inline(always)]
    fn gate(&self) -> impl DerefMut<Target = Gate<FenceEmitter>> {
        self.gate.lock()
    }

    #[inline(always)]
    fn flags(&self) -> &Atomic<u32> {
        &self.flags
    }

    #[inline(always)]
    fn inbox(&self) -> &Inbox<R> {
        &self.inbox
    }

    #[inline(always)]
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

/// A place in the queue, and so much memory. Dropping it gives it back.
struct Place<'q, R: Ring>(&'q Shared<R>, u32);

impl<R: Ring> Drop for Place<'_, R> {
    fn drop(&mut self) {
        self.0.places.give(self.1);
    }
}

impl<R: Ring> Shared<R> {
    pub(crate) fn credits(&self) -> u32 {
        self.credits
    }

    /// The job that had this memory is over. For the queue's task only.
    #[inline]
    pub(crate) fn retire(&self, spare: KBox<Memory<R>>, units: u32) {
        self.spare.put(spare);
        self.places.give(units);
    }
}

/// A queue of jobs. Dropping it closes it.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `prepare` | yes | no (allocate, wait) | no |
/// | `Prepared::admit`, `Prepared::commit`, `Admitted::commit` | yes | yes | no |
/// | `close`, drop | yes | yes | no |
/// | `park`, `unpark`, `quiet` | yes | yes | no |
pub struct JobQueue<R: Ring> {
    shared: Arc<Shared<R>>,
    task: JoinHandle<()>,
}

impl<R: Ring> JobQueue<R> {
    /// Makes a queue, whose task is one of `scope`. Cancelling that closes the queue, and joining it waits until all is over,
    /// [`Ring::end`] included.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if the scope is cancelled, `EINVAL` if the configuration is out of range, `ENOMEM`.
    pub fn new(scope: &Scope, name: &'static CStr, ring: R, config: &Config) -> Result<Self> {
        let jobs = u32::try_from(config.jobs)?;
        if jobs >= places::LIMIT {
            return Err(EINVAL);
        }
        let units = places::units(config.memory);
        let (order, signaller) = FenceContext::new(config.names)?;
        let shared = Arc::pin_init(
            try_pin_init!(Shared {
                context: order.timeline(),
                credits: u32::try_from(config.credits).unwrap_or(u32::MAX),
                scope: scope.clone(),
                units,
                places: Places::new(jobs, *units),
                spare: Spare::new(),
                flags: Atomic::new(0),
                inbox: Inbox::new(),
                gate <- new_spinlock!(Gate::new(order)),
            }),
            GFP_KERNEL,
        )?;
        let task = Task::new(shared.clone(), ring, signaller, config);
        let task = scope.spawn(name, task.run())?;
        Ok(Self { shared, task })
    }

    /// Everything about a job that may fail. Waits for a place in the queue.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it costs more credits, or keeps more memory, than there may be, `ECANCELED` if the queue's scope is cancelled while
    /// it waits, `ERESTARTSYS` if there is a signal for the thread then, `ENOMEM`. Of a queue that is closed it may succeed; committing does not.
    pub fn prepare(
        &self,
        job: R::Job,
        credits: usize,
        dependencies: KVVec<ARef<Fence>>,
    ) -> Result<Prepared<'_, R>> {
        let shared = &*self.shared;
        let credits = u32::try_from(credits).map_err(|_| EINVAL)?;
        if credits > shared.credits {
            return Err(EINVAL);
        }
        let units = places::units(R::memory(&job));
        if units > shared.units {
            return Err(EINVAL);
        }
        if !shared.places.try_take(units) {
            // Places may have to wait for fences that only go on when the caller is gone (H35).
            let place = select(shared.scope.cancelled(), shared.places.take(units));
            match block_on_interruptible(place)? {
                Either::Left(()) => return Err(ECANCELED),
                Either::Right(taken) => taken?,
            }
        }
        let place = Place(shared, units);
        let reservation = FenceReservation::new()?;
        let dependencies = FenceSet::new(dependencies, Some(shared.context))?;
        let node = Node::new(job, (credits, units), dependencies, shared.spare.take())?;
        Ok(Prepared {
            queue: self,
            node,
            reservation,
            place,
        })
    }

    /// Has the hardware get no more jobs, for a reset or suspend; those that it has go on, and time out. Jobs may be committed
    /// meanwhile as ever, and closing goes on as well. Idempotent.
    pub fn park(&self) {
        self.change(PARKED, 0);
    }

    /// Ends [`JobQueue::park`].
    pub fn unpark(&self) {
        self.change(0, PARKED);
    }

    /// Waits until the hardware has no job of a queue that is parked, or until it is not parked any more. Cancel safe.
    ///
    /// # Errors
    ///
    /// `ENODEV` if this module is not initialised.
    pub async fn quiet(&self) -> Result {
        latch::quiet(&*self.shared).await
    }

    /// Takes no more jobs, and cancels those that the hardware has not seen. Does not wait; the rest is up to the queue's task, which
    /// is polled on the spot if it can be, as with [`Prepared::commit`].
    pub fn close(&self) {
        self.change(CLOSED, 0);
    }

    fn change(&self, set: u32, clear: u32) {
        self.shared.change(&self.task, set, clear);
    }
}

impl<R: Ring> Drop for JobQueue<R> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A job that only needs to be committed. Dropping it undoes everything.
///
/// It belongs to the queue that it was prepared for:
///
/// ```text
///   JobQueue::prepare() ─► Prepared ─┬─ commit() ─────────────────────────► the fence
///                                    └─ admit() ─► Admitted ── commit() ──► the fence
/// ```
#[must_use = "nothing happens before it is committed"]
pub struct Prepared<'q, R: Ring> {
    queue: &'q JobQueue<R>,
    node: KBox<Node<R>>,
    reservation: FenceReservation,
    place: Place<'q, R>,
}

impl<'q, R: Ring> Prepared<'q, R> {
    /// Commits the job: from here on it has a fence, which will signal.
    ///
    /// If the queue's task is idle and this is process context outside of signalling sections, the task is polled on the spot,
    /// and the job may be in flight, or over, when this returns. Else a worker is woken.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if the queue has been closed; then nothing has happened.
    pub fn commit(self) -> Result<ARef<Fence>> {
        let queue = self.queue;
        let fence = queue
            .shared
            .commit(&queue.task, |order| self.arm(order))
            .ok_or(ECANCELED)?;
        Ok(fence)
    }

    /// From here on the job has a fence, and is the queue's task's.
    #[inline(always)]
    fn arm(self, order: &mut FenceEmitter) -> (KBox<Node<R>>, ARef<Fence>) {
        let Prepared {
            mut node,
            reservation,
            place,
            queue: _,
        } = self;
        let Stage::Prepared(dependencies) = node.take_stage() else {
            unreachable!("not committed before");
        };
        let (fence, pending) = order.arm(reservation, dependencies);
        node.stage = Stage::Waiting(pending);
        // It is the job's now, and given back by the queue's task.
        core::mem::forget(place);
        (node, fence)
    }

    /// Half of a commit: after this the other half, [`Admitted::commit`], cannot fail. So jobs for several queues are committed together,
    /// all or none: all are prepared, then all admitted, then all committed.
    ///
    /// Until it is committed or dropped the queue does not end, even if it is closed.
    ///
    /// # Errors
    ///
    /// As [`Prepared::commit`].
    pub fn admit(self) -> Result<Admitted<'q, R>> {
        if !self.queue.shared.admit() {
            return Err(ECANCELED);
        }
        Ok(Admitted {
            queue: self.queue,
            prepared: Some(self),
        })
    }
}

/// A job that only needs to be committed, which cannot fail any more. Dropping it undoes everything. Forgetting it keeps the queue from
/// ending.
#[must_use = "the queue does not end before it is committed or dropped"]
pub struct Admitted<'q, R: Ring> {
    queue: &'q JobQueue<R>,
    /// Until it is committed.
    prepared: Option<Prepared<'q, R>>,
}

impl<R: Ring> Admitted<'_, R> {
    /// Commits the job, as [`Prepared::commit`] does.
    pub fn commit(mut self) -> ARef<Fence> {
        let queue = self.queue;
        let Some(prepared) = self.prepared.take() else {
            unreachable!("committed once");
        };
        queue
            .shared
            .commit_admitted(&queue.task, |order| prepared.arm(order))
    }
}

impl<R: Ring> Drop for Admitted<'_, R> {
    fn drop(&mut self) {
        if self.prepared.take().is_some() {
            self.queue.shared.withdraw(&self.queue.task);
        }
    }
}
