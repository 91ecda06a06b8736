// SPDX-License-Identifier: MIT OR Apache-2.0

//! The instruction set of the AGX (G13) shader core: the encodings and a decoder.
//!
//! [`table`] holds the encodings as data; [`decode()`] finds the entry that a byte sequence
//! belongs to, and its length. An [`Instruction`] can be printed. [`exec`] carries instructions
//! out.

pub mod decode;
pub mod exec;
pub mod table;
mod text;

pub use decode::{decode, DecodeError, Instruction};
