// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sets of fences.
//!
//! [`collect`](crate::collect) builds a set, and [`all`](crate::all) waits for its fences.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

use crate::{
    all::{
        Entry,
        WaitAll, //
    },
    entries::{
        Finished,
        Values, //
    },
    fence::{
        ARef,
        Fence, //
    },
    module_ref::ModuleRef,
    wait::annotate, //
};
use core::{
    mem::ManuallyDrop,
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

/// The fences of a set.
pub(crate) type All = WaitAll<ARef<Fence>, Values<Entry<ARef<Fence>>>, { FenceSet::AT_ONCE }>;

/// The value of [`Inner::deadline`] without a deadline.
const NEVER: i64 = i64::MAX;

/// A set of fences of any drivers, for waiting for all of them.
///
/// An empty set needs no allocation, and others are one block of memory. If a set is forgotten
/// while it waits, the module of this crate stays loaded for ever (H29).
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
/// let mut set = FenceSet::new(fences, None)?;        // nothing is allocated later
/// set.set_deadline(Delta::from_millis(16));          // drivers may raise their clocks
/// poll_fn(|cx| set.poll_all(cx)).await               // one wake, however many fences
/// # }
/// ```
#[derive(Default)]
pub struct FenceSet(ManuallyDrop<Option<Finished<Inner>>>);

/// The state of a set that has fences.
#[pin_data]
pub(crate) struct Inner {
    #[pin]
    all: All,
    /// The last deadline that was passed on, in nanoseconds of the monotonic clock.
    deadline: Atomic<i64>,
    /// The number of fences and leaves from which the set was built.
    visited: usize,
    /// There while callbacks may be on fences. Dropped after `all`, which removes them.
    module: Option<ModuleRef>,
}

impl Inner {
    #[inline(always)]
    pub(crate) fn new(all: All, visited: usize) -> Self {
        Self {
            all,
            deadline: Atomic::new(NEVER),
            visited,
            module: None,
        }
    }

    /// Returns the first error of the fences, or `None` if one has not signalled.
    ///
    /// After `Some`, the caller sees all that was written before the fences were signalled.
    fn result(&self) -> Option<Result> {
        let mut first = Ok(());
        for entry in self.all.entries() {
            let result = entry.fence.result()?;
            if entry.reports && first.is_ok() {
                first = result;
            }
        }
        Some(first)
    }

    /// Returns whether `deadline` is so much earlier than the last one that it is passed on.
    fn deadline_is_news(&self, now: i64, deadline: i64) -> bool {
        let last = self.deadline.load(Relaxed);
        let (left, left_before) = (deadline.saturating_sub(now), last.saturating_sub(now));
        last == NEVER || (deadline < last && left <= left_before - left_before / 4)
    }
}

impl FenceSet {
    /// The number of callbacks that one poll adds at most.
    ///
    /// The first poll also looks at the flag of each fence, and the last one drops all fences. That
    /// is not bounded by this, so code with preemption disabled polls no larger set.
    pub const AT_ONCE: usize = 256;

    /// Returns the set with the state `inner`.
    pub(crate) fn of(inner: Finished<Inner>) -> Self {
        Self(ManuallyDrop::new(Some(inner)))
    }

    /// Drops the fences. The set is empty afterwards.
    #[inline(always)]
    fn clear(&mut self) {
        if let Some(inner) = self.0.take() {
            drop_fences(inner);
        }
    }

    /// Tells the drivers of the fences that these are needed `within` a time. This is a hint.
    ///
    /// A deadline is passed on only if it leaves at most three quarters of the time that the last
    /// one leaves. So the number of calls for each fence is bounded, however often userspace sets a
    /// deadline.
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

    /// Returns whether the set has no fences.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns whether all of the fences have signalled.
    ///
    /// If they have, the caller sees all that was written before they were signalled.
    pub fn test_signaled(&self) -> bool {
        self.iter().all(|fence| fence.result().is_some())
    }

    /// Returns the number of fences and leaves of containers from which the set was built.
    #[doc(hidden)]
    pub fn visited(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.visited)
    }

    /// Polls for all fences to have signalled. The task of `cx` is woken once, when they have.
    ///
    /// The set is empty after this was ready.
    ///
    /// # Errors
    ///
    /// The first error of a fence, in the order of the list that the set was built from.
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
        // The common case: all have signalled while the jobs before this one ran.
        let mut result = match inner.all.is_polled() {
            true => None,
            false => inner.result(),
        };
        if result.is_none() {
            let waits = inner.as_mut().project();
            if waits.all.poll(cx).is_pending() {
                waits.module.get_or_insert_with(ModuleRef::new);
                annotate(cx);
                return Poll::Pending;
            }
            result = inner.result();
        }
        self.clear();
        // All have signalled, so there is a result.
        Poll::Ready(result.unwrap_or(Ok(())))
    }
}

impl Drop for FenceSet {
    #[inline(always)]
    fn drop(&mut self) {
        self.clear();
    }
}

/// Drops the fences of a set. Out of line, since most sets are empty, and by value, so that those
/// need not be in memory.
#[cold]
#[inline(never)]
fn drop_fences(inner: Finished<Inner>) {
    drop(inner);
}
