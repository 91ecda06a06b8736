// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0716,E0492

//! Names are a static, which remembers their copy.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

pub fn f() -> Result<(FenceEmitter, FenceSignaller)> {
    let names: &'static Names = &const { Names::new(c"a", c"b") };
    FenceContext::new(names)
}
