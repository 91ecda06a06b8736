// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0308

//! There is one owner of a fence that has to be signalled.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(fence: &InFlightFence) -> InFlightFence {
    fence.clone()
}
