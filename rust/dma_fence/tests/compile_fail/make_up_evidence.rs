// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0451

//! Evidence is not made up.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(timeline: Timeline) -> RingStopped {
    RingStopped { timeline }
}
