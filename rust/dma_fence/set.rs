// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sets of fences.
//!
//! How a set is collected from what userspace names is in [`collect`](crate::collect), how it is
//! waited for in [`all`](crate::all).

use crate::{
    all::{
        Entry,
        WaitAll, //
    },
    entries::Entries,
    fence::{
        ARef,
        Fence, //
    },
    wait::annotate, //
};
use core::{
    mem::ManuallyDrop,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::time::Delta;
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// The fences of a set. One poll adds at most 256 callbacks.
pub(crate) type All = WaitAll<ARef<Fence>, Entries<Entry<ARef<Fence>>>, 256>;

/// No deadline.
const NEVER: i64 = i64::MAX;

/// Fences of any drivers, all of which are waited for.
///
/// A set without any takes no memory.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | `poll_all`, drop | yes | yes | no |
/// | `set_deadline`, `test_signaled`, `iter`, `len`, `is_empty`, `is_polled` | yes | yes | yes |
///
/// # Examples
///
/// ```
/// # use dma_fence::{Fence, FenceSet};
/// # use kasync::time::Delta;
/// # use kernel::{prelude::*, sync::aref::ARef};
/// # use core::future::poll_fn;
/// # pub async fn wait(fences: KVVec<ARef<Fence>>) -> Result {
/// let mut set = FenceSet::new(fences, None)?;        // allocates all that it takes
/// set.set_deadline(Delta::from_millis(16));          // drivers may raise their clocks
/// poll_fn(|cx| set.poll_all(cx)).await               // one wake, however many fences
/// # }
/// ```
#[derive(Default)]
pub struct FenceSet(ManuallyDrop<Option<Pin<KBox<Inner>>>>);

#[pin_data]
pub(crate) struct Inner {
    #[pin]
    all: All,
    /// The last deadline that was passed on, in nanoseconds of the monotonic clock.
    deadline: Atomic<i64>,
    /// How many leaves were looked at when the set was collected.
    visited: usize,
}

impl Inner {
    #[inline(always)]
    pub(crate) fn new(all: All, visited: usize) -> Self {
        Self {
            all,
            deadline: Atomic::new(NEVER),
            visited,
        }
    }

    /// Returns the first error of the fences, which have signalled.
    fn result(&self) -> Result {
        let reporting = self.all.entries().iter().filter(|e| e.reports);
        reporting
            .filter_map(|e| e.fence.result())
            .fold(Ok(()), Result::and)
    }

    fn deadline_is_news(&self, now: i64, deadline: i64) -> bool {
        let last = self.deadline.load(Relaxed);
        let (left, left_before) = (deadline.saturating_sub(now), last.saturating_sub(now));
        last == NEVER || (deadline < last && left <= left_before - left_before / 4)
    }
}

impl FenceSet {
    pub(crate) fn of(inner: KBox<Inner>) -> Self {
        Self(ManuallyDrop::new(Some(inner.into())))
    }

    /// Drops the fences. The set is empty then.
    #[cold]
    fn clear(&mut self) {
        drop(self.0.take());
    }

    /// Has the drivers of the fences know that these are wanted `within` that time.
    ///
    /// A deadline that is later than the last one, or hardly earlier, is not passed on: it has to
    /// leave less than three quarters of the time that was left. So the number of calls that a
    /// fence gets is bounded, however often userspace asks.
    pub fn set_deadline(&self, within: Delta) {
        let Some(inner) = &*self.0 else {
            return;
        };
        // SAFETY: `ktime_get()` may be called from any context.
        let now = unsafe { bindings::ktime_get() };
        let deadline = now.saturating_add(within.as_nanos());
        if inner.deadline_is_news(now, deadline) {
            inner.deadline.store(deadline, Relaxed);
            self.iter()
                .filter(|fence| !fence.test_signaled_flag())
                .for_each(|fence| fence.set_deadline_at(deadline));
        }
    }

    /// Returns the number of fences.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.all.entries().len())
    }

    /// Returns the fences.
    pub fn iter(&self) -> impl Iterator<Item = &Fence> {
        let inner = self.0.iter();
        inner
            .flat_map(|inner| inner.all.entries())
            .map(|entry| &*entry.fence)
    }

    /// Returns whether the set was polled before.
    pub fn is_polled(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.all.is_polled())
    }

    /// Returns whether there is nothing to wait for.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns whether all of the fences have signalled.
    ///
    /// What was written before they were signalled is visible then.
    pub fn test_signaled(&self) -> bool {
        self.iter().all(|fence| fence.result().is_some())
    }

    /// Returns how many leaves of containers, and other fences, were looked at to collect the set.
    #[doc(hidden)]
    pub fn visited(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.visited)
    }

    /// Polls until all have signalled. The task of `cx` is woken once, when they have.
    ///
    /// Once this was ready the set is empty.
    ///
    /// # Errors
    ///
    /// The first error of a fence, in the order in which they were given.
    #[inline]
    pub fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result> {
        if self.0.is_none() {
            return Poll::Ready(Ok(()));
        }
        self.poll_some(cx)
    }

    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<Result> {
        let Some(inner) = &mut *self.0 else {
            return Poll::Ready(Ok(()));
        };
        if inner.as_mut().project().all.poll(cx).is_pending() {
            annotate(cx);
            return Poll::Pending;
        }
        let result = inner.result();
        self.clear();
        Poll::Ready(result)
    }
}

impl Drop for FenceSet {
    /// Drops the fences.
    ///
    /// Most sets are empty, and each job drops some: so what drops the fences is out of line.
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_empty() {
            self.clear();
        }
    }
}
