// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0521,lifetime

//! A lock does not outlive its closure, so it cannot be forgotten.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f(resv: Resv<'_>) -> Result {
    let mut kept = None;
    resv.with_locked(|locked| {
        kept = Some(locked);
        Ok(())
    })
}
