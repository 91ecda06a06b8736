// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The state word of a task: flags, and the reference count above them.
//!
//! The transition numbers are those of the diagram in [`crate::task`].

#[cfg(test)]
mod tests;

use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full, //
    }, //
};

/// The task was started: wakes may queue it. Set once, by (3).
const STARTED: u64 = 1 << 0;
/// The future is gone, the output is there or gone as well, and nothing queues the task any more.
/// Set once, by (8).
const COMPLETE: u64 = 1 << 1;
/// A handle wants the output. Set at creation; the side that clears it, or finds it clear, disposes
/// of the output.
const HANDLE: u64 = 1 << 2;
/// The slot for the handle's waker is filled and belongs to the worker. While clear it belongs to
/// the handle.
const JOIN_WAKER: u64 = 1 << 3;
/// This one task was asked to cancel.
const CANCEL: u64 = 1 << 4;
/// Somebody has the right to poll: a worker, or the holder of a claim. Set by (4), (10), (14).
const RUNNING: u64 = 1 << 5;
/// With [`RUNNING`]: the poller is a claim. Wakes leave [`RERUN`] instead of queueing.
const CLAIMED: u64 = 1 << 6;
/// With [`RUNNING`]: woken, or found by a worker, while claimed.
const RERUN: u64 = 1 << 7;
/// In a batch, which owns a reference. Set by (13), cleared by (14).
const LISTED: u64 = 1 << 8;
/// One reference.
const REF: u64 = 1 << 9;
/// From this count on the task is immortal: a leak instead of a use after free (H40).
const SATURATED: u64 = 1 << 62;

/// A value of the word.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    pub(crate) fn is_started(self) -> bool {
        self.0 & STARTED != 0
    }

    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    pub(crate) fn has_handle(self) -> bool {
        self.0 & HANDLE != 0
    }

    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCEL != 0
    }

    pub(crate) fn is_claimed(self) -> bool {
        self.0 & CLAIMED != 0
    }

    fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }

    pub(crate) fn is_listed(self) -> bool {
        self.0 & LISTED != 0
    }

    /// Returns whether the task has to be put into a batch to be polled by it.
    pub(crate) fn can_be_listed(self) -> bool {
        self.0 & (STARTED | COMPLETE | CLAIMED | LISTED) == STARTED
    }

    /// Returns the word after a wake by a batch, but for the reference.
    fn listed(self) -> u64 {
        match self {
            s if s.is_claimed() => s.0 | RERUN,
            s if s.can_be_listed() => s.0 | LISTED,
            s => s.0,
        }
    }

    /// Returns the word after the handle has gone.
    fn without_handle(self) -> u64 {
        let clear = if self.is_complete() {
            HANDLE
        } else {
            HANDLE | JOIN_WAKER
        };
        self.0 & !clear
    }

    pub(crate) fn is_to_rerun(self) -> bool {
        self.0 & RERUN != 0
    }

    pub(crate) fn refs(self) -> u64 {
        self.0 / REF
    }
}

/// What there is to do for a task whose turn in a batch it is.
pub(crate) enum Turn {
    /// Nothing: it is complete, or claimed, and a note was left.
    Nothing,
    /// A worker polls it. It is to be queued, so that it is polled again.
    Running,
    /// To poll it: it was claimed, and that is the word.
    Claimed(Snapshot),
}

/// The word.
pub(crate) struct State(Atomic<u64>);

impl State {
    /// Returns the word of a prepared task: (1). Its two references are that of the scope's task
    /// list and that of the handle to be.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(HANDLE | (2 * REF)))
    }

    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// Tries `next` on the current word until it sticks or declines. `Ok` and `Err` hold the word
    /// before.
    fn update(&self, next: impl Fn(Snapshot) -> Option<u64>) -> Result<Snapshot, Snapshot> {
        let mut cur = self.0.load(Acquire);
        loop {
            let Some(new) = next(Snapshot(cur)) else {
                return Err(Snapshot(cur));
            };
            match self.0.cmpxchg(cur, new, Full) {
                Ok(_) => return Ok(Snapshot(cur)),
                // Read anew: a compare-exchange that fails orders nothing, and a caller
                // that is told of COMPLETE reads the output, or the join waker's slot, next.
                Err(_) => cur = self.0.load(Acquire),
            }
        }
    }

    fn set(&self, bits: u64) -> Snapshot {
        match self.update(|s| Some(s.0 | bits)) {
            Ok(old) | Err(old) => old,
        }
    }

    /// Starts the task: (3).
    pub(crate) fn start(&self) {
        self.set(STARTED);
    }

    /// Takes the right to poll for a worker: (4). If a claim has it, the claim is left a note
    /// instead.
    /// `Err` if there is nothing to poll now.
    pub(crate) fn run(&self) -> Result<(), ()> {
        let old = self.update(|s| match s {
            s if s.is_complete() || !s.is_started() => None,
            s if s.is_claimed() => Some(s.0 | RERUN),
            s => Some(s.0 | RUNNING),
        });
        match old {
            Ok(old) if !old.is_claimed() => Ok(()),
            _ => Err(()),
        }
    }

    /// Gives a worker's right to poll back: (6), (7).
    pub(crate) fn idle(&self) {
        // Nobody else changes the flag while it is set.
        self.0.fetch_sub(RUNNING, Full);
    }

    /// Takes the right to poll if the task is started, not complete and nobody has it.
    /// Returns the word as it is then: (10).
    pub(crate) fn claim(&self) -> Option<Snapshot> {
        let free = |s: Snapshot| s.0 & (STARTED | COMPLETE | RUNNING) == STARTED;
        let old = self.update(|s| free(s).then_some(s.0 | RUNNING | CLAIMED));
        old.ok().map(|old| Snapshot(old.0 | RUNNING | CLAIMED))
    }

    /// Leaves a note for the claim, if there is one: (11).
    pub(crate) fn note(&self) -> bool {
        self.update(|s| s.is_claimed().then_some(s.0 | RERUN))
            .is_ok()
    }

    /// Takes the notes of a claim, which its holder does before it polls, and so answers all of
    /// them.
    pub(crate) fn take_notes(&self) -> bool {
        self.update(|s| s.is_to_rerun().then_some(s.0 & !RERUN))
            .is_ok()
    }

    /// Gives the right to poll back if nobody has left a note: (12). `guess` is what the word was,
    /// and may still be.
    pub(crate) fn release_idle(&self, guess: Snapshot) -> bool {
        let idle = |s: Snapshot| s.0 & !(RUNNING | CLAIMED);
        if !guess.is_to_rerun() && self.0.cmpxchg(guess.0, idle(guess), Full).is_ok() {
            return true;
        }
        self.update(|s| (!s.is_to_rerun()).then_some(idle(s)))
            .is_ok()
    }

    /// Gives the right to poll back: (12). Returns whether somebody has left a note, so that the
    /// task has to be queued.
    pub(crate) fn release(&self) -> bool {
        match self.update(|s| Some(s.0 & !(RUNNING | CLAIMED | RERUN))) {
            Ok(old) | Err(old) => old.is_to_rerun(),
        }
    }

    /// Marks the task as listed, with a reference for the batch: (13). Returns whether it is to be
    /// put in.
    pub(crate) fn list(&self) -> bool {
        let old = self.update(|s| match s {
            s if s.is_complete() => None,
            s if s.can_be_listed() && s.0 < SATURATED => Some((s.0 | LISTED) + REF),
            // Written even if it changes nothing: what was written before is seen by the poll that
            // comes.
            s => Some(s.listed()),
        });
        old.is_ok_and(Snapshot::can_be_listed)
    }

    /// Returns whether the task is in a batch already. What was written before is seen by the poll
    /// that comes then.
    pub(crate) fn is_listed_already(&self) -> bool {
        self.update(|s| s.is_listed().then_some(s.0)).is_ok()
    }

    /// Marks the task as listed as the handle goes: (13), and [`State::drop_handle`]. The handle's
    /// reference passes to the batch, if the task is to be put in, which the returned word says.
    pub(crate) fn drop_handle_and_list(&self) -> Snapshot {
        let old = self.update(|s| Some(Snapshot(s.without_handle()).listed()));
        match old {
            Ok(old) | Err(old) => old,
        }
    }

    /// Takes the mark off, and the right to poll if nobody has it: (14).
    pub(crate) fn take_turn(&self) -> Turn {
        let next = |s: Snapshot| match s.0 & !LISTED {
            word if s.is_complete() => word,
            word if s.is_claimed() => word | RERUN,
            word if s.is_running() => word,
            word => word | RUNNING | CLAIMED,
        };
        match self.update(|s| Some(next(s))) {
            Ok(s) | Err(s) if s.is_complete() || s.is_claimed() => Turn::Nothing,
            Ok(s) | Err(s) if s.is_running() => Turn::Running,
            Ok(s) | Err(s) => Turn::Claimed(Snapshot(next(s))),
        }
    }

    /// Completes the task: (8). From here on the output belongs to the handle if the returned word
    /// has one, else to the worker; the join waker, if any, belongs to the worker.
    pub(crate) fn complete(&self) -> Snapshot {
        match self.update(|s| Some((s.0 | COMPLETE) & !(RUNNING | CLAIMED | RERUN))) {
            Ok(old) | Err(old) => old,
        }
    }

    /// Asks this task to cancel, and returns whether it was the first to.
    pub(crate) fn cancel(&self) -> bool {
        !self.set(CANCEL).is_cancelled()
    }

    /// Hands the filled join waker slot to the worker, unless the task is complete.
    pub(crate) fn publish_join_waker(&self) -> Result<Snapshot, Snapshot> {
        self.update(|s| (!s.is_complete()).then_some(s.0 | JOIN_WAKER))
    }

    /// Takes the join waker slot back for the handle, unless the task is complete.
    pub(crate) fn retract_join_waker(&self) -> Result<Snapshot, Snapshot> {
        self.update(|s| (!s.is_complete()).then_some(s.0 & !JOIN_WAKER))
    }

    /// Clears the handle's flag, as the handle goes. If the returned word is not complete, the join
    /// waker slot is the handle's and the worker will dispose of the output; else the output is the
    /// handle's.
    pub(crate) fn drop_handle(&self) -> Snapshot {
        match self.update(|s| Some(s.without_handle())) {
            Ok(old) | Err(old) => old,
        }
    }

    /// Takes a reference. Returns the word before.
    pub(crate) fn get_ref(&self) -> Snapshot {
        let old = self.0.fetch_add(REF, Full);
        if old >= SATURATED {
            self.0.fetch_sub(REF, Full);
        }
        Snapshot(old)
    }

    /// Drops `n` references, and returns whether these were the last.
    pub(crate) fn put_refs(&self, n: u64) -> bool {
        let old = self.0.fetch_sub(n * REF, Full);
        if old >= SATURATED {
            self.0.fetch_add(n * REF, Full);
            return false;
        }
        Snapshot(old).refs() == n
    }

    /// Counts as many references as make the task immortal. For tests.
    #[cfg(test)]
    pub(crate) fn saturate(&self) {
        self.0.fetch_add(SATURATED, Full);
    }
}
