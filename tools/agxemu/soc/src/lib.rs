// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is around the AGX in an M1: the coprocessor that its firmware runs on, the mailbox, the
//! page tables that both use, and the boot loader that leaves memory regions and a device tree.
//!
//! ```text
//!   MMIO ──► device ──┬── asc: CPU control           guest RAM ◄── ram ◄── uat ◄── soc (Machine)
//!                     ├── asc: mailbox ◄─► coprocessor (thread) ─┬─ rtkit: the library's dialogue
//!                     └── sgx: identification, fault register    └─ Firmware of agxemu_firmware
//!   boot: overlay (fdt), blobs
//! ```
//!
//! Nothing here knows about QEMU: guest memory is handed in as file mappings or as a vector,
//! interrupts go out through the trait [`Lines`](soc::Lines).

pub mod blobs;
pub mod boot;
pub mod coprocessor;
pub mod crashlog;
pub mod device;
pub mod fdt;
pub mod handoff;
pub mod hardware;
pub mod mailbox;
pub mod misheard;
pub mod options;
pub mod overlay;
pub mod rtkit;
pub mod shadow;
pub mod soc;
pub mod uat;

pub use emulated_guest::ram;

mod book;
mod clock;
mod freed;
mod interrupts;
mod machine;
mod power;
#[cfg(test)]
mod rtkit_tests;
