// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Operations whose futures have gone.

use super::Table;
use crate::{
    await_site::AwaitSite,
    budget::poll_budget, //
};
use core::future::{
    poll_fn,
    Future, //
};
use kernel::sync::Arc;

/// An operation whose future has gone while the device has the memory: the result of
/// [`InFlight::abandoned`](super::InFlight::abandoned).
///
/// While this is there, no other operation gets the tag, even if this one is over. So a device that
/// is asked to stop it does not stop another. Dropping it is always legal, and leaves the operation
/// to the device.
///
/// # Invariants
///
/// This has the driver's share in the slot at `index`, of that round.
#[must_use = "the device goes on with it unless it is asked to stop"]
pub struct Abandoned<T: Send + 'static, R: Send + 'static> {
    table: Arc<Table<T, R>>,
    index: usize,
    round: u64,
}

impl<T: Send + 'static, R: Send + 'static> Abandoned<T, R> {
    pub(super) fn new(table: Arc<Table<T, R>>, index: usize, round: u64) -> Self {
        Self {
            table,
            index,
            round,
        }
    }

    /// Returns the number that the device knows the operation by.
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
            // SAFETY: The share is ours by the type invariants.
            poll_budget(cx, |cx| unsafe { slot.poll_over(cx, site) })
        })
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for Abandoned<T, R> {
    fn drop(&mut self) {
        // SAFETY: The share is ours by the type invariants, and given back once.
        if unsafe { self.table.slots[self.index].end_abort() } {
            self.table.give_back(self.index);
        }
    }
}
