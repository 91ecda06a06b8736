// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registers: the processor's, and those of the interrupt tree.

/// The size of BAR 0.
pub const SIZE: u64 = 0x100_0000;

/// The processor: interrupts to be cleared, those that are raised, mailboxes, what starts it and
/// what resets it.
pub const IRQSCLR: u64 = 0x11_0004;
pub const IRQSTAT: u64 = 0x11_0008;
pub const MAILBOX0: u64 = 0x11_0040;
pub const MAILBOX1: u64 = 0x11_0044;
pub const CPUCTL: u64 = 0x11_0100;
pub const CPUCTL_START: u32 = 1 << 1;
pub const CPUCTL_HALTED: u32 = 1 << 4;
pub const ENGINE: u64 = 0x11_03c0;
pub const ENGINE_RESET: u32 = 1;
/// The doorbell of the queue of commands. With v2 it has the driver's pointer, too.
pub const QUEUE_HEAD: u64 = 0x11_0c00;
/// The other pointers of v2: commands read, messages written, messages read.
pub const QUEUE_TAIL: u64 = 0x11_0c04;
pub const MSGQ_HEAD: u64 = 0x11_0c80;
pub const MSGQ_TAIL: u64 = 0x11_0c84;
pub const RISCV_CPUCTL: u64 = 0x11_1388;
pub const RISCV_ACTIVE: u32 = 1 << 7;

/// The doorbell of channels: which of them has more.
pub const CHANNEL_DOORBELL: u64 = 0xbb_0090;

/// The processor has halted.
pub const IRQ_HALT: u32 = 1 << 4;
/// There are messages.
pub const IRQ_SWGEN0: u32 = 1 << 6;
/// Mailbox 0: the processor is suspended.
pub const SUSPENDED: u32 = 1 << 31;

const REARM: u64 = 0x8_8704;
const LEAF: u64 = 0xb8_1000;
const LEAF_SET: u64 = 0xb8_1200;
const LEAF_CLEAR: u64 = 0xb8_1400;
const TOP_SET: u64 = 0xb8_1608;
const TOP_CLEAR: u64 = 0xb8_1610;
const LEAF_TRIGGER: u64 = 0xb8_1640;
const LEAVES: usize = 8;
/// The processor's vector.
pub const VECTOR: u32 = 155;
/// That of channels that say how far they are. Inferred: hardware has one for each engine, and the
/// firmware a table of them.
pub const CHANNEL_VECTOR: u32 = 4;

/// The interrupt tree: vectors in leaves of 32, two leaves to a bit of the top.
///
/// A vector is raised by an edge, and stays until it is cleared. A message goes to the host when
/// one is enabled and raised, and then none until the host has armed it again.
#[derive(Clone, Debug)]
pub struct Tree {
    raised: [u32; LEAVES],
    enabled: [u32; LEAVES],
    top: u32,
    armed: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            raised: [0; LEAVES],
            enabled: [0; LEAVES],
            top: 0,
            armed: true,
        }
    }
}

impl Tree {
    /// Raises a vector.
    pub fn raise(&mut self, vector: u32) {
        if let Some(leaf) = self.raised.get_mut((vector / 32) as usize) {
            *leaf |= 1 << (vector % 32);
        }
    }

    /// Whether a message goes to the host now. It is used up.
    pub fn take_message(&mut self) -> bool {
        let pending = (0..LEAVES)
            .any(|i| self.raised[i] & self.enabled[i] != 0 && self.top & (1 << (i / 2)) != 0);
        let message = pending && self.armed;
        self.armed &= !message;
        message
    }

    fn leaf(offset: u64, base: u64) -> Option<usize> {
        let at = offset.checked_sub(base)?;
        (at % 4 == 0 && at < 4 * LEAVES as u64).then_some((at / 4) as usize)
    }

    /// Reads a register of the tree, if it is one.
    pub fn read(&self, offset: u64) -> Option<u32> {
        if let Some(i) = Self::leaf(offset, LEAF) {
            return Some(self.raised[i]);
        }
        if let Some(i) = Self::leaf(offset, LEAF_SET).or(Self::leaf(offset, LEAF_CLEAR)) {
            return Some(self.enabled[i]);
        }
        matches!(offset, TOP_SET | TOP_CLEAR).then_some(self.top)
    }

    /// Writes a register of the tree. False if it is none.
    pub fn write(&mut self, offset: u64, value: u32) -> bool {
        if let Some(i) = Self::leaf(offset, LEAF) {
            self.raised[i] &= !value;
        } else if let Some(i) = Self::leaf(offset, LEAF_SET) {
            self.enabled[i] |= value;
        } else if let Some(i) = Self::leaf(offset, LEAF_CLEAR) {
            self.enabled[i] &= !value;
        } else {
            match offset {
                TOP_SET => self.top |= value,
                TOP_CLEAR => self.top &= !value,
                LEAF_TRIGGER => self.raise(value & 0xfff),
                REARM => self.armed = true,
                _ => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_and_arming() {
        let mut tree = Tree::default();
        tree.raise(VECTOR);
        assert!(!tree.take_message());
        assert!(tree.write(LEAF_SET + 16, 1 << 27) && !tree.take_message());
        assert!(tree.write(TOP_SET, 1 << 2) && tree.take_message());
        // Not twice, until it is armed; then at once, as the vector is still raised.
        assert!(!tree.take_message());
        assert!(tree.write(REARM, 0) && tree.take_message());
        assert_eq!(tree.read(LEAF + 16), Some(1 << 27));
        assert!(tree.write(LEAF + 16, 1 << 27) && tree.write(REARM, 0));
        assert!(!tree.take_message());
        assert!(tree.write(LEAF_TRIGGER, VECTOR) && tree.take_message());
        assert!(!tree.write(LEAF + 4 * LEAVES as u64, 1) && tree.read(LEAF + 2).is_none());
    }
}
