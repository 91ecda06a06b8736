// SPDX-License-Identifier: MIT OR Apache-2.0

//! The vertex data master: walks a control stream from its base to its terminator.
//!
//! ```text
//!          link, call, return                 terminate
//!            ┌──────────┐                  ┌────────────► Terminated
//!            ▼          │                  │ access fails
//!  base ─► block at cursor ────────────────┼────────────► Fault
//!            ▲          │                  │ type 7, stack misuse, endless stream
//!            └──────────┘                  ├────────────► Hang
//!        barrier, state, index list        │ bit or value without known meaning
//!                                          └────────────► Illegal
//! ```
//!
//! A stream has no length. One that comes back to an address with the same return stack never ends,
//! as long as no shader writes to it; that counts as a hang, as in the compute data master.

use std::fmt;

use crate::cdm::End;
use crate::cycle::Cycle;
use crate::fault::{Fault, Unit};
use crate::{read, GpuMemory};

/// Depth of the return stack. Inferred; programs use one level.
pub const RETURN_STACK: usize = 16;

/// Longest stream that is followed, in blocks.
///
/// No cycle is missed because of it; it bounds the time given to a stream that repeats one page of
/// guest memory mapped at millions of addresses.
pub const MAX_BLOCKS: u64 = 1 << 22;

/// Bits of a barrier that programs set. What most of them say is not known.
const BARRIER: u32 = 1 << 3
    | 1 << 4
    | 1 << 5
    | 1 << 6
    | 1 << 8
    | 1 << 11
    | 1 << 20
    | 1 << 24
    | 1 << 26
    | BARRIER_RETURNS;
/// Makes a barrier return as well.
const BARRIER_RETURNS: u32 = 1 << 27;

/// How vertices make primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each vertex.
    Points,
    /// Each two.
    Lines,
    /// Each with the one before.
    LineStrip,
    /// As a strip, and back to the first.
    LineLoop,
    /// Each three.
    Triangles,
    /// Each with the two before.
    TriangleStrip,
    /// Each with the one before and the first.
    TriangleFan,
    /// Each four.
    Quads,
    /// Each two with the two before.
    QuadStrip,
}

impl Topology {
    fn from_bits(bits: u32) -> Option<Self> {
        Some(match bits {
            0 => Self::Points,
            1 => Self::Lines,
            3 => Self::LineStrip,
            5 => Self::LineLoop,
            6 => Self::Triangles,
            9 => Self::TriangleStrip,
            11 => Self::TriangleFan,
            14 => Self::Quads,
            15 => Self::QuadStrip,
            _ => return None,
        })
    }
}

/// Where indices lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexBuffer {
    /// Address of the first.
    pub address: u64,
    /// Bytes of the buffer.
    pub bytes: u64,
    /// Bytes of an index: 1, 2 or 4.
    pub size: u32,
}

/// What is drawn of the vertices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// As the block says.
    Direct {
        /// Vertices or indices of an instance.
        count: u32,
        /// Instances.
        instances: u32,
        /// First vertex, or what is added to each index.
        start: u32,
    },
    /// As memory at this address says when the block is executed.
    Indirect(u64),
}

/// A draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexList {
    /// How vertices make primitives.
    pub topology: Topology,
    /// Whether the restart index ends a run of vertices.
    pub restart: bool,
    /// Indices, unless vertices follow each other.
    pub indices: Option<IndexBuffer>,
    /// How much is drawn.
    pub arguments: Arguments,
}

/// State of the vertex data master: what a block says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateUpdate {
    /// Restart index.
    pub restart: Option<u32>,
    /// Counts word of the vertex shader.
    pub shader_counts: Option<u32>,
    /// Pipeline word of the vertex shader.
    pub shader: Option<u32>,
    /// Words of a vertex's record.
    pub outputs: Option<u32>,
    /// Provoking vertex and flags.
    pub flags: Option<u32>,
}

/// A block of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// A PPP record of so many words.
    Ppp { address: u64, words: u32 },
    /// A barrier with its bits; it may return as well.
    Barrier(u32),
    /// State of the vertex data master.
    State(StateUpdate),
    /// A draw.
    Draw(IndexList),
    /// A link, call or return, with its target.
    Jump(u64),
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ppp { address, words } => write!(f, "PPP record {address:#x}, {words} words"),
            Self::Barrier(bits) => write!(f, "barrier {bits:#x}"),
            Self::State(s) => {
                f.write_str("state")?;
                let fields = [
                    ("restart", s.restart),
                    ("counts", s.shader_counts),
                    ("shader", s.shader),
                    ("outputs", s.outputs),
                    ("flags", s.flags),
                ];
                for (name, value) in fields {
                    if let Some(value) = value {
                        write!(f, " {name}={value:#x}")?;
                    }
                }
                Ok(())
            }
            Self::Draw(list) => list.fmt(f),
            Self::Jump(target) => write!(f, "jump {target:#x}"),
        }
    }
}

impl fmt::Display for IndexList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "draw {:?}", self.topology)?;
        if let Some(b) = self.indices {
            let (at, bytes, size) = (b.address, b.bytes, b.size);
            write!(f, ", indices {at:#x}+{bytes:#x} of {size}")?;
        }
        if self.restart {
            f.write_str(", restart")?;
        }
        match self.arguments {
            Arguments::Direct {
                count,
                instances,
                start,
            } => write!(f, ", {count} from {start:#x}, {instances} instances"),
            Arguments::Indirect(at) => write!(f, ", arguments {at:#x}"),
        }
    }
}

/// Follows the stream at `base` to its end, calling `seen` with address and contents of each block;
/// an error of that ends the walk.
pub fn walk(
    mem: &dyn GpuMemory,
    base: u64,
    seen: &mut dyn FnMut(u64, Block) -> Result<(), End>,
) -> Result<(), End> {
    let mut walker = Walker {
        mem,
        cursor: base,
        stack: Vec::new(),
        cycle: Cycle::new(),
    };
    aligned(base, "control stream base")?;
    for _ in 0..MAX_BLOCKS {
        if !walker.block(seen)? {
            return Ok(());
        }
    }
    Err(End::Hang(format!(
        "no terminator within {MAX_BLOCKS} blocks"
    )))
}

fn aligned(va: u64, what: &str) -> Result<(), End> {
    match va % 4 {
        0 => Ok(()),
        _ => Err(End::Hang(format!("{what} {va:#x} is not word aligned"))),
    }
}

/// Refuses bits of the word at `va` that are not in `known`.
pub(super) fn only(va: u64, word: u32, known: u32) -> Result<(), End> {
    match word & !known {
        0 => Ok(()),
        unknown => Err(End::Illegal(format!(
            "bit {} of the word {word:#010x} at {va:#x} has no known meaning",
            unknown.trailing_zeros()
        ))),
    }
}

fn address(hi: u32, lo: u32) -> u64 {
    u64::from(hi & 0xff) << 32 | u64::from(lo)
}

struct Walker<'a> {
    mem: &'a dyn GpuMemory,
    cursor: u64,
    stack: Vec<u64>,
    /// Where jumps led, and what was on the stack then.
    cycle: Cycle<(u64, Vec<u64>)>,
}

type Seen<'a> = &'a mut dyn FnMut(u64, Block) -> Result<(), End>;

impl Walker<'_> {
    /// Reads the word at the cursor and goes behind it.
    fn next(&mut self) -> Result<u32, Fault> {
        let mut bytes = [0; 4];
        read(self.mem, self.cursor, &mut bytes, Unit::VdmStream)?;
        self.cursor = self.cursor.wrapping_add(4);
        Ok(u32::from_le_bytes(bytes))
    }

    /// The next word if `present`; bits that are not in `known` are refused.
    fn optional(&mut self, present: bool, known: u32) -> Result<Option<u32>, End> {
        if !present {
            return Ok(None);
        }
        let at = self.cursor;
        let word = self.next()?;
        only(at, word, known)?;
        Ok(Some(word))
    }

    /// Handles the block at the cursor; `false` at the terminator.
    fn block(&mut self, seen: Seen<'_>) -> Result<bool, End> {
        let at = self.cursor;
        let w0 = self.next()?;
        match w0 >> 29 {
            0 => {
                only(at, w0, 0xffff)?;
                let (address, words) = (address(w0, self.next()?), w0 >> 8 & 0xff);
                seen(at, Block::Ppp { address, words })?;
            }
            1 => {
                only(at, w0, 1 << 29 | BARRIER)?;
                seen(at, Block::Barrier(w0 & BARRIER))?;
                if w0 & BARRIER_RETURNS != 0 {
                    let target = self.stack.pop();
                    let target = target
                        .ok_or_else(|| End::Hang(format!("return at {at:#x} without a call")))?;
                    self.jump(at, target, seen)?;
                }
            }
            2 => {
                let update = self.state(at, w0)?;
                seen(at, Block::State(update))?;
            }
            3 => {
                let list = self.index_list(at, w0)?;
                seen(at, Block::Draw(list))?;
            }
            4 => {
                only(at, w0, 4 << 29 | 1 << 28 | 0xff)?;
                let target = address(w0, self.next()?);
                if w0 & 1 << 28 != 0 {
                    if self.stack.len() == RETURN_STACK {
                        return Err(End::Hang(format!(
                            "call at {at:#x} deeper than {RETURN_STACK}"
                        )));
                    }
                    self.stack.push(self.cursor);
                }
                self.jump(at, target, seen)?;
            }
            5 => {
                return Err(End::Illegal(format!(
                    "tessellation ({w0:#010x}) at {at:#x} is not carried out"
                )))
            }
            6 => {
                only(at, w0, 6 << 29)?;
                return Ok(false);
            }
            other => {
                return Err(End::Hang(format!(
                    "undefined block type {other} ({w0:#010x}) at {at:#x}"
                )))
            }
        }
        Ok(true)
    }

    fn jump(&mut self, at: u64, target: u64, seen: Seen<'_>) -> Result<(), End> {
        seen(at, Block::Jump(target))?;
        aligned(target, "target of a jump")?;
        self.cursor = target;
        if self.cycle.repeats(&(target, self.stack.clone())) {
            return Err(End::Hang(format!(
                "endless stream: comes back to {target:#x}"
            )));
        }
        Ok(())
    }

    fn state(&mut self, at: u64, w0: u32) -> Result<StateUpdate, End> {
        // Bits 4 and 7 belong to tessellation, which no program uses.
        only(at, w0, 2 << 29 | 0x2f)?;
        let has = |bit: u32| w0 >> bit & 1 == 1;
        let update = StateUpdate {
            restart: self.optional(has(0), !0)?,
            shader_counts: self.optional(has(1), 0xffff)?,
            shader: self.optional(has(2), !0x3c)?,
            outputs: self.optional(has(3), 0xffff)?,
            flags: self.optional(has(5), 0x73)?,
        };
        if let Some(outputs) = update.outputs {
            if outputs & 0xff != outputs >> 8 {
                return Err(End::Illegal(format!(
                    "state at {at:#x}: two record sizes ({outputs:#x})"
                )));
            }
        }
        if update.flags.is_some_and(|flags| flags & 3 == 3) {
            return Err(End::Illegal(format!(
                "state at {at:#x}: provoking vertex 3"
            )));
        }
        // Blocks of state are padded to eight bytes. The type is one bit, so the bits that are set
        // are as many as the words of the block.
        if w0.count_ones() % 2 == 1 {
            self.next()?;
        }
        let outputs = update.outputs.map(|n| n & 0xff);
        Ok(StateUpdate { outputs, ..update })
    }

    fn index_list(&mut self, at: u64, w0: u32) -> Result<IndexList, End> {
        let has = |bit: u32| w0 >> bit & 1 == 1;
        let refuse = |what| {
            let text = format!("index list {w0:#010x} at {at:#x}: {what}");
            Err(End::Illegal(text))
        };
        // Where the words of bits 25 and 27 stand is a guess, and no program sets them.
        only(at, w0, 3 << 29 | 0x05ff_ffff)?;
        let Some(topology) = Topology::from_bits(w0 >> 8 & 0xff) else {
            return refuse("unknown primitive");
        };
        let size = match w0 >> 17 & 7 {
            n @ 0..=2 => 1 << n,
            _ => return refuse("unknown index size"),
        };
        let low = self.optional(has(21), !0)?;
        let count = self.optional(has(22), !0)?;
        let instances = self.optional(has(23), !0)?;
        let start = self.optional(has(24), !0)?;
        let hi = self.optional(has(26), 0xff)?;
        let lo = self.optional(has(26), !3)?;
        let words = self.optional(has(20), !0)?;
        let indices = match (low, words) {
            (Some(low), Some(words)) => Some(IndexBuffer {
                address: address(w0, low),
                bytes: u64::from(words) * 4,
                size,
            }),
            (None, None) if w0 & 0xff == 0 => None,
            _ => return refuse("part of an index buffer"),
        };
        let arguments = match (count, instances, start, hi, lo) {
            (Some(count), Some(instances), Some(start), None, None) => Arguments::Direct {
                count,
                instances,
                start,
            },
            (None, None, None, Some(hi), Some(lo)) => Arguments::Indirect(address(hi, lo)),
            _ => return refuse("neither direct nor indirect"),
        };
        Ok(IndexList {
            topology,
            restart: has(16),
            indices,
            arguments,
        })
    }
}

#[cfg(test)]
#[path = "vdm_tests.rs"]
mod tests;
