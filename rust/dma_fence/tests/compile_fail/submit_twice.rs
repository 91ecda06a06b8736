// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0382

//! A job is submitted once.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(fence: PendingFence) {
    let _one = fence.submitted();
    let _two = fence.submitted();
}
