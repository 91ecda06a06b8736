// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ lifetime

//! A slot belongs to the object that it was reserved in, while that is locked.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(resv: Resv<'_>) -> Result<[Slot<'_>; 1]> {
    resv.with_locked(|locked| locked.reserve_fences())
}
