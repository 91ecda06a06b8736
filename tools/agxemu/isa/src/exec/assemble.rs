// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds instructions out of operands, for tests and benchmarks.
//!
//! # Examples
//!
//! ```
//! use agx_isa::exec::assemble::{dalu, imm, word, Builder};
//! use agx_isa::table::Op;
//!
//! // r1 = r2 & 31
//! let code = Builder::new(Op::Bitop)
//!     .operands(&[dalu(2, true), word(2), imm(31)])
//!     .field("tt", 8)
//!     .bytes();
//! assert_eq!(agx_isa::decode(&code).unwrap().length, code.len());
//! ```

use crate::table::{Bits, Entry, Op, TABLE};

/// An instruction in the making.
#[derive(Clone, Copy)]
pub struct Builder {
    entry: &'static Entry,
    word: u128,
}

fn scatter(mut value: u64, ranges: &[Bits]) -> u128 {
    let mut word = 0;
    for &(low, high) in ranges {
        let width = high - low + 1;
        word |= u128::from(value & ((1 << width) - 1)) << low;
        value >>= width;
    }
    assert_eq!(value, 0, "value too large");
    word
}

impl Builder {
    /// Returns the long form of an instruction, operands and fields zero.
    ///
    /// # Panics
    ///
    /// If the table has no such instruction.
    pub fn new(op: Op) -> Self {
        let entry = TABLE.iter().find(|entry| entry.op == op).expect("an entry");
        let mut word = 0;
        for &(low, _, value) in entry.pattern {
            word |= u128::from(value) << low;
        }
        if entry.long != entry.short {
            word |= 1 << entry.long_bit;
        }
        Self { entry, word }
    }

    /// Sets operands, by their raw bits, from the first on.
    ///
    /// # Panics
    ///
    /// If there are more than the instruction has, or one is too large.
    pub fn operands(mut self, operands: &[u64]) -> Self {
        assert!(operands.len() <= self.entry.operands.len());
        for (operand, &value) in self.entry.operands.iter().zip(operands) {
            self.word |= scatter(value, operand.bits);
        }
        self
    }

    /// Sets a field.
    ///
    /// # Panics
    ///
    /// If the instruction has no such field, or the value is too large.
    pub fn field(mut self, name: &str, value: u64) -> Self {
        let mut fields = self.entry.fields.iter();
        let field = fields.find(|f| f.name == name).expect("a field");
        self.word |= scatter(value, field.bits);
        self
    }

    /// Returns the bytes.
    pub fn bytes(self) -> Vec<u8> {
        let long = self.word >> self.entry.long_bit & 1 == 1;
        let length = if long {
            self.entry.long
        } else {
            self.entry.short
        };
        self.word.to_le_bytes()[..length.into()].to_vec()
    }
}

/// Returns the destination of 16 or 32 bits, by half.
pub fn dalu(half: u64, wide: bool) -> u64 {
    u64::from(wide) << 1 | half << 2
}

/// Returns the destination of a sum: 16 (0), 32 (1) or 64 (2) bits, by half.
pub fn dalu64(half: u64, size: u64) -> u64 {
    match size {
        0 => half << 2,
        1 => 0b010 | half / 2 << 3,
        _ => 0b110 | half / 2 << 3,
    }
}

/// Returns the integer source from its value and type.
pub fn alu(value: u64, kind: u64) -> u64 {
    value & 63 | kind << 6 | value >> 6 << 10
}

/// Returns 32-bit register as integer source, by number.
pub fn word(number: u64) -> u64 {
    alu(number * 2, 9)
}

/// Returns 16-bit register as integer source.
pub fn half(half: u64) -> u64 {
    alu(half, 1)
}

/// Returns the immediate as integer source.
pub fn imm(value: u64) -> u64 {
    alu(value, 0)
}

/// Returns the uniform as integer source, by half.
pub fn uniform(half: u64, wide: bool) -> u64 {
    alu(half & 255, uniform_kind(half, wide))
}

/// Returns the type bits of a uniform.
pub fn uniform_kind(half: u64, wide: bool) -> u64 {
    4 | u64::from(wide) << 1 | half >> 8
}

/// Returns the source of a sum or product from its value and type.
pub fn mul(value: u64, kind: u64, signed: bool) -> u64 {
    value & 63 | kind << 6 | u64::from(signed) << 10 | value >> 6 << 11
}

/// Returns the float source from its value and type.
pub fn float(value: u64, kind: u64, abs: bool, neg: bool) -> u64 {
    value & 63 | kind << 6 | u64::from(abs) << 10 | u64::from(neg) << 11 | value >> 6 << 12
}

/// Returns 16-bit float source from its value and type.
pub fn half_float(value: u64, kind: u64, abs: bool, neg: bool) -> u64 {
    value & 63 | kind << 6 | u64::from(abs) << 9 | u64::from(neg) << 10 | value >> 6 << 11
}

/// Returns what a select yields, from value, type and size.
pub fn cmpsel(value: u64, kind: u64, wide: bool) -> u64 {
    value & 63 | kind << 6 | value >> 6 << 9 | u64::from(wide) << 11
}

/// Returns registers of a memory access.
pub fn mem(half: u64, wide: bool, mask: u64) -> u64 {
    half | u64::from(wide) << 8 | mask << 9
}

/// Returns 64-bit base in uniforms.
pub fn uniform_base(half: u64) -> u64 {
    half | 1 << 8
}

/// Returns the index that is stated.
pub fn index_imm(value: i16) -> u64 {
    u64::from(value as u16) | 1 << 16
}

/// Returns the index in a 32-bit register.
pub fn index_word(number: u64, signed: bool) -> u64 {
    number * 2 | u64::from(!signed) << 17
}
