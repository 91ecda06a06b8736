// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Stand-ins for what `dma_fence` is about to have.

use kernel::prelude::*;

/// The timeline of a fence context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeline(u64);

impl Timeline {
    pub(crate) fn of(context: u64) -> Self {
        Self(context)
    }
}

/// Evidence that the hardware has finished the oldest job in flight.
pub struct HwDone {
    pub(crate) timeline: Timeline,
    pub(crate) result: Result,
}

impl HwDone {
    /// # Safety
    ///
    /// The hardware has reported that the oldest job in flight of the timeline is over.
    pub unsafe fn new(timeline: Timeline, result: Result) -> Self {
        Self { timeline, result }
    }
}

/// Evidence that the hardware of a timeline has stopped.
pub struct RingStopped {
    pub(crate) timeline: Timeline,
}

impl RingStopped {
    /// # Safety
    ///
    /// The hardware has acknowledged that it has stopped, or can never run again.
    pub unsafe fn new(timeline: Timeline) -> Self {
        Self { timeline }
    }
}
