// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The state word of a task: flags, and the reference count in the higher bits.
//!
//! The numbers of transitions are those of the diagrams in [`crate::task`].

#[cfg(test)]
mod tests;

use crate::relaxed;
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
/// The future was replaced by its output, and the task is not queued any more. Set once, by (8).
const COMPLETE: u64 = 1 << 1;
/// The handle exists, and owns the output once the task is complete. Set at creation. If it is
/// clear when the task completes, the worker drops the output.
const HANDLE: u64 = 1 << 2;
/// The slot for the handle's waker is filled, and the worker owns it. While it is clear the handle
/// owns the slot.
const JOIN_WAKER: u64 = 1 << 3;
/// The task was requested to end through its handle.
const CANCEL: u64 = 1 << 4;
/// A worker or a claim has the right to poll. Set by (4), (10), (14).
const RUNNING: u64 = 1 << 5;
/// A claim has the right to poll, with [`RUNNING`]. Wakes set [`RERUN`] instead of queueing.
const CLAIMED: u64 = 1 << 6;
/// The task was woken, or run by a worker, while it was claimed; with [`CLAIMED`].
const RERUN: u64 = 1 << 7;
/// The task is in a batch, which owns a reference. Set by (13), cleared by (14).
const LISTED: u64 = 1 << 8;
/// The task was unlinked from its scope, so its links are free. Set once, by (16).
const UNLINKED: u64 = 1 << 9;
/// The handle was dropped where the caller may not sleep, and has left the output and its reference
/// to the side that unlinks the task. Set by (15).
const DEFERRED: u64 = 1 << 10;
/// One reference.
const REF: u64 = 1 << 11;
/// A count from which on the task is never freed: a leak instead of a use after free (H40).
const SATURATED: u64 = 1 << 62;

/// A value of the state word.
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

    /// Returns whether the waker of a join may be taken.
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

    /// Returns whether the task may be added to a batch.
    pub(crate) fn can_be_listed(self) -> bool {
        self.0 & (STARTED | COMPLETE | CLAIMED | LISTED) == STARTED
    }

    /// Returns the word after a wake by a batch, without the reference.
    fn listed(self) -> u64 {
        match self {
            s if s.is_claimed() => s.0 | RERUN,
            s if s.can_be_listed() => s.0 | LISTED,
            s => s.0,
        }
    }

    /// Returns the word after the handle was dropped.
    fn without_handle(self) -> u64 {
        let clear = if self.is_complete() {
            HANDLE
        } else {
            HANDLE | JOIN_WAKER
        };
        self.0 & !clear
    }

    /// Returns whether a wake came while the task was claimed.
    pub(crate) fn is_to_rerun(self) -> bool {
        self.0 & RERUN != 0
    }

    fn is_unlinked(self) -> bool {
        self.0 & UNLINKED != 0
    }

    fn is_deferred(self) -> bool {
        self.0 & DEFERRED != 0
    }

    /// Returns the number of references.
    pub(crate) fn refs(self) -> u64 {
        self.0 / REF
    }
}

/// The result of [`State::put_unlinked`].
pub(crate) enum Unlinked {
    /// The references were the last ones.
    Last,
    /// The handle has left the output and its reference to the caller.
    Deferred,
    /// There are other references.
    Shared,
}

/// The result of [`State::take_turn`].
pub(crate) enum Turn {
    /// The task is complete, or is claimed and will be polled again.
    Nothing,
    /// A worker is polling the task. It has to be queued to be polled again.
    Running,
    /// The task was claimed for the caller. The word after that.
    Claimed(Snapshot),
}

/// The state word.
pub(crate) struct State(Atomic<u64>);

impl State {
    /// Returns the word of a prepared task: (1). It has two references: that of the scope's task
    /// list, and that of the future handle.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(HANDLE | (2 * REF)))
    }

    /// Reads the word.
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// Replaces the word by what `next` returns for it, and returns the word before. If `next`
    /// returns `None`, the word is left as it is and is the error.
    fn update(&self, next: impl Fn(Snapshot) -> Option<u64>) -> Result<Snapshot, Snapshot> {
        let mut cur = self.0.load(Acquire);
        loop {
            let Some(new) = next(Snapshot(cur)) else {
                return Err(Snapshot(cur));
            };
            match self.0.cmpxchg(cur, new, Full) {
                Ok(_) => return Ok(Snapshot(cur)),
                // Read again with acquire: a failed compare-exchange orders nothing, and a caller
                // that finds COMPLETE accesses the output or the join waker's slot.
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

    /// Takes the right to poll for a worker: (4). If the task is claimed, sets RERUN instead.
    ///
    /// # Errors
    ///
    /// The worker has not got the right to poll.
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

    /// Gives back a worker's right to poll: (6), (7).
    pub(crate) fn idle(&self) {
        // No other thread changes the flag while it is set.
        self.0.fetch_sub(RUNNING, Full);
    }

    /// Claims the task if it is started, not complete and not being polled: (10). Returns the word
    /// after that.
    pub(crate) fn claim(&self) -> Option<Snapshot> {
        let free = |s: u64| s & (STARTED | COMPLETE | RUNNING) == STARTED;
        // Relaxed, since a caller that gets no claim accesses nothing.
        let mut now = relaxed::load(&self.0);
        while free(now) {
            let claimed = now | RUNNING | CLAIMED;
            match self.0.cmpxchg(now, claimed, Full) {
                Ok(_) => return Some(Snapshot(claimed)),
                Err(other) => now = other,
            }
        }
        None
    }

    /// Sets RERUN if the task is claimed, and returns whether it is: (11).
    pub(crate) fn set_rerun(&self) -> bool {
        self.update(|s| s.is_claimed().then_some(s.0 | RERUN))
            .is_ok()
    }

    /// Clears RERUN, and returns whether it was set. The owner of a claim does so before it polls.
    pub(crate) fn take_rerun(&self) -> bool {
        self.update(|s| s.is_to_rerun().then_some(s.0 & !RERUN))
            .is_ok()
    }

    /// Releases the claim if the word is `guess`, and RERUN is clear, and returns whether it did:
    /// (12).
    #[inline]
    pub(crate) fn release_guessed(&self, guess: Snapshot) -> bool {
        let idle = guess.0 & !(RUNNING | CLAIMED);
        !guess.is_to_rerun() && self.0.cmpxchg(guess.0, idle, Full).is_ok()
    }

    /// Releases the claim if RERUN is clear, and returns whether it did: (12).
    pub(crate) fn release_idle(&self) -> bool {
        let idle = |s: Snapshot| s.0 & !(RUNNING | CLAIMED);
        self.update(|s| (!s.is_to_rerun()).then_some(idle(s)))
            .is_ok()
    }

    /// Releases the claim: (12). Returns whether RERUN was set, so that the task has to be queued.
    pub(crate) fn release(&self) -> bool {
        match self.update(|s| Some(s.0 & !(RUNNING | CLAIMED | RERUN))) {
            Ok(old) | Err(old) => old.is_to_rerun(),
        }
    }

    /// Sets LISTED with a reference for the batch, unless the task need not be added to it: (13).
    /// Returns whether the caller has to add it.
    pub(crate) fn list(&self) -> bool {
        let old = self.update(|s| match s {
            s if s.is_complete() => None,
            s if s.can_be_listed() && s.0 < SATURATED => Some((s.0 | LISTED) + REF),
            // Written even if it changes nothing, so that the next poll sees what was written
            // before.
            s => Some(s.listed()),
        });
        old.is_ok_and(Snapshot::can_be_listed)
    }

    /// Returns whether the task is in a batch already. Then the batch's poll sees what was written
    /// before this call.
    pub(crate) fn is_listed_already(&self) -> bool {
        self.update(|s| s.is_listed().then_some(s.0)).is_ok()
    }

    /// Does both [`State::drop_handle`] and (13), and returns the word before. If that says that
    /// the task can be listed, the handle's reference passes to the batch.
    pub(crate) fn drop_handle_and_list(&self) -> Snapshot {
        let old = self.update(|s| Some(Snapshot(s.without_handle()).listed()));
        match old {
            Ok(old) | Err(old) => old,
        }
    }

    /// Clears LISTED, and claims the task if it is not being polled: (14).
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

    /// Completes the task, and returns the word before: (8). If that has a handle, the handle owns
    /// the output from now on, else the worker does. The worker owns the join waker, if any.
    pub(crate) fn complete(&self) -> Snapshot {
        match self.update(|s| Some((s.0 | COMPLETE) & !(RUNNING | CLAIMED | RERUN))) {
            Ok(old) | Err(old) => old,
        }
    }

    /// Sets CANCEL, and returns whether it was clear.
    pub(crate) fn cancel(&self) -> bool {
        !self.set(CANCEL).is_cancelled()
    }

    /// Passes the filled slot of the join waker to the worker, unless the task is complete.
    pub(crate) fn publish_join_waker(&self) -> Result<Snapshot, Snapshot> {
        self.update(|s| (!s.is_complete()).then_some(s.0 | JOIN_WAKER))
    }

    /// Takes back the slot of the join waker for the handle, unless the task is complete.
    pub(crate) fn retract_join_waker(&self) -> Result<Snapshot, Snapshot> {
        self.update(|s| (!s.is_complete()).then_some(s.0 & !JOIN_WAKER))
    }

    /// Clears HANDLE, and returns the word before. If that is complete, the handle owns the output.
    /// Else the worker will drop it, and the handle owns the slot of the join waker.
    pub(crate) fn drop_handle(&self) -> Snapshot {
        match self.update(|s| Some(s.without_handle())) {
            Ok(old) | Err(old) => old,
        }
    }

    /// Takes a reference, and returns the word before.
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

    /// Sets UNLINKED, and drops `n` references: (16).
    pub(crate) fn put_unlinked(&self, n: u64) -> Unlinked {
        // UNLINKED is clear, so it is set by being added.
        let old = self.0.fetch_sub(n * REF - UNLINKED, Full);
        if old >= SATURATED {
            self.0.fetch_add(n * REF, Full);
        }
        match Snapshot(old) {
            s if s.refs() == n => Unlinked::Last,
            // The handle's reference is left, so those dropped here were not the last.
            s if s.is_deferred() => Unlinked::Deferred,
            _ => Unlinked::Shared,
        }
    }

    /// Sets DEFERRED unless the task is unlinked, and returns whether it did: (15). If it did, the
    /// output and the handle's reference pass to the side that unlinks the task.
    pub(crate) fn defer_output(&self) -> bool {
        self.update(|s| (!s.is_unlinked()).then_some(s.0 | DEFERRED))
            .is_ok()
    }

    /// Saturates the reference count. For tests.
    #[cfg(test)]
    pub(crate) fn saturate(&self) {
        self.0.fetch_add(SATURATED, Full);
    }
}
