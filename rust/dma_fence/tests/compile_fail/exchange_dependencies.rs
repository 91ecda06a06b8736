// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0308

//! The dependencies of a pending fence are not exchanged.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(fence: &mut PendingFence) -> FenceSet {
    core::mem::take(fence.dependencies_mut())
}
