// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a driver does wrong.

use std::fmt;

use crate::queue::COUNT;
use crate::wire::Malformed;

/// What a driver does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// An address that is not RAM.
    Outside { what: &'static str, address: u64 },
    /// A field of what the processor starts with.
    Argument {
        what: &'static str,
        is: u64,
        expected: u64,
    },
    /// A memory region is missing.
    NoRegion(&'static str),
    /// A page of the area that is not aligned, or has come twice.
    Page { index: usize, address: u64 },
    /// A pointer past the end of a ring.
    Pointer { what: &'static str, is: u32 },
    /// A pointer that went backwards, or past the other.
    Backwards {
        what: &'static str,
        from: u32,
        to: u32,
    },
    /// A message that is not whole.
    Partial { pages: usize, written: u32 },
    /// A message that is wrong.
    Message(Malformed),
    /// Something that a driver must not do in the state that the processor is in.
    State(String),
    /// A call that is wrong.
    Call(String),
    /// A write to a register that there is not.
    Register { offset: u64, value: u32 },
}

impl From<Malformed> for Violation {
    fn from(what: Malformed) -> Self {
        Self::Message(what)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside { what, address } => write!(f, "{what} at {address:#x}: no memory"),
            Self::Argument { what, is, expected } => {
                write!(f, "{what} is {is:#x}, expected {expected:#x}")
            }
            Self::NoRegion(name) => write!(f, "no region {name}"),
            Self::Page { index, address } => write!(f, "page {index} of the area at {address:#x}"),
            Self::Pointer { what, is } => write!(f, "{what} is {is}, of {COUNT} pages"),
            Self::Backwards { what, from, to } => write!(f, "{what} goes from {from} to {to}"),
            Self::Partial { pages, written } => {
                write!(
                    f,
                    "a message of {pages} pages, {written} of which are written"
                )
            }
            Self::Message(what) => what.fmt(f),
            Self::State(what) | Self::Call(what) => f.write_str(what),
            Self::Register { offset, value } => {
                write!(f, "{value:#x} to {offset:#x}: no such register")
            }
        }
    }
}
