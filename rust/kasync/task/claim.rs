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
    current::Here,
    platform::{
        Plat,
        Platform, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

/// How often [`Claim::poll`] polls a task that wakes itself before it leaves it to a worker.
const POLLS: u32 = 4;

/// The right to poll a task on this thread instead of a worker. Made by
/// [`JoinHandle::claim`](super::JoinHandle::claim).
///
/// While it is held, wakes of the task are noted and queue nothing. So who submits work claims the
/// task, makes the work known to it, and polls: no worker is woken if nothing has to be waited for.
/// Dropping the claim unpolled leaves the task to a worker if it was woken meanwhile. Forgetting it
/// keeps the right for ever: nobody polls the task any more, and who joins its scope waits for ever.
///
/// Rules: a claim is refused in an interrupt, with preemption or interrupts disabled, and inside a
/// poll or another signalling section; on `PREEMPT_RT` always. So polls never nest: the stack holds
/// one poll above the caller's own frames. A task that keeps waking itself is polled at most four
/// times, then goes to the end of the workqueue like any other (H16). What the caller holds is held
/// during the poll: nothing that the future locks.
///
/// Preemption is disabled while the claim exists. So a thread that the scheduler keeps away never
/// holds one, and the polls that it allows must not sleep.
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
/// # use kasync::platform::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::{sync::mpsc, Executor};
///
/// let executor = Executor::new(c"example")?;
/// let (tx, mut rx) = mpsc::channel(4)?;
/// let queue = executor.root().spawn(c"queue", async move { rx.recv().await })?;
/// {
///     let claim = queue.claim();
///     assert!(tx.try_send(5).is_ok());
///     if let Some(claim) = claim {
///         claim.poll(); // The task has ended here, without a worker.
///     }
/// }
/// assert_eq!(kasync::block_on(queue)?, Some(5));
/// executor.shutdown()?;
/// # Ok::<(), kasync::Error>(())
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
    here: Here,
    /// The task's state when it was claimed.
    word: Snapshot,
    /// Last, as it goes last.
    preempt: Option<NoPreempt>,
    /// Borrows the handle.
    _handle: PhantomData<&'a ()>,
}

/// Preemption is disabled while this exists.
struct NoPreempt;

impl NoPreempt {
    /// Disables preemption, unless there are spinlocks that sleep: `PREEMPT_RT`.
    fn new() -> Option<Self> {
        Plat::preempt_disable().then_some(Self)
    }
}

impl Drop for NoPreempt {
    fn drop(&mut self) {
        Plat::preempt_enable();
    }
}

/// (10)
///
/// # Safety
///
/// The task must stay valid for `'a`.
pub(super) unsafe fn claim<'a>(header: NonNull<Header>) -> Option<Claim<'a>> {
    let here = Here::may_poll()?;
    let preempt = NoPreempt::new()?;
    // SAFETY: Valid by the safety requirements.
    let word = unsafe { header.as_ref() }.state.claim()?;
    // SAFETY: Claimed just now.
    Some(unsafe { Claim::from_claimed(header, here, word, Some(preempt)) })
}

impl Claim<'_> {
    /// # Safety
    ///
    /// The task must stay valid for the life of the claim, and have been claimed by the caller.
    unsafe fn from_claimed(
        header: NonNull<Header>,
        here: Here,
        word: Snapshot,
        preempt: Option<NoPreempt>,
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

    /// Returns the claim of a task that is being started. Its polls may be preempted.
    ///
    /// # Safety
    ///
    /// The task must stay valid for the life of the claim, and have been claimed by the caller.
    pub(super) unsafe fn of_started(header: NonNull<Header>, here: Here, word: Snapshot) -> Self {
        // SAFETY: By the safety requirements.
        unsafe { Self::from_claimed(header, here, word, None) }
    }

    /// Polls the task once. If it was woken meanwhile a worker polls it again.
    #[inline]
    pub fn poll_once(self) {
        self.poll_times(1);
    }

    /// Polls the task, again if it was woken meanwhile, but only a few times.
    pub fn poll(self) {
        self.poll_times(POLLS);
    }

    fn poll_times(self, times: u32) {
        // SAFETY: Valid by the type invariant.
        let task = unsafe { self.header.as_ref() };
        for n in 0..times {
            // The first poll needs no reason: the caller has one.
            if !task.state.take_notes() && n > 0 {
                return;
            }
            // SAFETY: By the type invariant.
            match unsafe { poll(self.header, self.here) } {
                Some(true) => {
                    // The scope's reference goes with the task; the handle's keeps it valid.
                    let mut this = ManuallyDrop::new(self);
                    let preempt = this.preempt.take();
                    // SAFETY: The future has just become Ready.
                    unsafe { complete(this.header) };
                    drop(preempt);
                    return;
                }
                Some(false) => (),
                None => {
                    task.state.note();
                    return;
                }
            }
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // SAFETY: Valid by the type invariant.
        let task = unsafe { self.header.as_ref() };
        if task.state.release_idle(self.word) {
            return;
        }
        // The queue is there for as long as the task is not complete, which it may become as soon
        // as it was released.
        Plat::gate(|| {
            // (12)
            if task.state.release() {
                // The reference that the pending mark will own.
                let old = task.state.get_ref();
                if old.is_complete() || !schedule(self.header, task) {
                    // SAFETY: The reference taken above.
                    unsafe { put(self.header) };
                }
            }
        });
    }
}
