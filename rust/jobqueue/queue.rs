// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The queue, as its users see it.

use crate::{
    job::{
        Fifo,
        Node,
        Prepared,
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
    sync::Semaphore,
    time::Delta,
    Either,
    JoinHandle,
    Scope, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
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
    places: Arc<Semaphore>,
    credits: usize,
    scope: Scope,
    #[pin]
    waiting: SpinLock<Waiting<R>>,
}

struct Waiting<R: Ring> {
    jobs: Fifo<R>,
    order: Order,
    closed: bool,
}

impl<R: Ring> Shared<R> {
    /// The next job, or whether there will be none any more.
    pub(crate) fn pop(&self) -> Next<R> {
        let mut waiting = self.waiting.lock();
        match waiting.jobs.pop() {
            Some(node) => Next::Job(node),
            None if self.is_over(&waiting) => Next::End,
            None => Next::Nothing,
        }
    }

    fn is_over(&self, waiting: &Waiting<R>) -> bool {
        waiting.closed || self.scope.is_cancelled()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_over(&self.waiting.lock())
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
                places: Arc::new(Semaphore::new(config.jobs), GFP_KERNEL)?,
                credits: config.credits,
                scope: scope.clone(),
                waiting <- new_spinlock!(Waiting {
                    jobs: Fifo::new(),
                    order,
                    closed: false,
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
        let place = match shared.places.try_acquire_owned(1) {
            Some(place) => place,
            None => {
                let place = select(shared.scope.cancelled(), shared.places.acquire_owned(1));
                match block_on(place)? {
                    Either::Left(()) => return Err(ECANCELED),
                    Either::Right(place) => place,
                }
            }
        };
        let reservation = shared.context.reserve()?;
        let dependencies = FenceSet::new(dependencies, Some(shared.context.id()))?;
        let node = Node::new(job, credits, dependencies, place)?;
        Ok(Prepared { node, reservation })
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
        } = prepared;
        let claim = self.task.claim();
        let mut waiting = self.shared.waiting.lock();
        if self.shared.is_over(&waiting) {
            drop(waiting);
            return Err(ECANCELED);
        }
        let (fence, pending) = reservation.arm(&mut waiting.order);
        node.stage = Stage::Waiting(pending);
        waiting.jobs.push(node);
        drop(waiting);
        match claim {
            Some(claim) => claim.poll(),
            None => self.task.wake(),
        }
        Ok(fence)
    }

    /// Takes no more jobs, and cancels those that the hardware has not seen. Returns at once; the rest is up to the
    /// queue's task.
    pub fn close(&self) {
        self.shared.waiting.lock().closed = true;
        self.task.wake();
    }
}

impl<R: Ring> Drop for JobQueue<R> {
    fn drop(&mut self) {
        self.close();
    }
}
