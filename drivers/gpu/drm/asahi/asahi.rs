// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Driver for the Apple AGX GPU.

mod alloc;
mod ffi;
mod firmware;
mod hw;
mod mmu;
mod regs;

use kernel::prelude::*;

struct Asahi;

module! {
    type: Asahi,
    name: "asahi",
    authors: ["The asahi-async authors"],
    description: "Apple AGX GPU driver",
    license: "Dual MIT/GPL",
}

impl kernel::Module for Asahi {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("{}\n", jobqueue::answer_jobqueue());
        Ok(Asahi)
    }
}
