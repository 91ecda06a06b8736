// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Budgets, which keep a task that is ready again and again from starving the others (H16).
//!
//! Each poll begins with a budget, in the task's header. A leaf, a future that has no other inside,
//! takes one unit of it whenever it is ready. With no unit left it does not look whether it is
//! ready: it wakes its task and is pending. So the poll ends, and the task goes to the end of the
//! workqueue's list. Nothing is lost by that, since a leaf changes nothing unless it is ready.
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
//! | leaf | takes a unit | put off |
//! |---|---|---|
//! | channels, streams, sleeps | yes | yes |
//! | [`Notify`], [`Semaphore`], [`JoinHandle`], [`Scope::join`] | yes | yes |
//! | the time limit of a [`timeout`] | yes | 16 units later: it cuts off what is always ready |
//! | [`cancelled`], [`Scope::cancelled`] | once cancelled | 16 units later, as time limits |
//! | [`yield_now`] | no | it goes to the end of the list anyway |
//!
//! Combinators, [`select!`], [`join!`] and [`FutureSet`], begin with the next future after a poll
//! that has used the budget up. So one that is always ready does not keep the others from their
//! turn.
//!
//! There is no budget outside of tasks, in [`block_on`] for example: threads are preempted.
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

/// Calls `f` with the budget of the task that is polled with `cx`, if there is one: that of the
/// task whose waker `cx` has, or else, as combinators have wakers of their own, that of the task
/// that this thread is polling.
#[inline]
fn with<R>(cx: &Context<'_>, f: impl FnOnce(Option<&Budget>) -> R) -> R {
    match task_of(cx.waker()).or_else(current_task) {
        // SAFETY: The waker keeps its task valid; and the current task is valid until its poll
        // returns, which has called us.
        Some(task) => f(Some(unsafe { task.as_ref() }.budget())),
        None => f(None),
    }
}

/// Polls a leaf by `f` if the task's budget allows it. Being ready takes one unit. Without any left
/// the task is woken, `f` is not called, and the result is pending.
///
/// `f` does what a poll does: it leaves the waker with what it waits for if it is pending. It must
/// not be ready but through its result, since what is not counted may be ready for ever.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `poll_budget` | yes | yes | no |
///
/// # Examples
///
/// A leaf that is always ready, and yet leaves room for others:
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

/// Polls a time limit, or a cancellation, which may overdraw the budget.
#[inline]
pub(crate) fn poll_limit<T>(
    cx: &mut Context<'_>,
    f: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    poll_beyond(cx, 0, f)
}

/// Polls by `f` as long as more than `end` units are left.
#[inline]
fn poll_beyond<T>(
    cx: &mut Context<'_>,
    end: i16,
    f: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let left = with(cx, |budget| budget.map(Budget::left));
    if left.is_some_and(|left| left <= end) {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    let poll = f(cx);
    if poll.is_ready() {
        // Read anew, as there may have been leaves inside.
        with(cx, |budget| budget.map(Budget::spend));
    }
    poll
}

/// Returns at which of `n` children a combinator that is pending begins the next time, if it was
/// `first` this time. The first child has precedence, but if the budget is used up those before may
/// have had all of it, so that the next one's turn comes first.
#[doc(hidden)]
pub fn rotate(cx: &Context<'_>, first: usize, n: usize) -> usize {
    if with(cx, |budget| {
        let left = budget.map(Budget::left);
        left.is_some_and(|left| left <= OVERDRAFT)
    }) {
        (first + 1) % n
    } else {
        0
    }
}

/// Returns how many leaves may still be ready in this poll of the task that the calling thread is
/// polling. For tests.
#[doc(hidden)]
pub fn budget_left() -> Option<u32> {
    let task = current_task()?;
    // SAFETY: Valid until the poll returns, which has called us.
    let left = unsafe { task.as_ref() }.budget().left();
    Some((left - OVERDRAFT).max(0) as u32)
}

/// The future of [`consume_budget`].
#[must_use = "futures do nothing unless awaited"]
pub struct ConsumeBudget(());

impl Future for ConsumeBudget {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_budget(cx, |_| Poll::Ready(()))
    }
}

/// Takes one unit of the budget, and goes to the end of the list if none is left. For loops that
/// may be long and have no other leaf in them. Cancel safe.
///
/// # Context
///
/// Any. Polling and dropping the future: process context, polls and signalling sections.
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget(())
}
