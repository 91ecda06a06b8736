// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0382

//! A fence signals once.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(
    signaller: &mut FenceSignaller,
    fence: InFlightFence,
    (one, two): (HwDone, HwDone),
    section: &SignallingSection<'_>,
) {
    signaller.complete(fence, one, section);
    signaller.complete(fence, two, section);
}
