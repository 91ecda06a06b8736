// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for the end of all tasks of a scope.

use super::{
    polled_within,
    Scope, //
};
use crate::{
    await_site::AwaitSite,
    block_on::Parking,
    budget::poll_budget,
    current,
    report::api_violation, //
    wait::{
        WaitState,
        Waiter, //
    },
};
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kernel::prelude::*;

/// The future of [`Scope::join`]. Cancel safe.
///
/// # Context
///
/// See the table of [`Scope`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join {
    scope: Scope,
    site: AwaitSite,
    waiter: Waiter,
    registered: bool,
}

impl Join {
    #[track_caller]
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            scope,
            site: AwaitSite::here(),
            waiter: Waiter::new(),
            registered: false,
        }
    }
}

impl Future for Join {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result> {
        poll_budget(cx, |cx| self.poll_end(cx))
    }
}

impl Join {
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result> {
        // SAFETY: The waiter, the only field that is pinned, is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        // The task that this thread is polling waits, whatever waker `cx` has.
        if polled_within(&this.scope) {
            api_violation(c"a task joins a scope that it is part of");
            return Poll::Ready(Err(EDEADLK));
        }
        let waker = cx.waker().clone();
        let waiter = &this.waiter;
        let result = this.scope.locked(|tree, scope| {
            let node = scope.node(tree);
            // SAFETY: The waiter belongs to this list, is pinned, and `Drop` removes it.
            unsafe {
                let notified = node.join_waiters.state(waiter) == WaitState::Notified;
                if notified || node.pending == 0 {
                    return Err(waker);
                }
                let epoch = node.epoch;
                Ok(node.join_waiters.wait(waiter, waker, epoch))
            }
        });
        match result {
            Ok(_old) => {
                this.registered = true;
                this.site.waits(cx);
                Poll::Pending
            }
            Err(_waker) => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        if self.registered {
            let waiter = &self.waiter;
            let _old = self.scope.locked(|tree, scope| {
                // SAFETY: The waiter belongs to this list, and the lock is held.
                unsafe { scope.node(tree).join_waiters.remove(waiter) }
            });
        }
    }
}

impl Scope {
    /// Blocks until no task is left in this scope and below.
    ///
    /// # Errors
    ///
    /// `EDEADLK`, with a warning, inside a poll or a signalling section: a task must not block its
    /// worker (H15), and fences could depend on the caller. `ENOMEM`.
    pub fn join_blocking(&self) -> Result {
        if current::in_section() {
            api_violation(c"join_blocking() inside a poll or a signalling section");
            return Err(EDEADLK);
        }
        self.join_on(&Parking::new()?)
    }

    /// Blocks as [`Scope::join_blocking`] does, and allocates nothing.
    pub(crate) fn join_on(&self, parking: &Parking) -> Result {
        parking.block_on(core::pin::pin!(self.join()), || self.report_stall())
    }

    /// Logs the tasks that a blocking join still waits for.
    pub(super) fn report_stall(&self) {
        let mut some = [const { None }; 4];
        let mut n = 0;
        self.each_task(|task, scope| {
            if let Some(place) = some.get_mut(n) {
                *place = Some(task.info(scope));
            }
            n += 1;
            true
        });
        let name = self.name();
        pr_warn!("still waiting for {n} tasks of scope {name}, among them:\n");
        for info in some.into_iter().flatten() {
            pr_warn!("{info}\n");
        }
    }
}
