// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why a SIMD group stopped.

use super::host::{LaneFault, MemoryFault};

/// Why [`super::Group::run`] returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All lanes have ended.
    Done,
    /// At a threadgroup barrier; run again when all groups of the threadgroup are there or done.
    Barrier,
    /// The budget is used up; run again to go on.
    Budget,
    /// The group cannot go on.
    Fault(Box<Fault>),
}

/// An instruction that could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Address of the instruction.
    pub pc: u64,
    /// Its bytes, or as many as could be fetched if it has no known length.
    pub bytes: Vec<u8>,
    /// Its text.
    pub text: String,
    pub kind: FaultKind,
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The bytes are no known instruction.
    Unknown,
    /// The instruction is known, but this form of it is not carried out.
    Unsupported(String),
    /// The code cannot be read.
    Fetch(MemoryFault),
    /// The code ends inside the instruction.
    Truncated,
    /// A `trap` was reached with active lanes.
    Trap,
    /// An access to memory, for a texture as well, was refused.
    Memory(LaneFault),
    /// An access outside the threadgroup memory of the launch.
    Local { lane: u8, address: u64 },
    /// An access outside the scratch memory of the lane.
    Scratch { lane: u8, address: u64 },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {:#x}: ", self.kind, self.pc)?;
        for byte in &self.bytes {
            write!(f, "{byte:02x}")?;
        }
        write!(f, " {}", self.text)
    }
}

impl std::error::Error for Fault {}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let access = |write| if write { "write" } else { "read" };
        match self {
            Self::Unknown => f.write_str("unknown instruction"),
            Self::Unsupported(what) => write!(f, "unsupported instruction ({what})"),
            Self::Fetch(fault) => write!(f, "no code (at {:#x})", fault.va),
            Self::Truncated => f.write_str("code ends inside instruction"),
            Self::Trap => f.write_str("trap"),
            Self::Memory(LaneFault { lane, fault }) => {
                let access = access(fault.write);
                write!(f, "refused {access} of {:#x} by lane {lane}", fault.va)
            }
            Self::Local { lane, address } => {
                write!(f, "threadgroup memory {address:#x} of lane {lane}")
            }
            Self::Scratch { lane, address } => {
                write!(f, "scratch memory {address:#x} of lane {lane}")
            }
        }
    }
}
