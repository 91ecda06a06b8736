// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The device: its registers, its interrupt, and how it tells engines that they are done.

use kasync::{
    irq,
    next,
    sync::{
        watch,
        Notify, //
    },
    time::timeout, //
};
use kernel::{
    io::Io,
    pci,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Release, //
        },
        Arc, //
    },
    time::Delta, //
};

pub(crate) mod regs {
    //! Registers. The datasheet is QEMU's `docs/specs/edu.rst`.

    pub(crate) const FACTORIAL: usize = 0x08;
    pub(crate) const STATUS: usize = 0x20;
    pub(crate) const STATUS_RAISE: u32 = 0x80;
    pub(crate) const RAISED: usize = 0x24;
    pub(crate) const RAISED_FACTORIAL: u32 = 0x1;
    pub(crate) const RAISED_DMA: u32 = 0x100;
    pub(crate) const ACKNOWLEDGE: usize = 0x64;
    pub(crate) const DMA_SOURCE: usize = 0x80;
    pub(crate) const DMA_DESTINATION: usize = 0x88;
    pub(crate) const DMA_COUNT: usize = 0x90;
    pub(crate) const DMA_COMMAND: usize = 0x98;
    pub(crate) const DMA_START: u32 = 0x1;
    pub(crate) const DMA_TO_MEMORY: u32 = 0x2;
    pub(crate) const DMA_RAISE: u32 = 0x4;
    /// The device's own memory, as the DMA engine addresses it.
    pub(crate) const DEVICE_MEMORY: u32 = 0x40000;
    pub(crate) const END: usize = 0x100;
}

/// The size of a copy: all of the device's memory.
pub(crate) const SIZE: usize = 4096;
/// How long the device may take for an operation before it counts as dead.
pub(crate) const LIMIT: Delta = Delta::from_secs(10);

/// What the DMA engine is at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dma {
    Idle,
    Busy,
    Dead,
}

/// The device.
pub(crate) struct Edu {
    pub(crate) bar: pci::DevresBar<{ regs::END }>,
    /// What interrupts have said since the demultiplexer has looked.
    pub(crate) is_computed: Atomic<bool>,
    pub(crate) is_copied: Atomic<bool>,
    pub(crate) computed: Notify,
    pub(crate) copied: Notify,
    /// What the DMA engine is at, for all that want to know.
    pub(crate) dma: watch::Sender<Dma>,
    /// A channel without receivers keeps no value.
    pub(crate) _dma: watch::Receiver<Dma>,
    /// How many requests came back whose client had gone.
    pub(crate) unclaimed: Atomic<u32>,
}

impl Edu {
    /// Calls `f` with the registers.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is not bound any more.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&pci::Bar<'_, { regs::END }>) -> R) -> Result<R> {
        self.bar.try_access_with(|bar| f(bar)).ok_or(ENODEV)
    }

    /// Copies by DMA, and waits until the device is done.
    ///
    /// # Safety
    ///
    /// The memory must stay until this has returned something else than `ETIME`; if it is dropped
    /// before, for ever.
    pub(crate) async unsafe fn transfer(
        &self,
        source: u32,
        destination: u32,
        direction: u32,
    ) -> Result {
        let started = self.with(|bar| {
            bar.write32(source, regs::DMA_SOURCE);
            bar.write32(destination, regs::DMA_DESTINATION);
            bar.write32(SIZE as u32, regs::DMA_COUNT);
            bar.write32(
                regs::DMA_START | regs::DMA_RAISE | direction,
                regs::DMA_COMMAND,
            );
        });
        started?;
        self.is_at(Dma::Busy);
        if timeout(LIMIT, self.copied.notified()).await.is_err() {
            self.is_at(Dma::Dead);
            return Err(ETIME);
        }
        self.is_at(Dma::Idle);
        Ok(())
    }

    /// Tells what the DMA engine is at.
    pub(crate) fn is_at(&self, state: Dma) {
        // Cannot fail: there is a receiver.
        let _told = self.dma.send(state);
    }

    /// Returns whether the DMA engine works.
    pub(crate) fn is_busy(&self) -> bool {
        self.dma.subscribe().get() == Dma::Busy
    }
}

/// The device's interrupt line.
pub(crate) struct Line(pub(crate) Arc<Edu>);

impl irq::Line for Line {
    /// Runs in the interrupt: takes it back, and remembers what it was for.
    fn acknowledge(&self) -> bool {
        let raised = self.0.with(|bar| {
            let raised = bar.read32(regs::RAISED);
            bar.write32(raised, regs::ACKNOWLEDGE);
            raised
        });
        let raised = raised.unwrap_or(0);
        if raised & regs::RAISED_FACTORIAL != 0 {
            self.0.is_computed.store(true, Release);
        }
        if raised & regs::RAISED_DMA != 0 {
            self.0.is_copied.store(true, Release);
        }
        raised != 0
    }
}

/// One interrupt for two engines: a task tells them apart. It ends with the line.
pub(crate) async fn demultiplex(edu: Arc<Edu>, mut interrupts: irq::Interrupts) {
    while next(&mut interrupts).await.is_some() {
        if edu.is_computed.xchg(false, Full) {
            edu.computed.notify_one();
        }
        if edu.is_copied.xchg(false, Full) {
            edu.copied.notify_one();
        }
    }
}
