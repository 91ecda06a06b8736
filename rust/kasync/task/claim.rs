// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Inline start: polling a task on the thread that has something for it.

use super::{
    complete,
    poll,
    put,
    schedule,
    state::Snapshot,
    Header, //
};
use crate::{
    current::PollContext,
    thread::NoPreempt, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::sync::rcu;

/// The number of times that [`Claim::poll`] polls a task that wakes itself, before it leaves the
/// task to a worker.
const POLLS: u32 = 4;

/// The right to poll a task on this thread instead of a worker. Made by
/// [`JoinHandle::claim`](super::JoinHandle::claim).
///
/// While it is held, wakes of the task are noted and queue nothing. So a thread that submits work
/// claims the task, makes the work known to it, and polls: no worker is woken if nothing has to be
/// waited for.
/// Dropping the claim unpolled leaves the task to a worker if it was woken meanwhile. Forgetting it
/// keeps the right for ever: nobody polls the task any more, and a join of its scope never ends. So
/// taking one is `unsafe`, and for the job queue only.
///
/// Rules: a claim is refused in an interrupt, with preemption or interrupts disabled, and inside a
/// poll or another signalling section; on `PREEMPT_RT` always. So polls never nest: the stack holds
/// one poll above the caller's own frames. A task that keeps waking itself is polled at most four
/// times, then goes to the end of the workqueue like any other (H16). What the caller holds is held
/// during the poll, so it may be nothing that the future locks.
///
/// Preemption is disabled while the claim exists. So a thread that the scheduler keeps away never
/// holds one, and the polls that it allows must not sleep.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `JoinHandle::claim` | yes | `None` | `None` |
/// | `poll`, `poll_once` | yes | – | – |
/// | drop | yes | yes | – |
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::{sync::mpsc, Executor};
///
/// let executor = Executor::new(c"example")?;
/// let (tx, mut rx) = mpsc::channel(4)?;
/// let queue = executor.root().spawn(c"queue", async move { rx.recv().await })?;
/// {
///     // SAFETY: It is polled at once.
///     let claim = unsafe { queue.claim() };
///     assert!(tx.try_send(5).is_ok());
///     if let Some(claim) = claim {
///         claim.poll(); // The task has ended here, without a worker.
///     }
/// }
/// assert_eq!(kasync::block_on(queue)?, Some(5));
/// executor.shutdown()?;
/// # Ok::<(), kernel::error::Error>(())
/// ```
///
/// A claim stays on its thread:
///
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<kasync::Claim<'static>>();
/// ```
///
/// # Invariants
///
/// The task is valid, and the right to poll it is this claim's.
#[must_use = "claim, make the work known, then poll"]
pub struct Claim<'a> {
    header: NonNull<Header>,
    /// Neither `Send` nor `Sync`.
    here: PollContext,
    /// The task's state when it was claimed.
    word: Snapshot,
    /// Goes after the right to poll.
    preempt: NoPreempt,
    /// Borrows the handle.
    _handle: PhantomData<&'a ()>,
}

/// Claims a task, if a poll may begin here: (10).
///
/// # Safety
///
/// The task must stay valid for `'a`.
pub(super) unsafe fn claim<'a>(header: NonNull<Header>) -> Option<Claim<'a>> {
    let here = PollContext::may_poll()?;
    let preempt = NoPreempt::new()?;
    // SAFETY: Valid by the safety requirements.
    let word = unsafe { header.as_ref() }.state.claim()?;
    // SAFETY: Claimed just now.
    Some(unsafe { Claim::from_claimed(header, here, word, preempt) })
}

impl Claim<'_> {
    /// # Safety
    ///
    /// The task must stay valid for the life of the claim, and have been claimed by the caller.
    unsafe fn from_claimed(
        header: NonNull<Header>,
        here: PollContext,
        word: Snapshot,
        preempt: NoPreempt,
    ) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            header,
            here,
            word,
            preempt,
            _handle: PhantomData,
        }
    }

    /// Polls the task once. If it was woken meanwhile, or between the claim and this call, a worker
    /// polls it again.
    pub fn poll_once(self) {
        // SAFETY: By the type invariant.
        if unsafe { poll(self.header, self.here) } {
            // SAFETY: The future has just become ready.
            unsafe { self.complete() };
        }
    }

    /// Polls the task, again if it was woken meanwhile, but only a few times.
    pub fn poll(self) {
        // SAFETY: Valid by the type invariant.
        let task = unsafe { self.header.as_ref() };
        for n in 0..POLLS {
            // The first poll needs no reason: the caller has one.
            if !task.state.take_notes() && n > 0 {
                return;
            }
            // SAFETY: By the type invariant.
            if unsafe { poll(self.header, self.here) } {
                // SAFETY: The future has just become ready.
                unsafe { self.complete() };
                return;
            }
        }
    }

    /// Ends the task.
    ///
    /// # Safety
    ///
    /// The future must have become ready in a poll of this claim.
    #[cold]
    unsafe fn complete(self) {
        // The scope's reference goes with the task; the handle's keeps it valid.
        let this = ManuallyDrop::new(self);
        // SAFETY: By the safety requirements.
        unsafe { complete(this.header, 0) };
        // SAFETY: Taken out once: the claim itself is not dropped.
        drop(unsafe { core::ptr::read(&this.preempt) });
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { release(self.header, self.word) };
    }
}

/// Gives the right to poll a claimed task back: (12). `guess` is what the word was, and may still
/// be.
///
/// # Safety
///
/// The task must be valid, and the right to poll it be the caller's.
pub(super) unsafe fn release(header: NonNull<Header>, guess: Snapshot) {
    // SAFETY: Valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    if task.state.release_idle(guess) {
        return;
    }
    // The queue is there for as long as the task is not complete, which it may become as soon as it
    // was released.
    let _rcu = rcu::read_lock();
    if task.state.release() {
        // The reference that the pending mark will own.
        let old = task.state.get_ref();
        if old.is_complete() || !schedule(task) {
            // SAFETY: The reference taken above.
            unsafe { put(header) };
        }
    }
}
