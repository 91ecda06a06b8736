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
use dma_fence::{
    Fence,
    FenceContext,
    FenceSet,
    Order, //
};
use kasync::{
    block_on,
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
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

/// How a queue behaves.
#[derive(Clone, Copy)]
pub struct Config {
    /// Names for the fences: of the driver, and of the queue's kind.
    pub names: (&'static CStr, &'static CStr),
    /// How much may be in flight. A job that costs more never runs: it is refused.
    pub credits: usize,
    /// How many jobs may be in the queue, in flight or not. Who wants to prepare one more waits.
    pub jobs: usize,
    /// How long the oldest job in flight may take until [`Ring::stalled`] is asked: at least this, at most twice as long.
    pub patience: Delta,
}

/// What the queue and its task share.
#[pin_data]
pub(crate) struct Shared<R: Ring> {
    context: Arc<FenceContext>,
    credits: usize,
    scope: Scope,
    /// Somebody may have a place now.
    place_free: Notify,
    /// Set under the lock of `waiting`.
    closed: Atomic<bool>,
    #[pin]
    waiting: SpinLock<Waiting<R>>,
}

struct Waiting<R: Ring> {
    jobs: Fifo<R>,
    order: Order,
    /// How many jobs more may be prepared, and how many threads wait for that.
    places: usize,
    waiters: usize,
    spare: Option<Spare<R>>,
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
        self.0.waiting.lock().waiters -= 1;
        // In case that this one was told of a place and has not taken it.
        self.0.place_free.notify_one();
    }
}

impl<R: Ring> Shared<R> {
    /// The next job, or whether there will be none any more.
    pub(crate) fn pop(&self) -> Next<R> {
        let mut waiting = self.waiting.lock();
        match waiting.jobs.pop() {
            Some(node) => Next::Job(node),
            None if self.is_closed() => Next::End,
            None => Next::Nothing,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed) || self.scope.is_cancelled()
    }

    /// Gives a place back, and perhaps memory with it.
    pub(crate) fn give_place(&self, spare: Option<Spare<R>>) {
        let mut waiting = self.waiting.lock();
        waiting.places += 1;
        let wanted = waiting.waiters > 0;
        let old = match spare {
            Some(spare) => waiting.spare.replace(spare),
            None => None,
        };
        drop(waiting);
        drop(old);
        if wanted {
            self.place_free.notify_one();
        }
    }

    /// Takes a place that nobody waits for.
    fn try_place(&self) -> Option<Option<Spare<R>>> {
        let mut waiting = self.waiting.lock();
        if waiting.places <= waiting.waiters {
            return None;
        }
        waiting.places -= 1;
        Some(waiting.spare.take())
    }

    async fn place(&self) -> Option<Spare<R>> {
        self.waiting.lock().waiters += 1;
        let _waiter = Waiter(self);
        loop {
            let free = self.place_free.notified();
            {
                let mut waiting = self.waiting.lock();
                if waiting.places > 0 {
                    waiting.places -= 1;
                    return waiting.spare.take();
                }
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
/// | `commit`, `close`, drop | yes | yes | no |
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
                place_free: Notify::new(),
                closed: Atomic::new(false),
                waiting <- new_spinlock!(Waiting {
                    jobs: Fifo::new(),
                    order,
                    places: config.jobs,
                    waiters: 0,
                    spare: None,
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
    /// `EINVAL` if it costs more credits than there are, `ECANCELED` if the queue is closed, `ENOMEM`.
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
            None => match block_on(select(shared.scope.cancelled(), shared.place()))? {
                Either::Left(()) => return Err(ECANCELED),
                Either::Right(spare) => spare,
            },
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
        let Prepared {
            mut node,
            reservation,
            place,
        } = prepared;
        let claim = self.task.claim();
        let mut waiting = self.shared.waiting.lock();
        if self.shared.is_closed() {
            drop(waiting);
            return Err(ECANCELED);
        }
        let (fence, pending) = reservation.arm(&mut waiting.order);
        node.stage = Stage::Waiting(pending);
        waiting.jobs.push(node);
        drop(waiting);
        place.pass_on();
        match claim {
            Some(claim) => claim.poll(),
            None => self.task.wake(),
        }
        Ok(fence)
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
