// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Driver for the Apple AGX GPU.

mod alloc;
mod driver;
mod ffi;
mod firmware;
mod gpu;
mod graveyard;
mod hw;
mod job;
mod mmu;
mod regs;

kernel::module_platform_driver! {
    type: driver::AsahiDriver,
    name: "asahi",
    authors: ["The asahi-async authors"],
    description: "Apple AGX GPU driver",
    license: "Dual MIT/GPL",
}
