// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Driver for the Apple AGX GPU.

mod alloc;
mod bind;
mod collector;
mod deferred_drop;
mod device;
#[path = "hw/devices.rs"]
mod devices;
mod domain;
mod driver;
mod ffi;
mod file;
mod firmware;
mod gem;
mod gpu;
mod handles;
mod hw;
mod ioctl;
mod job;
mod mmu;
mod queue;
mod quota;
mod regs;
mod shutdown;
mod slots;
mod small_vec;
mod suspend;
mod timestamps;
mod uapi;
mod vm;

kernel::module_platform_driver! {
    type: driver::AsahiDriver,
    name: "asahi",
    authors: ["The asahi-async authors"],
    description: "Apple AGX GPU driver",
    license: "Dual MIT/GPL",
}
