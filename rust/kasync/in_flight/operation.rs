// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The future of an operation.

use super::table::Table;
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

/// A future of the memory and the result of an operation.
///
/// Dropping or forgetting it, or cancelling its task, does not affect the device: the operation
/// owns the memory until the device is done. It is not cancel safe: a caller that drops it does not
/// get the memory back.
///
/// It is ready only when the driver completes the operation. [`timeout`](crate::time::timeout)
/// limits the waiting.
///
/// # Context
///
/// See the table of [`InFlight`](super::InFlight).
///
/// # Invariants
///
/// While `ready` is false, this owns the future's share (`CLIENT`) in the slot at `index`.
#[must_use = "futures do nothing unless awaited"]
pub struct Operation<T: Send + 'static, R: Send + 'static> {
    table: Arc<Table<T, R>>,
    index: usize,
    ready: bool,
    site: AwaitSite,
}

impl<T: Send + 'static, R: Send + 'static> Operation<T, R> {
    /// Returns the future of an operation.
    ///
    /// # Safety
    ///
    /// The caller must own the future's share (`CLIENT`) in the slot, and passes it on.
    #[track_caller]
    pub(super) unsafe fn new(table: Arc<Table<T, R>>, index: usize) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            table,
            index,
            ready: false,
            site: AwaitSite::here(),
        }
    }

    /// Returns the index of the slot, as [`Tag::index`](super::Tag::index) does.
    pub fn index(&self) -> usize {
        self.index
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<(T, R)> {
        if self.ready {
            // Polled after it was ready (H12).
            return Poll::Pending;
        }
        // SAFETY: By the type invariants this owns the future's share.
        let poll = unsafe { self.table.slots[self.index].poll(cx, self.site) };
        if poll.is_ready() {
            // INVARIANT: The share was given back by `poll()`.
            self.ready = true;
            // SAFETY: The slot is free since `poll()`, and was taken.
            unsafe { self.table.give_back(self.index) };
        }
        poll
    }
}

/// The memory is in the slot, not in the future.
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
        // SAFETY: By the type invariants this owns the future's share.
        match unsafe { self.table.slots[self.index].leave() } {
            // SAFETY: The slot is free since `leave()`, and was taken.
            Ok(_over) => unsafe { self.table.give_back(self.index) },
            Err(true) => self.table.abandoned.notify_one(),
            Err(false) => (),
        }
    }
}
