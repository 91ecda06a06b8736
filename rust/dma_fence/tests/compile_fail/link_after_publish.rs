// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0382

//! A node of a chain is used once.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(node: ChainNode, fence: &Fence, object: &SyncObj) -> Result {
    object.add_point(node, fence, 1)?;
    object.add_point(node, fence, 2)
}
