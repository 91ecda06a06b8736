// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Operations: what clients ask the engines for.

use crate::{
    edu::{
        regs,
        Edu,
        LIMIT,
        SIZE, //
    },
    engine::Operation, //
};
use kasync::{
    consume_budget,
    time::timeout, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::Coherent,
    io::Io,
    prelude::*, //
};

/// A factorial.
pub(crate) struct Factorial {
    pub(crate) of: u32,
    pub(crate) is: u32,
}

impl Operation for Factorial {
    async fn run(&mut self, edu: &Edu) -> Result {
        edu.with(|bar| {
            bar.write32(regs::STATUS_RAISE, regs::STATUS);
            bar.write32(self.of, regs::FACTORIAL);
        })?;
        timeout(LIMIT, edu.computed.notified())
            .await
            .map_err(|_| ETIME)?;
        self.is = edu.with(|bar| bar.read32(regs::FACTORIAL))?;
        Ok(())
    }
}

/// A copy of the first half of some memory to the device, and from there to the second half.
pub(crate) struct RoundTrip {
    memory: Coherent<[u8]>,
    in_flight: bool,
}

impl RoundTrip {
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
        Ok(Self {
            memory,
            in_flight: false,
        })
    }

    /// Returns whether both halves are alike. To compare them takes a while, so other tasks have
    /// their turn in between.
    pub(crate) async fn is_copied(&self) -> bool {
        // SAFETY: A client has the request only before or after the device has had it.
        let (from, to) = unsafe { self.memory.as_ref() }.split_at(SIZE);
        for (from, to) in from.chunks(256).zip(to.chunks(256)) {
            if from != to {
                return false;
            }
            consume_budget().await;
        }
        true
    }
}

impl Operation for RoundTrip {
    async fn run(&mut self, edu: &Edu) -> Result {
        let from = u32::try_from(self.memory.dma_address())?;
        let device = regs::DEVICE_MEMORY;
        self.in_flight = true;
        // SAFETY: The memory is this operation's, which the engine's task keeps until then.
        let mut result = unsafe { edu.transfer(from, device, 0) }.await;
        if result.is_ok() {
            let to = from + SIZE as u32;
            // SAFETY: The memory is this operation's, which the engine's task keeps until then.
            result = unsafe { edu.transfer(device, to, regs::DMA_TO_MEMORY) }.await;
        }
        self.in_flight = result == Err(ETIME);
        result
    }
}

impl Drop for RoundTrip {
    fn drop(&mut self) {
        if self.in_flight {
            pr_err!("not ok memory goes that the device has\n");
        }
    }
}
