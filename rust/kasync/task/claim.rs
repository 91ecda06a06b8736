// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Claims: polling a task on the calling thread instead of a worker.

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

/// The right to poll a task on the calling thread, returned by
/// [`JoinHandle::claim`](super::JoinHandle::claim).
///
/// While it exists, a wake of the task sets a flag and queues nothing. So a thread that submits
/// work claims the task, publishes the work, and polls the task: no worker is woken unless the task
/// has to wait. If the claim is dropped without a poll, a worker polls the task if it was woken
/// meanwhile. If it is forgotten, the task is never polled again, and a join of its scope never
/// ends. So taking a claim is `unsafe`, and reserved for the job queue.
///
/// A claim is refused in an interrupt, with preemption or interrupts disabled, inside a poll or
/// another signalling section, and always on `PREEMPT_RT`. So polls never nest. A task that keeps
/// waking itself is polled at most four times, then goes to the end of the workqueue's list (H16).
/// The caller's locks are held during the poll, so the future must not take any of them.
///
/// Preemption is disabled while the claim exists. So its owner cannot be scheduled away, and its
/// polls must not sleep.
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
/// The task is valid, and the claim has the right to poll it.
#[must_use = "claim, publish the work, then poll"]
pub struct Claim<'a> {
    header: NonNull<Header>,
    /// Neither `Send` nor `Sync`.
    here: PollContext,
    /// The task's state when it was claimed.
    word: Snapshot,
    /// Dropped after the right to poll was given back.
    preempt: NoPreempt,
    /// Borrows the handle.
    _handle: PhantomData<&'a ()>,
}

/// Claims a task if the calling thread may poll one: (10).
///
/// # Safety
///
/// The task must stay valid for `'a`.
#[inline]
pub(super) unsafe fn claim<'a>(header: NonNull<Header>) -> Option<Claim<'a>> {
    // SAFETY: Valid by the safety requirements.
    let (here, word, preempt) = unsafe { take(header) }?;
    // SAFETY: The task was claimed above, and is valid for `'a` by the safety requirements.
    Some(unsafe { Claim::from_claimed(header, here, word, preempt) })
}

/// Claims a task as [`claim`] does. What it returns fits into registers.
///
/// # Safety
///
/// The task must be valid.
#[inline(never)]
unsafe fn take(header: NonNull<Header>) -> Option<(PollContext, Snapshot, NoPreempt)> {
    // There, spinlocks sleep, which the poll may take.
    if cfg!(CONFIG_PREEMPT_RT) {
        return None;
    }
    let (here, preempt) = PollContext::may_poll()?;
    // SAFETY: Valid by the safety requirements.
    let word = unsafe { header.as_ref() }.state.claim()?;
    Some((here, word, preempt))
}

/// Polls a claimed task once, and gives back the right to poll it.
///
/// # Safety
///
/// The task must be valid, and the caller must have the right to poll it, by a claim of which this
/// was the state word. Both pass to this function.
#[inline(never)]
unsafe fn poll_claimed(
    header: NonNull<Header>,
    here: PollContext,
    word: Snapshot,
    preempt: NoPreempt,
) {
    // SAFETY: The task is valid, and the caller has passed on the right to poll it, by the safety
    // requirements.
    if unsafe { poll(header, here) } {
        // SAFETY: The future is ready. The task is valid by the safety requirements.
        unsafe { complete(header, 0) };
    } else {
        // SAFETY: The task is still valid, and this function has the right to poll it, as `poll()`
        // was not ready.
        unsafe { release(header, word) };
    }
    drop(preempt);
}

impl Claim<'_> {
    /// Returns a claim of a task that the caller has claimed.
    ///
    /// # Safety
    ///
    /// The task must stay valid for the life of the claim, and have been claimed by the caller.
    #[inline]
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

    /// Polls the task once. If it is woken before this returns, a worker polls it again.
    #[inline]
    pub fn poll_once(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: Read once, since the claim itself is not dropped.
        let preempt = unsafe { core::ptr::read(&this.preempt) };
        // SAFETY: By the type invariant the claim has the right to poll, which it passes on.
        unsafe { poll_claimed(this.header, this.here, this.word, preempt) };
    }

    /// Polls the task, and again if it was woken meanwhile, up to four times.
    pub fn poll(self) {
        // SAFETY: Valid by the type invariant.
        let task = unsafe { self.header.as_ref() };
        for n in 0..POLLS {
            // The first poll does not depend on a wake.
            if !task.state.take_rerun() && n > 0 {
                return;
            }
            // SAFETY: By the type invariant the claim has the right to poll.
            if unsafe { poll(self.header, self.here) } {
                // SAFETY: This poll has returned that the future is ready.
                unsafe { self.complete() };
                return;
            }
        }
    }

    /// Completes the task.
    ///
    /// # Safety
    ///
    /// The future must have become ready in a poll of this claim.
    #[cold]
    unsafe fn complete(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: The future has become ready by the safety requirements. The claim borrows the
        // handle, whose reference keeps the task valid.
        unsafe { complete(this.header, 0) };
        // SAFETY: Read once, since the claim itself is not dropped.
        drop(unsafe { core::ptr::read(&this.preempt) });
    }
}

impl Drop for Claim<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the claim has the right to poll.
        unsafe { drop_claim(self.header, self.word) };
    }
}

/// Gives back the right to poll a task that was not polled. Out of line and by value, so that a
/// claim that is polled need not be in memory.
///
/// # Safety
///
/// As [`release`].
#[inline(never)]
unsafe fn drop_claim(header: NonNull<Header>, word: Snapshot) {
    // SAFETY: `drop_claim()` requires the same as `release()`: the task is valid, and claimed by
    // the caller.
    unsafe { release(header, word) };
}

/// Gives back the right to poll a claimed task: (12). `guess` is the expected value of its state
/// word.
///
/// # Safety
///
/// The task must be valid, and the caller must have the right to poll it, by a claim.
#[inline]
pub(super) unsafe fn release(header: NonNull<Header>, guess: Snapshot) {
    // SAFETY: Valid by the safety requirements.
    if !unsafe { header.as_ref() }.state.release_guessed(guess) {
        // SAFETY: The task is valid, and the caller has claimed it, by the safety requirements.
        unsafe { release_woken(header) };
    }
}

/// Gives back the right to poll a claimed task, whose state word has changed since it was claimed.
///
/// # Safety
///
/// As [`release`].
#[inline(never)]
unsafe fn release_woken(header: NonNull<Header>) {
    // SAFETY: Valid by the safety requirements.
    let task = unsafe { header.as_ref() };
    if task.state.release_idle() {
        return;
    }
    // The task may complete as soon as it was released, and then its queue may be destroyed after a
    // grace period.
    let _rcu = rcu::read_lock();
    if task.state.release() {
        // The reference that the pending mark will own.
        let old = task.state.get_ref();
        // SAFETY: The task was not complete in this RCU section. The reference was taken above.
        if old.is_complete() || !unsafe { schedule(task) } {
            // SAFETY: The reference taken above was not passed on.
            unsafe { put(header) };
        }
    }
}
