// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0507

//! The dependencies of a pending fence are not taken out.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(fence: &PendingFence) -> FenceSet {
    *fence.dependencies()
}
