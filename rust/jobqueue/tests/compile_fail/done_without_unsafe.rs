// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0133

//! Only code that vouches for the hardware says that a job is over.

use jobqueue::HwDone;
use jobqueue::Timeline;

/// Says that the oldest job in flight is over.
pub fn done(timeline: Timeline) -> HwDone {
    HwDone::new(timeline, Ok(()))
}
