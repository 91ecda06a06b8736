// SPDX-License-Identifier: MIT OR Apache-2.0

//! What real firmware may do and this one does only if it is told so.

/// What the firmware does otherwise than in the plainest way. None of it is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Milliseconds that Initialize takes.
    pub initialize_ms: u64,
    /// Milliseconds from the event of a halt to the word that says so.
    pub halt_ms: u64,
    /// The fragment statistics are as large as in the larger of the two tables that are known, and
    /// written to.
    pub large_statistics: bool,
    /// The information words of pending stamps have bits above the event slot.
    pub stamp_bits: bool,
    /// What it writes through cached mappings is not in memory until the host has it flushed.
    pub cache: bool,
    /// The stamps of all event slots but the first one used go on from here, as they would after
    /// millions of commands. A test's: firmware does not write stamps by itself.
    pub stamps: Option<u32>,
}

/// Bits of the information word of a pending stamp above the event slot. Their meaning is not
/// known: the driver in the field masks them away.
pub const STAMP_BITS: u32 = 0x5a5 << 11;
