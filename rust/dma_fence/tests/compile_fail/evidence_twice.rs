// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0382

//! Evidence of one completion is for one fence.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(
    signaller: &mut FenceSignaller,
    (one, two): (InFlightFence, InFlightFence),
    done: HwDone,
    section: &SignallingSection<'_>,
) {
    signaller.complete(one, done, section);
    signaller.complete(two, done, section);
}
