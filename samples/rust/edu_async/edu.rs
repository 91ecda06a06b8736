// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The device: its registers, what it can do, and its interrupt.

use crate::{
    engine::{
        Engine,
        LIMIT, //
    },
    memory::Memory, //
};
use kasync::{
    irq,
    next,
    sync::Semaphore,
    time::{
        sleep,
        timeout,
        Delta, //
    }, //
};
use kernel::{
    io::Io,
    pci,
    prelude::*,
    sync::Arc, //
};

pub(crate) mod regs {
    //! Registers. The datasheet is QEMU's `docs/specs/edu.rst`.

    pub(crate) const FACTORIAL: usize = 0x08;
    pub(crate) const STATUS: usize = 0x20;
    pub(crate) const STATUS_COMPUTING: u32 = 0x1;
    pub(crate) const STATUS_RAISE: u32 = 0x80;
    pub(crate) const RAISED: usize = 0x24;
    pub(crate) const RAISED_FACTORIAL: u32 = 0x1;
    pub(crate) const RAISED_DMA: u32 = 0x100;
    pub(crate) const ACKNOWLEDGE: usize = 0x64;
    pub(crate) const DMA_SOURCE: usize = 0x80;
    pub(crate) const DMA_DESTINATION: usize = 0x88;
    pub(crate) const DMA_COUNT: usize = 0x90;
    pub(crate) const DMA_COMMAND: usize = 0x98;
    /// Reads as set while the engine copies.
    pub(crate) const DMA_START: u32 = 0x1;
    pub(crate) const DMA_TO_MEMORY: u32 = 0x2;
    pub(crate) const DMA_RAISE: u32 = 0x4;
    /// The device's own memory, as the DMA engine addresses it.
    pub(crate) const DEVICE_MEMORY: u32 = 0x40000;
    pub(crate) const END: usize = 0x100;
}

/// The size of a copy: all of the device's memory.
pub(crate) const SIZE: usize = 4096;

/// The period in which a register is read which has no interrupt.
const STEP: Delta = Delta::from_millis(1);

/// The device.
pub(crate) struct Edu {
    bar: pci::DevresBar<{ regs::END }>,
    pub(crate) computing: Engine<(), u32>,
    pub(crate) copying: Engine<Memory, ()>,
    /// The turn of those that use the device's own memory.
    turn: Semaphore,
}

impl Edu {
    /// Makes the device of its registers.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(bar: pci::DevresBar<{ regs::END }>) -> Result<Self> {
        Ok(Self {
            bar,
            computing: Engine::new()?,
            copying: Engine::new()?,
            turn: Semaphore::new(1),
        })
    }

    /// Calls `f` with the registers.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is not bound any more.
    fn with<R>(&self, f: impl FnOnce(&pci::Bar<'_, { regs::END }>) -> R) -> Result<R> {
        self.bar.try_access_with(|bar| f(bar)).ok_or(ENODEV)
    }

    /// Waits until neither engine works, and takes back the interrupts for what they were at.
    ///
    /// # Errors
    ///
    /// `ETIME` if one does not end, `ENODEV` if the device is not bound any more.
    pub(crate) async fn wait_idle(&self) -> Result {
        let works = || {
            self.with(|bar| {
                bar.read32(regs::DMA_COMMAND) & regs::DMA_START != 0
                    || bar.read32(regs::STATUS) & regs::STATUS_COMPUTING != 0
            })
        };
        // The device may have been told to raise no interrupt.
        let ended = timeout(LIMIT, async {
            while works()? {
                sleep(STEP).await;
            }
            Ok::<_, Error>(())
        });
        ended.await.map_err(|_| ETIME)??;
        self.with(|bar| bar.write32(bar.read32(regs::RAISED), regs::ACKNOWLEDGE))
    }

    /// Computes a factorial.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::run`].
    pub(crate) async fn factorial(&self, of: u32) -> Result<u32> {
        let start = || {
            self.with(|bar| {
                bar.write32(regs::STATUS_RAISE, regs::STATUS);
                bar.write32(of, regs::FACTORIAL);
            })
        };
        let ((), factorial) = self.computing.run((), start).await?;
        Ok(factorial)
    }

    /// Copies all of the device's memory from or to `memory`.
    async fn copy(&self, memory: Memory, from: u32, to: u32, direction: u32) -> Result<Memory> {
        let start = || {
            self.with(|bar| {
                bar.write32(from, regs::DMA_SOURCE);
                bar.write32(to, regs::DMA_DESTINATION);
                bar.write32(SIZE as u32, regs::DMA_COUNT);
                bar.write32(
                    regs::DMA_START | regs::DMA_RAISE | direction,
                    regs::DMA_COMMAND,
                );
            })
        };
        let (memory, ()) = self.copying.run(memory, start).await?;
        Ok(memory)
    }

    /// Copies the first half of `memory` to the device, and from there to the second half.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::run`] and of [`Memory::halves`].
    pub(crate) async fn round_trip(&self, memory: Memory) -> Result<Memory> {
        // Nobody else's copy comes between the two.
        let _turn = self.turn.acquire(1).await;
        let (first, second) = memory.halves()?;
        let memory = self.copy(memory, first, regs::DEVICE_MEMORY, 0).await?;
        self.copy(memory, regs::DEVICE_MEMORY, second, regs::DMA_TO_MEMORY)
            .await
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
            self.0.computing.raise();
        }
        if raised & regs::RAISED_DMA != 0 {
            self.0.copying.raise();
        }
        raised != 0
    }
}

/// One interrupt for two engines: a task tells them apart. It ends with the line.
pub(crate) async fn demultiplex(edu: Arc<Edu>, mut interrupts: irq::Interrupts) {
    while next(&mut interrupts).await.is_some() {
        edu.computing
            .end(|| edu.with(|bar| bar.read32(regs::FACTORIAL)).unwrap_or(0));
        edu.copying.end(|| ());
    }
}
