// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Evidence that a fence may signal.
//!
//! Waiters of a fence free or reuse memory when it signals, so it must not signal before the
//! hardware has stopped accessing the memory. The types of this module are proof of that: only
//! `unsafe` functions create them. Each value belongs to one timeline, and is refused for others.

use kernel::error::Result;

/// A timeline: the fences of one context.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeline(u64);

impl Timeline {
    /// Returns the timeline with the number `context`.
    #[inline(always)]
    pub(crate) fn of(context: u64) -> Self {
        Self(context)
    }

    /// Returns the number of the timeline: `context` of `struct dma_fence`.
    #[inline(always)]
    pub fn id(self) -> u64 {
        self.0
    }
}

/// Evidence that the oldest job in flight of a timeline has completed.
///
/// # Context
///
/// Any.
#[must_use = "evidence is for `FenceSignaller::complete()`"]
pub struct HwDone {
    timeline: Timeline,
    result: Result,
}

impl HwDone {
    /// Returns evidence that the oldest job in flight has completed with `result`.
    ///
    /// # Safety
    ///
    /// The hardware must have reported that the oldest job in flight of `timeline` has completed or
    /// failed, and must not access the job's memory any more. The evidence must be used for this
    /// job.
    #[inline(always)]
    pub unsafe fn new(timeline: Timeline, result: Result) -> Self {
        Self { timeline, result }
    }

    /// Returns the timeline that the evidence is for.
    #[inline(always)]
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// Returns the result of the job.
    #[inline(always)]
    pub fn result(&self) -> Result {
        self.result
    }
}

/// Evidence that the hardware of a timeline has stopped.
///
/// # Context
///
/// Any.
#[must_use = "evidence is for `FenceSignaller::fail()` and `FenceSignaller::drain_orphans()`"]
pub struct RingStopped {
    timeline: Timeline,
}

impl RingStopped {
    /// Returns evidence that the hardware does not access memory of the timeline's jobs any more.
    ///
    /// # Safety
    ///
    /// The hardware must have acknowledged, in order with its completions, that it has stopped, or
    /// must be unable to run again. No other job of `timeline` may be submitted to it before the
    /// value is dropped.
    #[inline(always)]
    pub unsafe fn new(timeline: Timeline) -> Self {
        Self { timeline }
    }

    /// Returns the timeline that the evidence is for.
    #[inline(always)]
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }
}
