// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0599

//! Evidence is not copied.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(stopped: RingStopped) -> RingStopped {
    stopped.clone()
}
