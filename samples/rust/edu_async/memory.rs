// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory that the device copies from and to.

use crate::edu::SIZE;
use kasync::consume_budget;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::Coherent,
    prelude::*, //
};

/// Memory for a copy to the device, and for the copy that comes back.
///
/// # Invariants
///
/// The device does not access it, unless it is in flight: then there is no reference to it.
pub(crate) struct Memory(Coherent<[u8]>);

impl Memory {
    /// Returns memory whose first half has a pattern.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(device: &Device<Bound>, seed: u8) -> Result<Self> {
        let memory = Coherent::<u8>::zeroed_slice(device, 2 * SIZE, GFP_KERNEL)?;
        // SAFETY: The device does not know of the memory yet.
        let bytes = unsafe { memory.as_mut() };
        for (i, byte) in bytes[..SIZE].iter_mut().enumerate() {
            *byte = (i as u8).wrapping_mul(31).wrapping_add(seed);
        }
        // INVARIANT: Nor will it but through `Engine::run`, which takes the memory by value.
        Ok(Self(memory))
    }

    /// Returns the addresses of both halves, as the device knows them.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if the device has no such addresses.
    pub(crate) fn halves(&self) -> Result<(u32, u32)> {
        let first = u32::try_from(self.0.dma_address())?;
        let second = first.checked_add(SIZE as u32).ok_or(EOVERFLOW)?;
        Ok((first, second))
    }

    /// Returns whether both halves are alike. To compare them takes a while, so other tasks have
    /// their turn in between.
    pub(crate) async fn is_copied(&self) -> bool {
        // SAFETY: There is a reference, so the device does not access it by the type invariants.
        let (from, to) = unsafe { self.0.as_ref() }.split_at(SIZE);
        for (from, to) in from.chunks(256).zip(to.chunks(256)) {
            if from != to {
                return false;
            }
            consume_budget().await;
        }
        true
    }
}
