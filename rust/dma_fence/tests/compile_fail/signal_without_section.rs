// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0061

//! Signalling needs the witness of a section.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(signaller: &mut FenceSignaller, fence: InFlightFence, done: HwDone) {
    signaller.complete(fence, done);
}
