// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0133

//! Only code that vouches for the hardware says that it has stopped.

use jobqueue::RingStopped;
use jobqueue::Timeline;
use jobqueue::TimeoutAction;

/// Says that the ring has stopped.
pub fn stop(timeline: Timeline) -> TimeoutAction {
    TimeoutAction::Stopped(RingStopped::new(timeline))
}
