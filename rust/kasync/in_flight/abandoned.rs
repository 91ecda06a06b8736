// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Operations in flight whose futures were dropped.

use super::table::Table;
use crate::{
    await_site::AwaitSite,
    budget::poll_budget, //
};
use core::future::{
    poll_fn,
    Future, //
};
use kernel::sync::Arc;

/// An operation in flight whose future was dropped: the result of
/// [`InFlight::abandoned`](super::InFlight::abandoned).
///
/// While it exists no other operation gets the tag, even if this one is over. So a request to stop
/// it cannot stop another operation. When it is dropped the operation goes on.
///
/// # Context
///
/// See the table of [`InFlight`](super::InFlight).
///
/// # Invariants
///
/// This owns the driver's share (`ABORTER`) in the slot at `index`, in that round.
#[must_use = "the operation goes on unless the device is asked to stop it"]
pub struct Abandoned<T: Send + 'static, R: Send + 'static> {
    table: Arc<Table<T, R>>,
    index: usize,
    round: u64,
}

impl<T: Send + 'static, R: Send + 'static> Abandoned<T, R> {
    /// Returns the driver's share as an object.
    ///
    /// # Safety
    ///
    /// The caller must own the driver's share (`ABORTER`) in the slot, in that round, and passes it
    /// on.
    pub(super) unsafe fn new(table: Arc<Table<T, R>>, index: usize, round: u64) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            table,
            index,
            round,
        }
    }

    /// Returns the number by which the device identifies the operation.
    pub fn id(&self) -> u16 {
        self.table.id(self.index, self.round)
    }

    /// Returns whether the operation is over.
    pub fn is_over(&self) -> bool {
        !self.table.slots[self.index].is_in_flight()
    }

    /// Waits until the operation is over. Cancel safe.
    #[track_caller]
    pub fn over(&mut self) -> impl Future<Output = ()> + Send + '_ {
        let site = AwaitSite::here();
        let slot = &self.table.slots[self.index];
        poll_fn(move |cx| {
            // SAFETY: By the type invariants this owns the driver's share.
            poll_budget(cx, |cx| unsafe { slot.poll_over(cx, site) })
        })
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for Abandoned<T, R> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants this owns the driver's share, which is given back once.
        if unsafe { self.table.slots[self.index].end_abort() } {
            // SAFETY: The slot is free since `end_abort()`, and was taken.
            unsafe { self.table.give_back(self.index) };
        }
    }
}
