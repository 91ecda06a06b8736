// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Slots: the place of one operation, and who owns what is in it.
//!
//! A slot is free when no flag is set. Each flag is somebody's share in it; the one that gives the
//! last share back frees the slot, by the same step, and is told so.
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
//! Completing takes two steps, as the result has to be written between: (2) takes CLAIMED, which
//! keeps others from completing the same operation, and (3) gives DEVICE and CLAIMED back. A future
//! that is dropped between the two leaves all to (3'), which finds no CLIENT.
//!
//! # Owners
//!
//! | state | the memory, the result | the waker is registered by |
//! |---|---|---|
//! | free | nobody's; [`Slot::start`] writes the memory | |
//! | DEVICE, whichever else | the device's: nobody reads, moves or drops the memory | the future,
//! or with ABORTER the guard | | CLAIMED | the completer's: it writes the result | as before | |
//! CLAIMED, neither CLIENT nor RESULT | the completer's: it takes both back | the guard | | RESULT
//! | the future's | nobody |

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
/// A thread completes the operation.
const CLAIMED: u64 = 1 << 2;
/// The memory and the result wait for the future.
const RESULT: u64 = 1 << 3;
/// The future has gone, and the driver was not told yet.
const ABANDONED: u64 = 1 << 4;
/// The driver was told, and keeps the tag from being used again.
const ABORTER: u64 = 1 << 5;
/// A task waits until the device does not have the memory, and is neither of these two.
const WATCHED: u64 = 1 << 6;
/// The least significant bit of the number of times that the slot was freed.
const ROUND: u64 = 1 << 8;

/// The word of a slot.
#[derive(Clone, Copy)]
struct State(u64);

impl State {
    fn has(self, flags: u64) -> bool {
        self.0 & flags == flags
    }

    fn with(self, flags: u64) -> Self {
        Self(self.0 | flags)
    }

    /// The state without these shares. If they were the last ones, the slot's next round begins.
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

/// What has become of an operation by [`Slot::complete`].
pub(super) struct Completed<T> {
    /// The memory, if the future has gone.
    pub(super) unclaimed: Option<T>,
    pub(super) is_free: bool,
    /// A task waits for it: see [`Slot::watch`].
    pub(super) is_watched: bool,
}

/// The place of one operation.
///
/// # Invariants
///
/// With DEVICE or RESULT in `state` the memory is initialised, with RESULT the result is, too. Both
/// cells are accessed by their owner only, of the table above.
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

    /// Changes the state to what `f` says, or leaves it if that is nothing. Returns the state that
    /// was there before the change, or instead of it. All that was written before that state was
    /// left is seen, in either case.
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

    /// Gives shares back, and returns whether the slot is free by that.
    fn give_back(&self, flags: u64) -> bool {
        match self.update(|s| Some(s.without(flags))) {
            Ok(old) | Err(old) => old.without(flags).is_free(),
        }
    }

    /// Returns how many times the slot was freed.
    pub(super) fn round(&self) -> u64 {
        State(self.state.load(Relaxed)).round()
    }

    /// Returns whether the device has the memory.
    pub(super) fn is_in_flight(&self) -> bool {
        State(self.state.load(Acquire)).has(DEVICE)
    }

    /// (1). Takes the memory for the device.
    ///
    /// # Safety
    ///
    /// The slot must be free, and the caller's.
    pub(super) unsafe fn start(&self, memory: T) {
        // SAFETY: The slot is free, so the memory is the caller's.
        self.memory.with(|m| unsafe { (*m).write(memory) });
        // INVARIANT: The memory is initialised.
        // Others have read the word only, and find it free until here.
        let _started = self.update(|s| Some(s.with(DEVICE | CLIENT)));
    }

    /// Completes the operation of this round.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the device does not have it, or another thread is completing it.
    ///
    /// # Safety
    ///
    /// The device accesses the memory no more.
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
        // SAFETY: With CLAIMED, which this thread has set, the result is ours.
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
        // SAFETY: Without CLIENT, which does not come back in this round, both are ours, and
        // initialised.
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

    /// Takes the memory and the result out.
    ///
    /// # Safety
    ///
    /// Both are initialised, and the caller's.
    unsafe fn take(&self) -> (T, R) {
        // SAFETY: By the safety requirements.
        let memory = self.memory.with(|m| unsafe { (*m).assume_init_read() });
        // SAFETY: By the safety requirements.
        let result = self.result.with(|r| unsafe { (*r).assume_init_read() });
        (memory, result)
    }

    /// Waits for the result, and takes it together with the memory. The slot is free then.
    ///
    /// # Safety
    ///
    /// The caller is the future of this round, and was not ready before.
    pub(super) unsafe fn poll(&self, cx: &mut Context<'_>, site: AwaitSite) -> Poll<(T, R)> {
        let is_over = || State(self.state.load(Acquire)).has(RESULT);
        if !is_over() {
            self.waker.register(cx);
            // What came before the waker was there has not woken it.
            if !is_over() {
                site.waits(cx);
                return Poll::Pending;
            }
        }
        // SAFETY: With RESULT both are the future's, and initialised by the type invariants.
        let both = unsafe { self.take() };
        // (4)
        self.give_back(CLIENT | RESULT);
        Poll::Ready(both)
    }

    /// (5). The future goes. Returns what it was owed, in which case the slot is free; or else
    /// whether the driver is to be told.
    ///
    /// # Safety
    ///
    /// The caller is the future of this round, and was not ready.
    pub(super) unsafe fn leave(&self) -> Result<(T, R), bool> {
        let left = self.update(|s| {
            let left = s.without(CLIENT);
            let told = if s.has(CLAIMED) { 0 } else { ABANDONED };
            (!s.has(RESULT)).then(|| left.with(told))
        });
        match left {
            Ok(old) => Err(!old.has(CLAIMED)),
            Err(_) => {
                // SAFETY: With RESULT both are the future's, and initialised by the type
                // invariants.
                let both = unsafe { self.take() };
                self.give_back(CLIENT | RESULT);
                Ok(both)
            }
        }
    }

    /// Has the one who completes the operation say that it is watched. Returns the round, or
    /// nothing if the device does not have the memory, of this round or of another than `round` if
    /// that is given.
    pub(super) fn watch(&self, round: Option<u64>) -> Option<u64> {
        let watched = self.update(|s| {
            let wanted = round.is_none_or(|round| s.round() == round);
            (s.has(DEVICE) && wanted).then(|| s.with(WATCHED))
        });
        watched.ok().map(State::round)
    }

    /// (6). Takes the driver's share if the future has gone while the device has the memory.
    pub(super) fn try_abort(&self) -> Option<u64> {
        let taken = self.update(|s| {
            let abandoned = s.has(DEVICE | ABANDONED) && !s.has(CLAIMED);
            abandoned.then(|| s.with(ABORTER).without(ABANDONED))
        });
        taken.ok().map(State::round)
    }

    /// Waits until the device does not have the memory.
    ///
    /// # Safety
    ///
    /// The caller has the driver's share.
    pub(super) unsafe fn poll_over(&self, cx: &mut Context<'_>, site: AwaitSite) -> Poll<()> {
        if self.is_in_flight() {
            self.waker.register(cx);
            // What came before the waker was there has not woken it.
            if self.is_in_flight() {
                site.waits(cx);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// (7). Gives the driver's share back, and returns whether the slot is free by that.
    ///
    /// # Safety
    ///
    /// The caller has the driver's share.
    pub(super) unsafe fn end_abort(&self) -> bool {
        self.give_back(ABORTER)
    }
}
