// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Futures that wait for cancellation.

use super::{
    cancel_wakes_current,
    is_of_current,
    Scope, //
};
use crate::{
    await_site::AwaitSite,
    budget::poll_limit,
    task::{
        current_task,
        Header, //
    },
    wait::Waiter, //
};
use core::{
    future::Future,
    pin::Pin,
    ptr::NonNull,
    task::{
        Context,
        Poll, //
    }, //
};

/// The future of [`Scope::cancelled`]. Cancel safe. May be polled again after it was ready.
///
/// In a task of the scope it costs a few loads, since cancelling wakes the tasks. Elsewhere it
/// registers a waiter, and so it does in a task that was woken by an earlier cancel, that of a
/// scope further down: a cancel wakes no task twice.
///
/// # Context
///
/// See the table of [`Scope`].
pub struct Cancelled<'a> {
    scope: &'a Scope,
    site: AwaitSite,
    waiter: Waiter,
    registered: bool,
}

impl<'a> Cancelled<'a> {
    #[track_caller]
    pub(super) fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            site: AwaitSite::here(),
            waiter: Waiter::new(),
            registered: false,
        }
    }

    fn unregister(&mut self) {
        if core::mem::replace(&mut self.registered, false) {
            let waiter = &self.waiter;
            let _old = self.scope.locked(|tree, scope| {
                // SAFETY: The waiter belongs to this list, and the lock is held.
                unsafe { scope.node(tree).cancel_waiters.remove(waiter) }
            });
        }
    }
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: The waiter, the only field that is pinned, is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        if this.scope.is_cancelled() {
            // Takes budget, so that a loop that awaits it for ever does not starve other tasks.
            return poll_limit(cx, |_| {
                this.unregister();
                Poll::Ready(())
            });
        }
        if is_of_current(cx) && cancel_wakes_current(this.scope) {
            this.unregister();
            this.site.waits(cx);
            return Poll::Pending;
        }
        let waker = cx.waker().clone();
        let waiter = &this.waiter;
        let result = this.scope.locked(|tree, scope| {
            if scope.cancelled.as_ref().is_some() {
                return Err(waker);
            }
            // SAFETY: The waiter belongs to this list, is pinned, and `Drop` removes it.
            Ok(unsafe { scope.node(tree).cancel_waiters.wait(waiter, waker, 0) })
        });
        match result {
            Ok(_old) => {
                this.registered = true;
                this.site.waits(cx);
                Poll::Pending
            }
            Err(_waker) => {
                this.unregister();
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// The future of [`cancelled`].
///
/// # Context
///
/// See [`cancelled`].
pub struct TaskCancelled(AwaitSite);

/// Returns a future that resolves when the task that polls it was asked to cancel: through its
/// handle, or through its scope or one above. Cancel safe.
///
/// Outside of a task it never resolves. It has to be polled whenever the task is. In a combinator
/// that polls only the children that were woken, use [`Scope::cancelled`].
///
/// # Context
///
/// Any. Polling and dropping the future: process context, polls and signalling sections.
#[track_caller]
pub fn cancelled() -> TaskCancelled {
    TaskCancelled(AwaitSite::here())
}

/// Returns whether a task was asked to end.
///
/// # Safety
///
/// The calling thread must be polling the task.
unsafe fn is_cancelled(task: NonNull<Header>) -> bool {
    // SAFETY: By the safety requirements it is valid, and its scope is not moved out.
    unsafe {
        let task = task.as_ref();
        task.state.load().is_cancelled() || task.scope().is_some_and(Scope::is_cancelled)
    }
}

impl Future for TaskCancelled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Both kinds of requests wake the task, so no waiter is needed.
        match current_task() {
            // Takes budget, so that a loop that awaits it for ever does not starve other tasks.
            // SAFETY: This thread is polling the task.
            Some(task) if unsafe { is_cancelled(task) } => poll_limit(cx, |_| Poll::Ready(())),
            _ => {
                self.0.waits(cx);
                Poll::Pending
            }
        }
    }
}
