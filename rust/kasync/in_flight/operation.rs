// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The future of an operation.

use super::Table;
use crate::{
    await_site::AwaitSite,
    budget::poll_budget, //
};
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kernel::sync::Arc;

/// The future of an operation: the memory, and the result that the device gave.
///
/// To drop it, to forget it, or to cancel its task changes nothing for the device: the memory stays
/// the operation's until the device is done. Not cancel safe, as the memory does not come back to
/// a caller that has dropped it.
///
/// It waits for the device only: an operation that nobody completes is never ready. A time limit is
/// [`timeout`](crate::time::timeout)'s.
///
/// # Invariants
///
/// While `ready` is false, the caller has the share of the future in the slot at `index`.
#[must_use = "futures do nothing unless awaited"]
pub struct Operation<T: Send + 'static, R: Send + 'static> {
    table: Arc<Table<T, R>>,
    index: usize,
    ready: bool,
    site: AwaitSite,
}

impl<T: Send + 'static, R: Send + 'static> Operation<T, R> {
    #[track_caller]
    pub(super) fn new(table: Arc<Table<T, R>>, index: usize) -> Self {
        Self {
            table,
            index,
            ready: false,
            site: AwaitSite::here(),
        }
    }

    /// Returns the number of the room, which is that of the tag.
    pub fn index(&self) -> usize {
        self.index
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<(T, R)> {
        if self.ready {
            // Was ready before (H12).
            return Poll::Pending;
        }
        // SAFETY: This is the future, and was not ready, by the type invariants.
        let poll = unsafe { self.table.slots[self.index].poll(cx, self.site) };
        if poll.is_ready() {
            // INVARIANT: The share was given back.
            self.ready = true;
            self.table.give_back(self.index);
        }
        poll
    }
}

/// The memory is elsewhere.
impl<T: Send + 'static, R: Send + 'static> Unpin for Operation<T, R> {}

impl<T: Send + 'static, R: Send + 'static> Future for Operation<T, R> {
    type Output = (T, R);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(T, R)> {
        poll_budget(cx, |cx| self.poll_result(cx))
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for Operation<T, R> {
    fn drop(&mut self) {
        if self.ready {
            return;
        }
        // SAFETY: This is the future, and was not ready, by the type invariants.
        match unsafe { self.table.slots[self.index].leave() } {
            Ok(_over) => self.table.give_back(self.index),
            Err(true) => self.table.abandoned.notify_one(),
            Err(false) => (),
        }
    }
}
