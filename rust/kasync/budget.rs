// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Budgets: they keep a task that is always ready from starving the others (H16).
//!
//! Each poll of a task starts with a budget. A leaf (a future that has no other future inside)
//! takes one unit of it whenever it is ready. A leaf that finds no unit left wakes its task and
//! returns pending without looking whether it is ready. So the poll ends, and the task goes to the
//! end of the workqueue's list. No event is lost: a leaf changes nothing unless it is ready.
//!
//! ```text
//!              poll begins: 128
//!                   │
//!                   ▼            a leaf is ready: one less
//!            ┌── n units ──────────────────────────────┐
//!            │      ▲                                  │
//!            │      └──────────────────────────────────┘
//!            ▼ 0 units
//!        each leaf: wake, Pending ──► the poll ends ──► end of the list ──► poll begins: 128
//! ```
//!
//! | leaf | takes a unit | pending without a unit |
//! |---|---|---|
//! | channels, streams, sleeps | yes | yes |
//! | [`Notify`], [`Semaphore`], [`JoinHandle`], [`Scope::join`] | yes | yes |
//! | the time limit of a [`timeout`] | yes | 16 units later: it ends what is always ready |
//! | [`cancelled`], [`Scope::cancelled`] | once cancelled | 16 units later, as time limits |
//! | [`yield_now`] | no | always pending the first time |
//!
//! The combinators [`select!`], [`join!`] and [`FutureSet`] start with another future after a poll
//! that has used up the budget. So a future that is always ready does not starve the others.
//!
//! There is no budget outside of tasks, for instance in [`block_on`]: threads are preempted.
//!
//! [`select!`]: crate::select!
//! [`join!`]: crate::join!
//! [`Notify`]: crate::sync::Notify
//! [`Semaphore`]: crate::sync::Semaphore
//! [`JoinHandle`]: crate::JoinHandle
//! [`Scope::join`]: crate::Scope::join
//! [`Scope::cancelled`]: crate::Scope::cancelled
//! [`FutureSet`]: crate::FutureSet
//! [`timeout`]: crate::time::timeout
//! [`cancelled`]: crate::cancelled
//! [`yield_now`]: crate::yield_now
//! [`block_on`]: crate::block_on()

use crate::task::{
    budget::{
        Budget,
        OVERDRAFT, //
    },
    header::current_task,
    waker::task_of, //
};
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};

/// Returns the budget of the task that is polled with `cx`, if there is one.
///
/// It is the task of the waker of `cx` or, since combinators have wakers of their own, the task
/// that this thread is polling.
///
/// # Safety
///
/// The result must not be used once the poll with `cx` has returned.
#[inline]
unsafe fn of<'a>(cx: &Context<'_>) -> Option<&'a Budget> {
    let task = task_of(cx.waker()).or_else(current_task)?;
    // SAFETY: A waker keeps its task valid, and the current task is valid until its poll returns.
    // Both are so during the poll with `cx`, and after it the result is not used by the safety
    // requirements.
    Some(unsafe { task.as_ref() }.budget())
}

/// Calls `f`, which polls a leaf, if the task has budget left, and takes one unit if the result is
/// ready. With no unit left, wakes the task and returns pending without calling `f`.
///
/// `f` has to meet the contract of [`Future::poll`]. It must not loop over something that may be
/// ready for ever, since only its result is counted.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `poll_budget` | yes | yes | no |
///
/// # Examples
///
/// A leaf that is always ready, but does not starve others:
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use core::{future::poll_fn, task::Poll};
/// use kasync::{poll_budget, Executor};
///
/// let executor = Executor::new(c"example")?;
/// let task = executor.root().spawn(c"eager", async {
///     for _ in 0..1000 {
///         poll_fn(|cx| poll_budget(cx, |_| Poll::Ready(()))).await;
///     }
/// })?;
/// // Each poll of the task has ended after 128 of them.
/// assert_eq!(world.run(), 8);
/// assert!(task.is_finished());
/// # drop(task);
/// executor.shutdown()?;
/// # Ok::<(), kernel::error::Error>(())
/// ```
#[inline]
pub fn poll_budget<T>(
    cx: &mut Context<'_>,
    f: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    poll_beyond(cx, OVERDRAFT, f)
}

/// Calls `f` as [`poll_budget`] does, for a time limit or a cancellation, which may overdraw the
/// budget.
#[inline]
pub(crate) fn poll_limit<T>(
    cx: &mut Context<'_>,
    f: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    poll_beyond(cx, 0, f)
}

/// Calls `f` if more than `end` units are left, and takes one if the result is ready.
#[inline]
fn poll_beyond<T>(
    cx: &mut Context<'_>,
    end: i16,
    f: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    // SAFETY: This function is called in a poll with `cx`, and keeps it to itself.
    let budget = unsafe { of(cx) };
    if budget.is_some_and(|budget| budget.left() <= end) {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    let poll = f(cx);
    if poll.is_ready() {
        // What is left is read anew, as there may have been leaves inside.
        if let Some(budget) = budget {
            budget.spend();
        }
    }
    poll
}

/// Returns the index of the child, of `n`, that a pending combinator polls first the next time, if
/// it was `first` this time. This is 0 unless the budget is used up: then the children polled so
/// far may have taken all of it, and the next one's turn comes first.
#[doc(hidden)]
pub fn rotate(cx: &Context<'_>, first: usize, n: usize) -> usize {
    // SAFETY: This function is called in a poll with `cx`.
    let budget = unsafe { of(cx) };
    if budget.is_some_and(|budget| budget.left() <= OVERDRAFT) {
        (first + 1) % n
    } else {
        0
    }
}

/// Returns the number of units left to the task that the calling thread is polling. For tests.
#[doc(hidden)]
pub fn budget_left() -> Option<u32> {
    let task = current_task()?;
    // SAFETY: The task is valid until its poll returns, which is this function's caller.
    let left = unsafe { task.as_ref() }.budget().left();
    Some((left - OVERDRAFT).max(0) as u32)
}

/// The future of [`consume_budget`].
///
/// # Context
///
/// See [`consume_budget`].
#[must_use = "futures do nothing unless awaited"]
pub struct ConsumeBudget(());

impl Future for ConsumeBudget {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_budget(cx, |_| Poll::Ready(()))
    }
}

/// Returns a future that takes one unit of the budget, and waits for the task's next poll if none
/// is left. For long loops that await no other leaf. Cancel safe.
///
/// # Context
///
/// Any. Polling and dropping the future: process context, polls and signalling sections.
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget(())
}
