// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for the end of all tasks of a scope.

use super::{
    polled_within,
    Scope, //
};
use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    current,
    parker::Parker,
    report::api_violation, //
    wait::{
        WaitState,
        Waiter, //
    },
};
use core::{
    future::Future,
    pin::{
        pin,
        Pin, //
    },
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};
use kernel::{
    prelude::*,
    sync::rcu,
    task::might_sleep, //
};

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
    fn poll_end(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result> {
        // The task that this thread is polling waits, whatever waker `cx` has.
        if polled_within(&self.scope) {
            api_violation(c"a task joins a scope that it is part of");
            return Poll::Ready(Err(EDEADLK));
        }
        if !self.as_mut().waits(cx.waker().clone()) {
            return Poll::Ready(Ok(()));
        }
        self.site.waits(cx);
        Poll::Pending
    }

    /// Registers a waker, and returns `true`, unless the wait is over. The waker is not cloned. It
    /// is called once, when the last task ends, or dropped.
    fn waits(self: Pin<&mut Self>, waker: Waker) -> bool {
        // SAFETY: The waiter, the only field that is pinned, is not moved.
        let this = unsafe { self.get_unchecked_mut() };
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
        // A waker that is not registered any more is dropped here, without the lock.
        this.registered |= result.is_ok();
        result.is_ok()
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
    /// Blocks until no task is left in this scope and below. Allocates nothing, so that a teardown
    /// can rely on it.
    ///
    /// # Errors
    ///
    /// `EDEADLK`, with a warning, inside a poll or a signalling section: a task must not block its
    /// worker (H15), and fences could depend on the caller. The same where the caller is known not
    /// to be allowed to sleep. Elsewhere it does not fail.
    pub fn join_blocking(&self) -> Result {
        if !current::may_block() {
            api_violation(c"join_blocking() in an interrupt, a poll or a signalling section");
            return Err(EDEADLK);
        }
        self.wait_until_empty();
        Ok(())
    }

    /// Blocks as [`Scope::join_blocking`] does. The caller may sleep, and is neither in a poll nor
    /// in a signalling section.
    pub(crate) fn wait_until_empty(&self) {
        might_sleep();
        Parker::on_stack(|parker| {
            let join = pin!(self.join());
            // SAFETY: `waits()` does not clone the waker. If it is called, `park()` returns `true`
            // after that. If it is not registered, it was dropped.
            if join.waits(unsafe { parker.borrowed_waker() }) {
                while !parker.park() {
                    self.report_stall();
                }
            }
        });
    }

    /// Logs the tasks that a blocking join still waits for.
    pub(super) fn report_stall(&self) {
        // What is shown may be part of a module that goes.
        let _rcu = rcu::read_lock();
        let mut some = [const { None }; 4];
        let mut n = 0;
        self.each_task(|task, scope| {
            if let Some(place) = some.get_mut(n) {
                // SAFETY: The walk holds the tree's lock, and this is used in the RCU section.
                *place = Some(unsafe { task.info(scope) });
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
