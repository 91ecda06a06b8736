// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0308

//! A fence whose work the hardware has cannot be cancelled.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(signaller: &mut FenceSignaller, fence: InFlightFence, section: &SignallingSection<'_>) {
    signaller.cancel(fence, section, ECANCELED);
}
