// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0133

//! Only code that vouches for the hardware makes evidence.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(timeline: Timeline) -> RingStopped {
    RingStopped::new(timeline)
}
