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

use super::blocks::{Arguments, Block, IndexBuffer, IndexList, StateUpdate, Topology};
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

/// Bits of the flags of a state that programs set with the discard of all primitives, and together.
pub(super) const DISCARD: u32 = 3 << 4;

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

    /// Returns the next word if `present`; bits that are not in `known` are refused.
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
        if !matches!(update.flags.unwrap_or(0) & DISCARD, 0 | DISCARD) {
            return Err(End::Illegal(format!(
                "state at {at:#x}: discard in one of two bits"
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
