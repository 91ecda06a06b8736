// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an emulated device has of the guest: its RAM, and interrupt lines to it.

pub mod backing;
pub mod ram;

/// Address of something outside the RAM of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutsideRam(pub u64);

/// Interrupt lines to the host.
pub trait Lines: Send + Sync {
    /// An edge on `vector`.
    fn pulse(&self, vector: u32);
}
