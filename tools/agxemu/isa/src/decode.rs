// SPDX-License-Identifier: MIT OR Apache-2.0

//! From bytes to a table entry.

use crate::table::{Bits, Entry, TABLE};

/// The longest instruction, in bytes.
pub const MAX_LENGTH: usize = 12;

/// Why bytes are no instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No entry of the table matches.
    Unknown,
    /// An entry matches, but needs this many bytes.
    Truncated(usize),
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown instruction"),
            Self::Truncated(need) => write!(f, "instruction needs {need} bytes"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A decoded instruction.
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    pub entry: &'static Entry,
    /// Bytes that the instruction takes.
    pub length: usize,
    /// The bytes, little endian; zero from `length` on.
    pub word: u128,
}

fn range(word: u128, (low, high): Bits) -> u64 {
    ((word >> low) & ((1 << (high - low + 1)) - 1)) as u64
}

/// Joins ranges of bits, the first the least significant.
pub fn gather(word: u128, ranges: &[Bits]) -> u64 {
    let mut at = 0;
    let mut value = 0;
    for &bits in ranges {
        value |= range(word, bits) << at;
        at += bits.1 - bits.0 + 1;
    }
    value
}

impl Instruction {
    /// Returns the value of a field; zero when the entry has none of this name.
    pub fn field(&self, name: &str) -> u64 {
        let field = self.entry.fields.iter().find(|f| f.name == name);
        field.map_or(0, |f| gather(self.word, f.bits))
    }

    /// Returns the raw bits of operand `index` of the entry.
    ///
    /// # Panics
    ///
    /// If the entry has no such operand.
    pub fn operand(&self, index: usize) -> u64 {
        gather(self.word, self.entry.operands[index].bits)
    }
}

/// Decodes the instruction that `bytes` starts with.
///
/// # Errors
///
/// When no entry matches, or when one does but `bytes` ends before the instruction.
pub fn decode(bytes: &[u8]) -> Result<Instruction, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Unknown);
    }
    let mut raw = [0; 16];
    let have = bytes.len().min(MAX_LENGTH);
    raw[..have].copy_from_slice(&bytes[..have]);
    let raw = u128::from_le_bytes(raw);
    for entry in TABLE {
        let long = (raw >> entry.long_bit) & 1 == 1;
        let length = usize::from(if long { entry.long } else { entry.short });
        let word = raw & ((1 << (length * 8)) - 1);
        let hit = |&(low, high, value)| range(word, (low, high)) == value;
        if entry.pattern.iter().all(hit) {
            if length > have {
                return Err(DecodeError::Truncated(length));
            }
            return Ok(Instruction {
                entry,
                length,
                word,
            });
        }
    }
    Err(DecodeError::Unknown)
}
