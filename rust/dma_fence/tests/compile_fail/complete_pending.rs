// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0308

//! The hardware cannot have done what it was not given.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(
    signaller: &mut FenceSignaller,
    fence: PendingFence,
    done: HwDone,
    section: &SignallingSection<'_>,
) {
    signaller.complete(fence, done, section);
}
