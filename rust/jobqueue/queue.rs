// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The handle of a queue, and jobs that were prepared for it.

use crate::{
    capacity,
    job::{
        Node,
        Stage, //
    },
    shared::{
        Config,
        Shared, //
    },
    submission::{
        self,
        Submission,
        CLOSED,
        PARKED, //
    },
    task::Task,
    Ring, //
};
use core::mem::ManuallyDrop;
use dma_fence::{
    might_wait,
    Fence,
    FenceContext,
    FenceEmitter,
    FenceReservation,
    FenceSet,
    Fences, //
};
use kasync::{
    block_on_interruptible,
    select,
    Either,
    JoinHandle,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// The room of one job in a queue. Dropping it releases the room.
struct Room<'q, R: Ring>(&'q Shared<R>, u32);

impl<R: Ring> Drop for Room<'_, R> {
    fn drop(&mut self) {
        self.0.capacity().release(self.1);
    }
}

/// A queue of jobs. Dropping it closes it.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ | callbacks of [`Ring`] inside |
/// |---|---|---|---|---|
/// | `new` | yes | no (allocates) | no | none |
/// | `prepare` | yes | no (allocates, waits) | no | `memory` |
/// | `Prepared::commit` | yes | yes | no | see there |
/// | drop of [`Prepared`] | yes | yes | no | none, but `Job` may be dropped |
/// | `close`, `park`, `unpark`, `parked` | yes | yes | no | none |
/// | drop | yes | yes | yes | none |
///
/// No fence of an earlier job signals inside any of these calls. `commit`, `close`, `park`,
/// `unpark` and `parked` are not legal in hard IRQ since they take a `spinlock_t` that is taken
/// elsewhere with interrupts enabled, as lockdep reports. The drop of a [`Prepared`] takes no lock
/// of the queue. It drops the job, so a hard IRQ is legal only for the types of jobs that may be
/// dropped there, and nothing but their destructors can report it. On `PREEMPT_RT`, which has
/// interrupt handlers in threads, a queue must not be dropped where nothing may sleep: it may be
/// the last reference to memory.
pub struct JobQueue<R: Ring> {
    shared: Arc<Shared<R>>,
    /// The handle of the queue's task, taken when the queue is dropped.
    task: ManuallyDrop<JoinHandle<()>>,
}

impl<R: Ring> JobQueue<R> {
    /// Creates a queue, whose task belongs to `scope`.
    ///
    /// Cancelling the scope closes the queue. Joining it waits until the last fence has signalled
    /// and [`Ring::destroy`] has returned.
    ///
    /// # Context
    ///
    /// Process context. No callback of the ring runs inside.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if the scope is cancelled, `EINVAL` if the configuration is out of range,
    /// `ENOMEM`.
    pub fn new(scope: &Scope, name: &'static CStr, ring: R, config: &Config) -> Result<Self> {
        let limits = config.limits()?;
        let (emitter, signaller) = FenceContext::new(config.names)?;
        let shared = Shared::new(scope, emitter, limits)?;
        let task = Task::new(shared.clone(), ring, signaller, config);
        // It is first polled when there is a job, or the queue is closed or parked.
        let task = scope.spawn_idle(name, task.run())?;
        Ok(Self {
            shared,
            task: ManuallyDrop::new(task),
        })
    }

    /// Prepares a job, with all steps of a submission that can fail. Waits while the queue has no
    /// room. `dependencies`: a `KVVec<ARef<Fence>>` or a `&[&Fence]`.
    ///
    /// # Context
    ///
    /// Process context, without locks that are needed for jobs to complete: lockdep is told that
    /// the caller may wait for fences. Of the ring only [`Ring::memory`] runs inside.
    ///
    /// # Errors
    ///
    /// - `EINVAL` if the job costs more credits or occupies more memory than the queue has.
    /// - `ECANCELED` if the queue's scope is cancelled while this waits.
    /// - `ERESTARTSYS` if a signal becomes pending while this waits.
    /// - `EAGAIN` if 65,535 other callers wait for room.
    /// - `ENOMEM`.
    ///
    /// It may succeed on a closed queue. Then the commit fails.
    pub fn prepare(
        &self,
        job: R::Job,
        credits: usize,
        dependencies: impl Fences,
    ) -> Result<Prepared<'_, R>> {
        // Room comes when fences signal, of this queue and of others.
        might_wait();
        let shared = &*self.shared;
        let credits = u32::try_from(credits).map_err(|_| EINVAL)?;
        let pages = capacity::pages(R::memory(&job));
        if credits > shared.credits() || pages > shared.pages() {
            return Err(EINVAL);
        }
        if !shared.capacity().try_take(pages) {
            // The room may depend on fences that signal only after the caller was killed (H35).
            let room = select(shared.scope().cancelled(), shared.capacity().take(pages));
            match block_on_interruptible(room)? {
                Either::Left(()) => return Err(ECANCELED),
                Either::Right(taken) => taken?,
            }
        }
        let room = Room(shared, pages);
        let reservation = FenceReservation::new()?;
        let dependencies = FenceSet::new(dependencies, Some(shared.timeline()))?;
        let node = Node::new(job, (credits, pages), dependencies, shared.take_memory())?;
        Ok(Prepared {
            queue: self,
            node,
            reservation,
            room,
        })
    }

    /// Stops the submission of jobs to the hardware, for a reset or suspend. Idempotent.
    ///
    /// Jobs in flight go on, and may time out. Jobs may still be committed, and the queue closed.
    ///
    /// # Context
    ///
    /// Any but hard IRQ. Wakes the queue's task; no callback of the ring runs inside.
    pub fn park(&self) {
        self.change(PARKED, 0);
    }

    /// Resumes the submission of jobs after [`JobQueue::park`].
    ///
    /// # Context
    ///
    /// Any but hard IRQ. Wakes the queue's task; no callback of the ring runs inside.
    pub fn unpark(&self) {
        self.change(0, PARKED);
    }

    /// Waits until a parked queue has nothing in flight, or the queue is not parked. Cancel safe.
    ///
    /// A parked queue has called [`Ring::quiesced`] by then, and calls no callback of the ring
    /// before it is unparked or closed, except for [`Ring::label`] while trace events are enabled.
    /// Deadlines reach the ring afterwards.
    ///
    /// # Errors
    ///
    /// `ENODEV` if this module is not initialised.
    pub async fn parked(&self) -> Result {
        submission::parked(&*self.shared).await
    }

    /// Closes the queue: further commits fail, and jobs that are not in flight are cancelled. Does
    /// not wait. Idempotent.
    ///
    /// # Context
    ///
    /// Any but hard IRQ. Wakes the queue's task; no callback of the ring runs inside, and no fence
    /// signals.
    pub fn close(&self) {
        self.change(CLOSED, 0);
    }

    fn change(&self, set: u32, clear: u32) {
        self.shared.change(&self.task, set, clear);
    }
}

impl<R: Ring> Drop for JobQueue<R> {
    /// Closes the queue, as [`JobQueue::close`] does, but in any context.
    fn drop(&mut self) {
        // SAFETY: The queue is being dropped, so the handle is taken once.
        let task = unsafe { ManuallyDrop::take(&mut self.task) };
        self.shared.close_last(task);
    }
}

/// A job that only needs to be committed. Dropping it undoes everything.
///
/// ```text
///   JobQueue::prepare() ──► Prepared ── commit() ──► the fence
///                              └─ drop ─► nothing has happened
/// ```
///
/// It is committed once, to the queue that it was prepared for, and does not outlive the queue.
/// `tests/compile_fail` has programs that break these rules and do not compile.
///
/// # Context
///
/// See the table of [`JobQueue`]. A drop gives the room back, drops the dependencies, which have no
/// callbacks yet, frees memory, and drops the job. In a hard interrupt, without `PREEMPT_RT`, only
/// the last is a question: of the type of jobs, whose destructor alone can report it.
#[must_use = "the job does not run unless it is committed"]
pub struct Prepared<'q, R: Ring> {
    queue: &'q JobQueue<R>,
    node: KBox<Node<R>>,
    reservation: FenceReservation,
    room: Room<'q, R>,
}

impl<R: Ring> Prepared<'_, R> {
    /// Commits the job, and returns its fence.
    ///
    /// If the queue has no other job, the calling thread polls the queue's task once, with
    /// preemption disabled, and the job may be in flight when this returns. Otherwise a worker is
    /// woken, unless a job before this one waits, for which the task will be woken anyway.
    ///
    /// # Context
    ///
    /// Any but hard IRQ. Of the ring only [`Ring::poll_ready`], [`Ring::submit`] and
    /// [`Ring::poll_complete`] may run inside, for this job, unless the caller may not sleep or is
    /// in a signalling section, and never on `PREEMPT_RT`. Of the queue's fences only that of this
    /// job may signal, if the hardware completes the job at once. Then [`Ring::retire`] and
    /// [`Ring::quiesced`] run as well. While trace events are enabled, [`Ring::label`] does, too.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if the queue was closed. Then no fence was published.
    pub fn commit(self) -> Result<ARef<Fence>> {
        let queue = self.queue;
        let committed = queue.shared.commit(&queue.task, self, Self::arm);
        committed.map_err(|refused| {
            let Prepared {
                node,
                reservation,
                room,
                queue: _,
            } = refused;
            refuse(node, reservation, room);
            ECANCELED
        })
    }

    /// Arms the job's fence. Returns the node, for the queue's task, and the fence.
    #[inline(always)]
    fn arm(self, emitter: &mut FenceEmitter) -> (KBox<Node<R>>, ARef<Fence>) {
        let Prepared {
            mut node,
            reservation,
            room,
            queue: _,
        } = self;
        let Some(dependencies) = node.take_prepared() else {
            unreachable!("not committed before");
        };
        let (fence, pending) = emitter.arm(reservation, dependencies);
        node.set_stage(Stage::Waiting(Some(pending)));
        // The queue's task releases the room when the job is retired.
        core::mem::forget(room);
        (node, fence)
    }
}

/// Drops a job that was not committed. Out of line and by value, so that one that is committed need
/// not be in memory.
#[cold]
#[inline(never)]
fn refuse<R: Ring>(node: KBox<Node<R>>, reservation: FenceReservation, room: Room<'_, R>) {
    drop((node, reservation, room));
}
