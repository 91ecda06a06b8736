// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0382

//! A sync file is installed once.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(file: SyncFile, fence: &Fence) {
    file.install(fence);
    file.install(fence);
}
