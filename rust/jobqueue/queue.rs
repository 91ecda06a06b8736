// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The queue, as its users see it.

use crate::{
    job::{
        Fifo,
        Node,
        Prepared,
        Spare,
        Stage, //
    },
    task::Task,
    Ring, //
};
use core::{
    mem::MaybeUninit,
    pin::Pin, //
};
use dma_fence::{
    Fence,
    FenceContext,
    FenceSet,
    Order, //
};
use kasync::{
    block_on_interruptible,
    select,
    sync::Notify,
    time::Delta,
    Either,
    JoinHandle,
    Scope, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        barrier,
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
    pub names: (&'static CStr, &'static CStr),
    /// How much may be in flight. A job that costs more never runs: it is refused.
    pub credits: usize,
    /// How many jobs may be in the queue, in flight or not. Who wants to prepare one more waits.
    pub jobs: usize,
    /// How long the oldest job in flight may take until [`Ring::stalled`] is asked for a verdict: at least this, at most twice as long.
    pub patience: Delta,
    /// What a failure means to others.
    pub on_error: OnError,
}

/// What the queue and its task share.
#[pin_data(PinnedDrop)]
pub(crate) struct Shared<R: Ring> {
    context: Arc<FenceContext>,
    credits: usize,
    scope: Scope,
    /// How many jobs more may be prepared, how many threads wait for that, and what tells them.
    places: Atomic<usize>,
    waiters: Atomic<usize>,
    place_free: Notify,
    /// The address of a [`Spare`], memory without contents, or 0.
    spare: Atomic<usize>,
    /// Set under the lock of `waiting`.
    closed: Atomic<bool>,
    /// Whether jobs wait. Set under the lock of `waiting`.
    queued: Atomic<bool>,
    /// The hardware is to get no more jobs for now.
    parked: Atomic<bool>,
    /// The hardware has jobs, or gets one. Set by the queue's task before it looks at `parked`.
    busy: Atomic<bool>,
    /// It has none any more.
    quiet: Notify,
    #[pin]
    waiting: SpinLock<Waiting<R>>,
}

#[pinned_drop]
impl<R: Ring> PinnedDrop for Shared<R> {
    fn drop(self: Pin<&mut Self>) {
        drop(self.swap_spare(None));
    }
}

struct Waiting<R: Ring> {
    jobs: Fifo<R>,
    order: Order,
    /// Jobs that will be committed: see [`Admitted`].
    admitted: usize,
}

/// A place in the queue. Dropping it gives it back.
pub(crate) struct Place<R: Ring>(Option<Arc<Shared<R>>>);

impl<R: Ring> Place<R> {
    /// The place is the job's now, and given back by the queue's task.
    fn pass_on(mut self) {
        self.0 = None;
    }
}

impl<R: Ring> Drop for Place<R> {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.give_place(None);
        }
    }
}

/// One of those who wait for a place.
struct Waiter<'a, R: Ring>(&'a Shared<R>);

impl<R: Ring> Drop for Waiter<'_, R> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Full);
        // In case that this one was told of a place and has not taken it.
        self.0.place_free.notify_one();
    }
}

impl<R: Ring> Shared<R> {
    /// The next job, or whether there will be none any more.
    pub(crate) fn pop(&self) -> Next<R> {
        // Whoever commits one wakes the task after it, so it is seen then.
        if !self.queued.load(Relaxed) && !self.is_closed() {
            return Next::Nothing;
        }
        let mut waiting = self.waiting.lock();
        match waiting.jobs.pop() {
            Some(node) => {
                self.queued.store(!waiting.jobs.is_empty(), Relaxed);
                Next::Job(node)
            }
            None if self.is_closed() && waiting.admitted == 0 => Next::End,
            None => Next::Nothing,
        }
    }

    /// Before the hardware gets a job: false if it must not.
    #[inline]
    pub(crate) fn begin(&self) -> bool {
        self.busy.store(true, Relaxed);
        // Against park() and then quiet(): either sees the other.
        barrier::smp_mb(Full);
        if !self.is_parked() {
            return true;
        }
        false
    }

    /// The hardware has no job.
    #[inline]
    pub(crate) fn end(&self) {
        self.busy.store(false, Release);
        barrier::smp_mb(Full);
        if self.is_parked() {
            self.quiet.notify_waiters();
        }
    }

    /// From here on the job has a fence, and is the queue's task's. Under the lock.
    #[inline(always)]
    fn push(&self, prepared: Prepared<R>, waiting: &mut Waiting<R>) -> Fence {
        let Prepared {
            mut node,
            reservation,
            place,
        } = prepared;
        let (fence, pending) = reservation.arm(&mut waiting.order);
        node.stage = Stage::Waiting(pending);
        waiting.jobs.push(node);
        self.queued.store(true, Relaxed);
        place.pass_on();
        fence
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.parked.load(Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed) || self.scope.is_cancelled()
    }

    /// Gives a place back, and perhaps memory with it.
    pub(crate) fn give_place(&self, spare: Option<Spare<R>>) {
        if let Some(spare) = spare {
            drop(self.swap_spare(Some(spare)));
        }
        // Against Shared::place(): either this sees the waiter, or that sees the place.
        self.places.fetch_add(1, Full);
        if self.waiters.load(Relaxed) > 0 {
            self.place_free.notify_one();
        }
    }

    fn swap_spare(&self, new: Option<Spare<R>>) -> Option<Spare<R>> {
        let new = new.map_or(0, |spare| KBox::into_raw(spare) as usize);
        let old = self.spare.xchg(new, Full) as *mut MaybeUninit<Node<R>>;
        // SAFETY: Not null, so it is from a box, put in above, and taken out once.
        (!old.is_null()).then(|| unsafe { KBox::from_raw(old) })
    }

    /// Takes a place if there are more than `reserved`.
    fn take_place(&self, reserved: usize) -> Option<Option<Spare<R>>> {
        let mut places = self.places.load(Relaxed);
        while places > reserved {
            match self.places.cmpxchg(places, places - 1, Full) {
                Ok(_) => return Some(self.swap_spare(None)),
                Err(now) => places = now,
            }
        }
        None
    }

    /// Takes a place that nobody waits for.
    fn try_place(&self) -> Option<Option<Spare<R>>> {
        self.take_place(self.waiters.load(Relaxed))
    }

    async fn place(&self) -> Option<Spare<R>> {
        self.waiters.fetch_add(1, Full);
        let _waiter = Waiter(self);
        loop {
            let free = self.place_free.notified();
            if let Some(spare) = self.take_place(0) {
                return spare;
            }
            free.await;
        }
    }
}

/// What [`Shared::pop`] finds.
pub(crate) enum Next<R: Ring> {
    Job(KBox<Node<R>>),
    Nothing,
    End,
}

/// A queue of jobs. Dropping it closes it.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `prepare` | yes | no (allocate, wait) | no |
/// | `admit`, `commit`, `close`, drop | yes | yes | no |
/// | `park`, `unpark`, `quiet` | yes | yes | no |
pub struct JobQueue<R: Ring> {
    shared: Arc<Shared<R>>,
    task: JoinHandle<()>,
}

impl<R: Ring> JobQueue<R> {
    /// Makes a queue whose task is the only one of `scope`. Cancelling that closes the queue, and joining it waits until
    /// all is over, [`Ring::end`] included.
    pub fn new(scope: &Scope, name: &'static CStr, ring: R, config: &Config) -> Result<Self> {
        let (context, order) = FenceContext::new(config.names.0, config.names.1)?;
        let shared = Arc::pin_init(
            try_pin_init!(Shared {
                context,
                credits: config.credits,
                scope: scope.clone(),
                places: Atomic::new(config.jobs),
                waiters: Atomic::new(0),
                place_free: Notify::new(),
                spare: Atomic::new(0),
                closed: Atomic::new(false),
                queued: Atomic::new(false),
                parked: Atomic::new(false),
                busy: Atomic::new(false),
                quiet: Notify::new(),
                waiting <- new_spinlock!(Waiting {
                    jobs: Fifo::new(),
                    order,
                    admitted: 0,
                }),
            }),
            GFP_KERNEL,
        )?;
        let task = Task::new(shared.clone(), ring, config);
        let task = scope.spawn(name, task.run())?;
        Ok(Self { shared, task })
    }

    /// Everything about a job that may fail. Waits for a place in the queue.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it costs more credits than there are, `ECANCELED` if the queue is closed, `ENOMEM`; `ERESTARTSYS` if there is a
    /// signal for the thread while it waits.
    pub fn prepare(
        &self,
        job: R::Job,
        credits: usize,
        dependencies: KVVec<Fence>,
    ) -> Result<Prepared<R>> {
        let shared = &*self.shared;
        if credits > shared.credits {
            return Err(EINVAL);
        }
        let spare = match shared.try_place() {
            Some(spare) => spare,
            None => {
                // Places may have to wait for fences that only go on when the caller is gone (H35).
                let place = select(shared.scope.cancelled(), shared.place());
                match block_on_interruptible(place)? {
                    Either::Left(()) => return Err(ECANCELED),
                    Either::Right(spare) => spare,
                }
            }
        };
        let place = Place(Some(self.shared.clone()));
        let reservation = shared.context.reserve()?;
        let dependencies = FenceSet::new(dependencies, Some(shared.context.id()))?;
        let node = Node::new(job, credits, dependencies, spare)?;
        Ok(Prepared {
            node,
            reservation,
            place,
        })
    }

    /// Commits a job: from here on it has a fence, which will signal.
    ///
    /// If the queue's task is idle and this is process context outside of signalling sections, the task is polled on the spot,
    /// and the job may be in flight, or over, when this returns. Else a worker is woken.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if the queue has been closed; then nothing has happened.
    pub fn commit(&self, prepared: Prepared<R>) -> Result<Fence> {
        let claim = self.task.claim();
        let mut waiting = self.shared.waiting.lock();
        if self.shared.is_closed() {
            drop(waiting);
            return Err(ECANCELED);
        }
        let fence = self.shared.push(prepared, &mut waiting);
        drop(waiting);
        match claim {
            Some(claim) => claim.poll(),
            None => self.task.wake(),
        }
        Ok(fence)
    }

    /// Half of a commit: after this the other half, [`Admitted::commit`], cannot fail. So jobs for several queues are committed together,
    /// all or none: all are prepared, then all admitted, then all committed.
    ///
    /// Until it is committed or dropped the queue does not end, even if it is closed.
    ///
    /// # Errors
    ///
    /// As [`JobQueue::commit`].
    pub fn admit(&self, prepared: Prepared<R>) -> Result<Admitted<'_, R>> {
        let mut waiting = self.shared.waiting.lock();
        if self.shared.is_closed() {
            drop(waiting);
            return Err(ECANCELED);
        }
        waiting.admitted += 1;
        drop(waiting);
        Ok(Admitted {
            queue: self,
            prepared: Some(prepared),
        })
    }

    /// Has the hardware get no more jobs, for a reset or suspend; those that it has go on, and time out. Jobs may be committed
    /// meanwhile as ever, and closing goes on as well. Idempotent.
    pub fn park(&self) {
        self.shared.parked.store(true, Relaxed);
        barrier::smp_mb(Full);
    }

    /// Ends [`JobQueue::park`].
    pub fn unpark(&self) {
        self.shared.parked.store(false, Relaxed);
        self.shared.quiet.notify_waiters();
        self.task.wake();
    }

    /// Waits until the hardware has no job of a queue that is parked, or until it is not parked any more. Cancel safe.
    pub async fn quiet(&self) {
        loop {
            let quiet = self.shared.quiet.notified();
            barrier::smp_mb(Full);
            if !self.shared.busy.load(Acquire) || !self.shared.is_parked() {
                return;
            }
            quiet.await;
        }
    }

    /// Takes no more jobs, and cancels those that the hardware has not seen. Returns at once; the rest is up to the
    /// queue's task.
    pub fn close(&self) {
        let waiting = self.shared.waiting.lock();
        self.shared.closed.store(true, Relaxed);
        drop(waiting);
        self.task.wake();
    }
}

impl<R: Ring> Drop for JobQueue<R> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A job that only needs to be committed, which cannot fail any more. Dropping it undoes everything. Forgetting it keeps the queue from
/// ending.
#[must_use = "the queue does not end before it is committed or dropped"]
pub struct Admitted<'a, R: Ring> {
    queue: &'a JobQueue<R>,
    /// Until it is committed.
    prepared: Option<Prepared<R>>,
}

impl<R: Ring> Admitted<'_, R> {
    /// Commits the job, as [`JobQueue::commit`] does.
    pub fn commit(mut self) -> Fence {
        let claim = self.queue.task.claim();
        let mut waiting = self.queue.shared.waiting.lock();
        let fence = match self.prepared.take() {
            Some(prepared) => self.queue.shared.push(prepared, &mut waiting),
            None => unreachable!("committed once"),
        };
        waiting.admitted -= 1;
        drop(waiting);
        match claim {
            Some(claim) => claim.poll(),
            None => self.queue.task.wake(),
        }
        fence
    }
}

impl<R: Ring> Drop for Admitted<'_, R> {
    fn drop(&mut self) {
        if self.prepared.take().is_some() {
            self.queue.shared.waiting.lock().admitted -= 1;
            // It may have waited for this.
            self.queue.task.wake();
        }
    }
}
