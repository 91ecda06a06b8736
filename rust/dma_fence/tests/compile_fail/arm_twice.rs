// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0382

//! A reservation is one fence.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(emitter: &mut FenceEmitter, reservation: FenceReservation) {
    let _first = emitter.arm(reservation, FenceSet::default());
    let _second = emitter.arm(reservation, FenceSet::default());
}
