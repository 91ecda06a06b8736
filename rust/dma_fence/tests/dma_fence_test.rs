// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! KUnit tests of own fences, containers, sets and sync objects.
//!
//! Loading the module runs them; results are in the log and in debugfs,
//! `kunit/dma_fence_*/results`.

#[macro_use]
#[path = "../../kasync/tests/kernel/check.rs"]
mod check;

mod collect;
mod containers;
mod mocks;
mod own;
mod share;

use kernel::prelude::*;

struct DmaFenceTest;

module! {
    type: DmaFenceTest,
    name: "dma_fence_test",
    authors: ["The asahi-async authors"],
    description: "Tests of fences",
    license: "Dual MIT/GPL",
}

impl kernel::Module for DmaFenceTest {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}
