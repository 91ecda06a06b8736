// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A slot for one waker.
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
//! The thread that has entered REGISTERING or WAKING owns the slot. A thread that wakes while
//! another one registers leaves the wake to that owner, by (3). A thread that registers while
//! another one wakes or registers wakes its own waker instead, so that the task is polled again. It
//! is polled until WAKING is left, so the thread that wakes is not preempted before that: else a
//! task with a higher priority would keep the processor from it.
//!
//! In IDLE the slot keeps the last waker, so that the same task can register again without changing
//! its reference count.

use crate::{
    await_site::AwaitSite,
    cell::OwnedCell,
    relaxed,
    thread::NoPreempt, //
};
use core::task::{
    Context,
    Waker, //
};
use kernel::{
    processor,
    sync::atomic::{
        Atomic,
        Full, //
    }, //
};

/// No waker is registered.
const IDLE: u64 = 0;
/// A thread is storing a waker.
const REGISTERING: u64 = 1 << 0;
/// A thread is waking the waker or, with [`REGISTERING`], a wake is left to the owner.
const WAKING: u64 = 1 << 1;
/// The waker in the slot is registered.
const ARMED: u64 = 1 << 2;

/// A slot for the waker of one task that waits for an event.
///
/// It is the cheapest way to wait: there is no list, and nothing to undo when the future is
/// dropped. The task registers before it checks its condition, so that no event is lost in between.
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
    slot: OwnedCell<Option<Waker>>,
}

// SAFETY: By the protocol of `state` one thread at a time owns the slot. Wakers are `Send + Sync`.
unsafe impl Sync for AtomicWaker {}
// SAFETY: Wakers are `Send`.
unsafe impl Send for AtomicWaker {}

impl AtomicWaker {
    /// Returns a slot without a waker.
    #[inline]
    #[expect(clippy::new_without_default, reason = "a default has no user")]
    pub fn new() -> Self {
        Self {
            state: Atomic::new(IDLE),
            slot: OwnedCell::new(None),
        }
    }

    /// Replaces the waker by that of `cx`. If another thread wakes or registers at the same time,
    /// the waker of `cx` is woken.
    #[track_caller]
    pub fn register(&self, cx: &Context<'_>) {
        AwaitSite::here().waits(cx);
        let new = cx.waker();
        // (1)
        let now = relaxed::load(&self.state) & ARMED;
        if self.state.cmpxchg(now, REGISTERING, Full).is_err() {
            processor::cpu_relax();
            new.wake_by_ref();
            return;
        }
        let old = self.slot.with(|slot| {
            // SAFETY: This thread has entered REGISTERING, so it owns the slot.
            let slot = unsafe { &mut *slot };
            match slot {
                Some(old) if old.will_wake(new) => None,
                _ => slot.replace(new.clone()),
            }
        });
        // (2)
        if self.state.cmpxchg(REGISTERING, ARMED, Full).is_err() {
            // (4)
            self.state.xchg(IDLE, Full);
            new.wake_by_ref();
        }
        // After the slot was released, since dropping it may run code of another executor.
        drop(old);
    }

    /// Returns whether the waker of `cx` is registered.
    ///
    /// # Safety
    ///
    /// No other thread may call [`AtomicWaker::register`] or [`AtomicWaker::take`] at the same
    /// time.
    pub(crate) unsafe fn is_left_by(&self, cx: &Context<'_>) -> bool {
        if relaxed::load(&self.state) != ARMED {
            return false;
        }
        self.slot.read(|slot| {
            // SAFETY: By the safety requirements no thread writes to the slot.
            let slot = unsafe { &*slot };
            slot.as_ref().is_some_and(|w| w.will_wake(cx.waker()))
        })
    }

    /// Begins a wake: (3), (5). If a waker is registered, the caller owns the slot, in WAKING, and
    /// has to keep preemption disabled until it has left that state.
    fn begin(&self) -> Option<NoPreempt> {
        let mut now = relaxed::load(&self.state);
        loop {
            let (next, preempt) = match now {
                IDLE => (IDLE, None),
                ARMED => (WAKING, Some(NoPreempt::new())),
                _ => (now | WAKING, None),
            };
            // Written even if it changes nothing, so that the next thread that registers, or the
            // owner of the slot, sees all that was written before.
            match self.state.cmpxchg(now, next, Full) {
                Ok(_) => return preempt,
                Err(other) => now = other,
            }
        }
    }

    /// Takes the registered waker, if any, so that the caller can wake it without a lock held.
    pub fn take(&self) -> Option<Waker> {
        let _preempt = self.begin()?;
        // SAFETY: This thread has entered WAKING, so it owns the slot.
        let waker = self.slot.with(|slot| unsafe { (*slot).take() });
        // (6)
        self.state.xchg(IDLE, Full);
        waker
    }

    /// Wakes the waker that was registered since the last call, if any. The slot keeps its
    /// reference to the task (its memory, not its future) until another waker is registered or the
    /// slot is dropped.
    pub fn wake(&self) {
        let Some(_preempt) = self.begin() else {
            return;
        };
        self.slot.read(|slot| {
            // SAFETY: This thread has entered WAKING, so it owns the slot.
            if let Some(waker) = unsafe { &*slot } {
                waker.wake_by_ref();
            }
        });
        // (6)
        self.state.xchg(IDLE, Full);
    }
}
