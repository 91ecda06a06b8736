// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Registers of the processor and of the interrupt tree.

use kernel::{
    io::Io,
    pci,
    prelude::*, //
};

/// The size of BAR 0.
pub(crate) const END: usize = 0x100_0000;

const IRQSCLR: usize = 0x11_0004;
const IRQSTAT: usize = 0x11_0008;
pub(crate) const MAILBOX0: usize = 0x11_0040;
pub(crate) const MAILBOX1: usize = 0x11_0044;
const CPUCTL: usize = 0x11_0100;
const CPUCTL_START: u32 = 1 << 1;
const ENGINE: usize = 0x11_03c0;
const ENGINE_RESET: u32 = 1;
const QUEUE_HEAD: usize = 0x11_0c00;
/// The other pointers of v2: commands read, messages written, messages read.
const QUEUE_TAIL: usize = 0x11_0c04;
const MSGQ_HEAD: usize = 0x11_0c80;
const MSGQ_TAIL: usize = 0x11_0c84;
const IRQ_HALT: u32 = 1 << 4;
const IRQ_SWGEN0: u32 = 1 << 6;

/// The processor's vector, 155, is bit 27 of leaf 4, which is below bit 2 of the top.
const LEAF: usize = 0xb8_1000 + 4 * 4;
const LEAF_SET: usize = 0xb8_1200 + 4 * 4;
const LEAF_CLEAR: usize = 0xb8_1400 + 4 * 4;
const LEAF_GSP: u32 = 1 << 27;
const TOP_SET: usize = 0xb8_1608;
const TOP_CLEAR: usize = 0xb8_1610;
const TOP_GSP: u32 = 1 << 2;
const REARM: usize = 0x8_8704;

/// The interrupt of channels, 4, is bit 4 of leaf 0, which is below bit 0 of the top. Inferred, as
/// the emulator's: hardware has one for each engine, and the firmware a table of them.
const LEAF_0: usize = 0xb8_1000;
const LEAF_0_SET: usize = 0xb8_1200;
const LEAF_0_CLEAR: usize = 0xb8_1400;
const LEAF_CHANNELS: u32 = 1 << 4;
const TOP_CHANNELS: u32 = 1 << 0;
/// The doorbell of channels.
const CHANNEL_DOORBELL: usize = 0xbb_0090;

/// The sources that have raised an interrupt.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raised {
    /// The processor: there are messages, or it has halted.
    pub(crate) messages: bool,
    pub(crate) halt: bool,
    /// Channels have something done.
    pub(crate) channels: bool,
}

/// The registers.
pub(crate) struct Registers(pub(crate) pci::DevresBar<END>);

impl Registers {
    fn with<R>(&self, f: impl FnOnce(&pci::Bar<'_, END>) -> R) -> Result<R> {
        self.0.try_access_with(|bar| f(bar)).ok_or(ENODEV)
    }

    /// Takes an interrupt back, and returns what has raised it.
    pub(crate) fn acknowledge(&self) -> Raised {
        let raised = self.with(|bar| {
            let mut raised = Raised {
                messages: bar.read32(LEAF) & LEAF_GSP != 0,
                channels: bar.read32(LEAF_0) & LEAF_CHANNELS != 0,
                halt: false,
            };
            // An edge that comes after these raises the vector again.
            if raised.channels {
                bar.write32(LEAF_CHANNELS, LEAF_0);
            }
            if raised.messages {
                bar.write32(LEAF_GSP, LEAF);
                let bits = bar.read32(IRQSTAT);
                bar.write32(bits & (IRQ_SWGEN0 | IRQ_HALT), IRQSCLR);
                raised.halt = bits & IRQ_HALT != 0;
            }
            if raised.messages || raised.channels {
                // The writes are posted: without a read they may arrive after messages and
                // semaphores were looked at, and take back the edge of one that came meanwhile.
                let _flushed = bar.read32(LEAF);
                bar.write32(0, REARM);
            }
            raised
        });
        raised.unwrap_or_default()
    }

    /// Lets interrupts through, or not.
    pub(crate) fn enable(&self, on: bool) -> Result {
        self.with(|bar| {
            if on {
                bar.write32(IRQ_SWGEN0 | IRQ_HALT, IRQSCLR);
                bar.write32(LEAF_GSP, LEAF);
                bar.write32(LEAF_CHANNELS, LEAF_0);
                bar.write32(TOP_GSP | TOP_CHANNELS, TOP_SET);
                bar.write32(LEAF_GSP, LEAF_SET);
                bar.write32(LEAF_CHANNELS, LEAF_0_SET);
                bar.write32(0, REARM);
            } else {
                bar.write32(LEAF_GSP, LEAF_CLEAR);
                bar.write32(LEAF_CHANNELS, LEAF_0_CLEAR);
                bar.write32(TOP_GSP | TOP_CHANNELS, TOP_CLEAR);
            }
        })
    }

    /// Resets the processor: it accesses no memory from here on.
    pub(crate) fn reset(&self) -> Result {
        self.with(|bar| {
            bar.write32(ENGINE_RESET, ENGINE);
            // The write has arrived once this is read.
            let _ = bar.read32(ENGINE);
            bar.write32(0, ENGINE);
            let _ = bar.read32(ENGINE);
        })
    }

    /// Starts the processor with the table of memory regions at `table`.
    pub(crate) fn start(&self, table: u64) -> Result {
        self.with(|bar| {
            bar.write32(table as u32, MAILBOX0);
            bar.write32((table >> 32) as u32, MAILBOX1);
            bar.write32(CPUCTL_START, CPUCTL);
        })
    }

    /// Says that a channel has more to do.
    pub(crate) fn ring_channel(&self, token: u32) -> Result {
        self.with(|bar| bar.write32(token, CHANNEL_DOORBELL))
    }

    /// Waits until all that was written has arrived: writes are posted.
    pub(crate) fn flush(&self) -> Result {
        self.with(|bar| {
            let _flushed = bar.read32(LEAF_0);
        })
    }

    /// Says that there are commands, up to there.
    pub(crate) fn ring(&self, written: u32) -> Result {
        self.with(|bar| bar.write32(written, QUEUE_HEAD))
    }

    /// Returns how far the processor has read commands, with v2.
    pub(crate) fn commands_read(&self) -> Result<u32> {
        self.with(|bar| bar.read32(QUEUE_TAIL))
    }

    /// Returns how far it has written messages.
    pub(crate) fn messages_written(&self) -> Result<u32> {
        self.with(|bar| bar.read32(MSGQ_HEAD))
    }

    /// Says how far the driver has read them.
    pub(crate) fn set_messages_read(&self, read: u32) -> Result {
        self.with(|bar| bar.write32(read, MSGQ_TAIL))
    }

    /// Reads a mailbox.
    pub(crate) fn mailbox(&self, register: usize) -> Result<u32> {
        self.with(|bar| match register {
            MAILBOX0 => Ok(bar.read32(MAILBOX0)),
            MAILBOX1 => Ok(bar.read32(MAILBOX1)),
            _ => Err(EPERM),
        })?
    }

    /// Writes a mailbox.
    pub(crate) fn set_mailbox(&self, register: usize, value: u32) -> Result {
        self.with(|bar| {
            match register {
                MAILBOX0 => bar.write32(value, MAILBOX0),
                MAILBOX1 => bar.write32(value, MAILBOX1),
                _ => return Err(EPERM),
            }
            Ok(())
        })?
    }
}
