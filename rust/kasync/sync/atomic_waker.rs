// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A place for one waker.
//!
//! # States
//!
//! ```text
//!              (1) register              (3) wake, take: a note for the owner
//! IDLE, ARMED ──────────────► REGISTERING ──────────────────────────────────► REGISTERING | WAKING
//!       ▲                          │ (2) done                                          │
//!       └──────────────────────────┘                                                   │
//! IDLE ◄───────────────────────────────────────────────────────────────────────────────┘
//!                                                                        (4) done: wakes
//!
//!       (5) wake, take                  (6) done
//! ARMED ──────────────► WAKING ──────────────────────────► IDLE
//! ```
//!
//! The slot belongs to the thread that has entered REGISTERING or WAKING. A thread that finds the
//! slot taken leaves the wake to that owner, by (3). If the owner is about to wake the waker that
//! was there before, a thread that registers wakes its own waker instead, so that the task looks
//! again.
//!
//! In IDLE the last waker may still be there, so that the same task registers again without the
//! count of references going up and down.

use crate::await_site::AwaitSite;
use core::{
    cell::UnsafeCell,
    task::{
        Context,
        Waker, //
    }, //
};
use kernel::{
    processor,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// There is nothing to wake.
const IDLE: u64 = 0;
/// A task is leaving its waker.
const REGISTERING: u64 = 1 << 0;
/// A thread wakes, or a wake is noted for the owner.
const WAKING: u64 = 1 << 1;
/// The waker in the slot is to be woken.
const ARMED: u64 = 1 << 2;

/// A slot for the waker of one task that waits for an event.
///
/// This is the cheapest way to be woken: no list, and nothing to do when the waiting is over. The
/// task registers first, then looks at its condition, so that an event between the two is not lost.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `register` | yes | yes | yes |
/// | `wake`, `take` | yes | yes | yes |
/// | drop | yes | yes | yes |
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use core::{
///     future::poll_fn,
///     sync::atomic::{AtomicBool, Ordering},
///     task::Poll,
/// };
/// use kasync::{sync::AtomicWaker, Executor};
/// use std::sync::Arc;
///
/// let news = Arc::new((AtomicWaker::new(), AtomicBool::new(false)));
/// let executor = Executor::new(c"example")?;
/// let shared = news.clone();
/// let task = executor.root().spawn(
///     c"reader",
///     poll_fn(move |cx| {
///         shared.0.register(cx);
///         match shared.1.load(Ordering::Acquire) {
///             true => Poll::Ready(()),
///             false => Poll::Pending,
///         }
///     }),
/// )?;
/// news.1.store(true, Ordering::Release);
/// news.0.wake();
/// kasync::block_on(task)?;
/// executor.shutdown()?;
/// # Ok::<(), kernel::error::Error>(())
/// ```
pub struct AtomicWaker {
    state: Atomic<u64>,
    slot: UnsafeCell<Option<Waker>>,
}

// SAFETY: The state says whose the slot is; wakers are used from all threads.
unsafe impl Sync for AtomicWaker {}
// SAFETY: Wakers may be used and dropped by any thread.
unsafe impl Send for AtomicWaker {}

impl AtomicWaker {
    /// Makes a slot without a waker.
    #[expect(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            state: Atomic::new(IDLE),
            slot: UnsafeCell::new(None),
        }
    }

    /// Replaces the waker by that of `cx`. If another thread wakes or registers at the same time,
    /// `cx` is woken.
    #[track_caller]
    pub fn register(&self, cx: &Context<'_>) {
        AwaitSite::here().waits(cx);
        let new = cx.waker();
        // (1)
        let now = self.state.load(Relaxed) & ARMED;
        if self.state.cmpxchg(now, REGISTERING, Full).is_err() {
            processor::cpu_relax();
            new.wake_by_ref();
            return;
        }
        // SAFETY: In REGISTERING, which we have entered, the slot is ours.
        let slot = unsafe { &mut *self.slot.get() };
        let old = match slot {
            Some(old) if old.will_wake(new) => None,
            _ => slot.replace(new.clone()),
        };
        // (2)
        if self.state.cmpxchg(REGISTERING, ARMED, Full).is_err() {
            // (4)
            self.state.xchg(IDLE, Full);
            new.wake_by_ref();
        }
        // Now, as this may run another's code.
        drop(old);
    }

    /// Returns whether the waker of `cx` is there and was not woken since.
    ///
    /// # Safety
    ///
    /// Nobody registers meanwhile, and nobody uses [`AtomicWaker::take`].
    pub(crate) unsafe fn is_left_by(&self, cx: &Context<'_>) -> bool {
        if self.state.load(Relaxed) != ARMED {
            return false;
        }
        // SAFETY: By the safety requirements nobody writes to the slot.
        let slot = unsafe { &*self.slot.get() };
        slot.as_ref().is_some_and(|w| w.will_wake(cx.waker()))
    }

    /// Begins a wake: (3), (5). Returns whether there is a waker to wake, and the slot is ours.
    fn begin(&self) -> bool {
        let mut now = self.state.load(Relaxed);
        loop {
            let next = if now == IDLE {
                IDLE
            } else {
                (now | WAKING) & !ARMED
            };
            // Written even if it changes nothing: so what was written before is seen by the next
            // thread that registers, or by the owner when it is done.
            match self.state.cmpxchg(now, next, Full) {
                Ok(_) => return now == ARMED,
                Err(other) => now = other,
            }
        }
    }

    /// Takes the waker out, to be woken when no lock is held.
    pub fn take(&self) -> Option<Waker> {
        if !self.begin() {
            return None;
        }
        // SAFETY: In WAKING, which we have entered, the slot is ours.
        let waker = unsafe { (*self.slot.get()).take() };
        // (6)
        self.state.xchg(IDLE, Full);
        waker
    }

    /// Wakes the waker that was registered since the last call, if any. The waker's reference
    /// stays: it keeps the memory of the task, not the future in it, until another waker is
    /// registered or this is dropped.
    pub fn wake(&self) {
        if !self.begin() {
            return;
        }
        // SAFETY: In WAKING, which we have entered, the slot is ours.
        if let Some(waker) = unsafe { &*self.slot.get() } {
            waker.wake_by_ref();
        }
        // (6)
        self.state.xchg(IDLE, Full);
    }
}
