// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Slots: the state of one operation, and the ownership of its memory.
//!
//! A slot is free when no flag is set. Each flag is a share in it that one party owns. Giving back
//! the last share frees the slot in the same step, and the caller is told.
//!
//! # States
//!
//! ```text
//!         (1) start                (2), (3) complete               (4) poll
//!  free ───────────► DEVICE|CLIENT ─────────────────► RESULT|CLIENT ───────► free
//!                        │                                 │ (5) the future is dropped: it drops
//!                        │ (5) the future is dropped       │ what is there
//!                        ▼                                 └───────────────► free
//!                 DEVICE|ABANDONED ─────────────────────────────────────────► free
//!                        │         (2), (3') complete: the completer has the memory
//!                        │ (6) try_abort             │
//!                        ▼                           ▼          (7) end_abort
//!                  DEVICE|ABORTER ───────────────► ABORTER ────────────────► free
//!                        │ (7) end_abort
//!                        ▼
//!                     DEVICE ───(2), (3')──► free
//! ```
//!
//! Completing takes two steps, since the result is written in between: (2) sets CLAIMED, which
//! excludes other completers of the same operation, and (3) clears DEVICE and CLAIMED. If the
//! future is dropped between the two, CLIENT is clear, and (3') applies instead.
//!
//! # Owners
//!
//! | flags | owner of the memory | owner of the result | the waker is registered by |
//! |---|---|---|---|
//! | none | the tag, which writes it ([`Slot::start`]) | – | – |
//! | DEVICE | the device | – | the future; with ABORTER the guard |
//! | DEVICE, CLAIMED | the device | the completer, which writes it | the same |
//! | DEVICE, CLAIMED, no CLIENT | the completer | the completer | the guard |
//! | RESULT | the future | the future | – |

use crate::{
    await_site::AwaitSite,
    cell::OwnedCell,
    sync::AtomicWaker, //
};
use core::{
    mem::MaybeUninit,
    task::{
        Context,
        Poll, //
    }, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// The future of the operation exists.
const CLIENT: u64 = 1 << 0;
/// The device may access the memory.
const DEVICE: u64 = 1 << 1;
/// A thread is completing the operation.
const CLAIMED: u64 = 1 << 2;
/// The memory and the result are available to the future.
const RESULT: u64 = 1 << 3;
/// The future was dropped, and the driver was not notified yet.
const ABANDONED: u64 = 1 << 4;
/// The driver has an [`Abandoned`](super::Abandoned), which keeps the tag from being reused.
const ABORTER: u64 = 1 << 5;
/// A task other than the future and the driver's waits until the device is done.
const WATCHED: u64 = 1 << 6;
/// The least significant bit of the number of times that the slot was freed.
const ROUND: u64 = 1 << 8;

/// The value of a slot's state word.
#[derive(Clone, Copy)]
struct State(u64);

impl State {
    fn has(self, flags: u64) -> bool {
        self.0 & flags == flags
    }

    fn with(self, flags: u64) -> Self {
        Self(self.0 | flags)
    }

    /// Returns the state without these shares. If they were the last ones, the next round begins.
    fn without(self, flags: u64) -> Self {
        let left = Self(self.0 & !flags);
        if left.is_free() {
            Self(left.0.wrapping_add(ROUND))
        } else {
            left
        }
    }

    fn is_free(self) -> bool {
        self.0 % ROUND == 0
    }

    fn round(self) -> u64 {
        self.0 / ROUND
    }
}

/// The outcome of [`Slot::complete`].
pub(super) struct Completed<T> {
    /// The memory, if the future was dropped.
    pub(super) unclaimed: Option<T>,
    /// True if the slot is free.
    pub(super) is_free: bool,
    /// True if a task waits for it: see [`Slot::watch`].
    pub(super) is_watched: bool,
}

/// The state of one operation.
///
/// # Invariants
///
/// With DEVICE or RESULT in `state` the memory is initialised, with RESULT the result is, too. Both
/// cells are accessed only by their owner, as the table in the module's documentation says.
pub(super) struct Slot<T, R> {
    state: Atomic<u64>,
    waker: AtomicWaker,
    memory: OwnedCell<MaybeUninit<T>>,
    result: OwnedCell<MaybeUninit<R>>,
}

// SAFETY: By the type invariants the cells have one owner at a time, and the memory and the result
// move between threads by them.
unsafe impl<T: Send, R: Send> Send for Slot<T, R> {}
// SAFETY: By the type invariants the cells have one owner at a time, and the memory and the result
// move between threads by them.
unsafe impl<T: Send, R: Send> Sync for Slot<T, R> {}

impl<T, R> Slot<T, R> {
    pub(super) fn new() -> Self {
        // INVARIANT: Free, so nothing is initialised.
        Self {
            state: Atomic::new(0),
            waker: AtomicWaker::new(),
            memory: OwnedCell::new(MaybeUninit::uninit()),
            result: OwnedCell::new(MaybeUninit::uninit()),
        }
    }

    /// Replaces the state by what `f` returns for it. If that is `None`, the state is left as it is
    /// and is the error. Returns the state before the change. In either case the caller sees all
    /// that was written before the returned state was stored.
    fn update(&self, f: impl Fn(State) -> Option<State>) -> Result<State, State> {
        let mut now = State(self.state.load(Acquire));
        while let Some(next) = f(now) {
            match self.state.cmpxchg(now.0, next.0, Full) {
                Ok(_) => return Ok(now),
                // An exchange that fails orders nothing.
                Err(_) => now = State(self.state.load(Acquire)),
            }
        }
        Err(now)
    }

    /// Gives back shares, and returns whether the slot is free now.
    fn give_back(&self, flags: u64) -> bool {
        match self.update(|s| Some(s.without(flags))) {
            Ok(old) | Err(old) => old.without(flags).is_free(),
        }
    }

    /// Returns the number of times that the slot was freed.
    pub(super) fn round(&self) -> u64 {
        State(self.state.load(Relaxed)).round()
    }

    /// Returns whether the device has the memory.
    pub(super) fn is_in_flight(&self) -> bool {
        State(self.state.load(Acquire)).has(DEVICE)
    }

    /// Returns the round of the operation that the device has, if it has one.
    pub(super) fn round_in_flight(&self) -> Option<u64> {
        let now = State(self.state.load(Acquire));
        now.has(DEVICE).then(|| now.round())
    }

    /// Stores the memory for the device: (1).
    ///
    /// # Safety
    ///
    /// The slot must be free, and the caller must have its tag.
    pub(super) unsafe fn start(&self, memory: T) {
        // SAFETY: The slot is free, so the tag owns the memory.
        self.memory.with(|m| unsafe { (*m).write(memory) });
        // INVARIANT: The memory is initialised.
        // Until here other threads find the slot free, and only read the word.
        let _started = self.update(|s| Some(s.with(DEVICE | CLIENT)));
    }

    /// Completes the operation, if its round is one for which `is_round` returns true: (2), (3).
    ///
    /// # Errors
    ///
    /// `EINVAL` if the device does not have it, or another thread is completing it.
    ///
    /// # Safety
    ///
    /// The device must not access the memory any more.
    pub(super) unsafe fn complete(
        &self,
        is_round: impl Fn(u64) -> bool,
        result: R,
    ) -> Result<Completed<T>> {
        // (2)
        let claimed = self.update(|s| {
            let free_to_claim = s.has(DEVICE) && !s.has(CLAIMED) && is_round(s.round());
            free_to_claim.then(|| s.with(CLAIMED))
        });
        claimed.map_err(|_| EINVAL)?;
        // SAFETY: This thread has set CLAIMED, so it owns the result.
        self.result.with(|r| unsafe { (*r).write(result) });
        // (3)
        // INVARIANT: Both are initialised.
        let delivered = self.update(|s| {
            s.has(CLIENT)
                .then(|| s.without(DEVICE | CLAIMED | WATCHED).with(RESULT))
        });
        if let Ok(old) = delivered {
            self.waker.wake();
            return Ok(Completed {
                unclaimed: None,
                is_free: false,
                is_watched: old.has(WATCHED),
            });
        }
        // SAFETY: With CLAIMED and without CLIENT, which is not set again in this round, this
        // thread owns both. Both are initialised.
        let (memory, result) = unsafe { self.take() };
        // (3')
        let flags = DEVICE | CLAIMED | ABANDONED | WATCHED;
        let (Ok(old) | Err(old)) = self.update(|s| Some(s.without(flags)));
        let is_free = old.without(flags).is_free();
        if !is_free {
            self.waker.wake();
        }
        drop(result);
        Ok(Completed {
            unclaimed: Some(memory),
            is_free,
            is_watched: old.has(WATCHED),
        })
    }

    /// Moves the memory and the result out of the slot.
    ///
    /// # Safety
    ///
    /// Both must be initialised, and the caller must own them.
    unsafe fn take(&self) -> (T, R) {
        // SAFETY: The memory is initialised and the caller's, by the safety requirements.
        let memory = self.memory.with(|m| unsafe { (*m).assume_init_read() });
        // SAFETY: The result is initialised and the caller's, by the safety requirements.
        let result = self.result.with(|r| unsafe { (*r).assume_init_read() });
        (memory, result)
    }

    /// Polls for the result, and moves it out together with the memory, which frees the slot: (4).
    ///
    /// # Safety
    ///
    /// The caller must own the share of the future (`CLIENT`).
    pub(super) unsafe fn poll(&self, cx: &mut Context<'_>, site: AwaitSite) -> Poll<(T, R)> {
        let is_over = || State(self.state.load(Acquire)).has(RESULT);
        if !is_over() {
            self.waker.register(cx);
            // A completion before the registration has not woken the task.
            if !is_over() {
                site.waits(cx);
                return Poll::Pending;
            }
        }
        // SAFETY: With RESULT the future owns both. By the type invariants they are initialised.
        let both = unsafe { self.take() };
        // (4)
        self.give_back(CLIENT | RESULT);
        Poll::Ready(both)
    }

    /// Gives back the share of the future, which is being dropped: (5). Returns the memory and the
    /// result if the operation is over, and the slot is free then.
    ///
    /// # Errors
    ///
    /// The device has the memory. The error is whether the driver has to be notified.
    ///
    /// # Safety
    ///
    /// The caller must own the share of the future (`CLIENT`).
    pub(super) unsafe fn leave(&self) -> Result<(T, R), bool> {
        let left = self.update(|s| {
            let left = s.without(CLIENT);
            let told = if s.has(CLAIMED) { 0 } else { ABANDONED };
            (!s.has(RESULT)).then(|| left.with(told))
        });
        match left {
            Ok(old) => Err(!old.has(CLAIMED)),
            Err(_) => {
                // SAFETY: With RESULT the future owns both. By the type invariants they are
                // initialised.
                let both = unsafe { self.take() };
                self.give_back(CLIENT | RESULT);
                Ok(both)
            }
        }
    }

    /// Makes the completion of the operation in flight report that it is watched. Returns its
    /// round, or `None` if no operation is in flight, or if `round` is given and is not its round.
    pub(super) fn watch(&self, round: Option<u64>) -> Option<u64> {
        let watched = self.update(|s| {
            let wanted = round.is_none_or(|round| s.round() == round);
            (s.has(DEVICE) && wanted).then(|| s.with(WATCHED))
        });
        watched.ok().map(State::round)
    }

    /// Takes the driver's share if the future was dropped while the device has the memory: (6).
    /// Returns the round.
    pub(super) fn try_abort(&self) -> Option<u64> {
        let taken = self.update(|s| {
            let abandoned = s.has(DEVICE | ABANDONED) && !s.has(CLAIMED);
            abandoned.then(|| s.with(ABORTER).without(ABANDONED))
        });
        taken.ok().map(State::round)
    }

    /// Polls for the end of the operation: it is ready when the device does not have the memory.
    ///
    /// # Safety
    ///
    /// The caller must own the driver's share (`ABORTER`).
    pub(super) unsafe fn poll_over(&self, cx: &mut Context<'_>, site: AwaitSite) -> Poll<()> {
        if self.is_in_flight() {
            self.waker.register(cx);
            // A completion before the registration has not woken the task.
            if self.is_in_flight() {
                site.waits(cx);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Gives back the driver's share, and returns whether the slot is free now: (7).
    ///
    /// # Safety
    ///
    /// The caller must own the driver's share (`ABORTER`).
    pub(super) unsafe fn end_abort(&self) -> bool {
        self.give_back(ABORTER)
    }
}
