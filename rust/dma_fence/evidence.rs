// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Evidence that a fence may signal.
//!
//! A fence tells others that they may free or reuse memory, so it must not signal before the
//! hardware has let go of it. Values of the types here can only be made by code that vouches for
//! that (`unsafe`), and each belongs to one timeline: that of another one is refused.

use kernel::error::Result;

/// A timeline: the fences of one context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeline(u64);

impl Timeline {
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

/// Evidence that the hardware has done the oldest job in flight of a timeline.
///
/// # Context
///
/// Any: it is a value. `new` is where the completion is seen, in a poll as a rule.
#[must_use = "evidence is for `FenceSignaller::complete()`"]
pub struct HwDone {
    timeline: Timeline,
    result: Result,
}

impl HwDone {
    /// Vouches that the oldest job in flight is over, with this result.
    ///
    /// # Safety
    ///
    /// The hardware must have reported that it has done the oldest job in flight of `timeline`, or
    /// that it has given the job up, and not touch the job's memory any more. The evidence must be
    /// used for this job.
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
/// Any: it is a value. `new` is where the stop was acknowledged.
#[must_use = "evidence is for `FenceSignaller::fail()` and `FenceSignaller::drain_orphans()`"]
pub struct RingStopped {
    timeline: Timeline,
}

impl RingStopped {
    /// Vouches that the hardware touches nothing of the timeline's jobs any more.
    ///
    /// # Safety
    ///
    /// The hardware must have acknowledged, in the order of its completions, that it has stopped,
    /// or must be unable to ever run again. It must not be given another job of `timeline` before
    /// the value is dropped.
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
