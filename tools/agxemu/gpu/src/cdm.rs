// SPDX-License-Identifier: MIT OR Apache-2.0

//! The compute data master: walks a control stream from its base to its terminator.
//!
//! ```text
//!             link, return                    terminate
//!            ┌──────────┐                  ┌────────────► Terminated
//!            ▼          │                  │  access fails
//!  base ─► block at cursor ──launch──► USC words ────────► Fault
//!            ▲          │                  │
//!            └──────────┘                  │  undefined block, stack misuse, endless stream
//!              barrier                     └────────────► Hang
//! ```
//!
//! A stream has no length: it ends at a terminator, wherever links lead to it. Nothing that the
//! walk reads is written by it, so a stream that comes back to the same address with the same
//! return stack repeats for ever, and the hardware would not come back from it either: that is a
//! hang of the *GPU*, found here by comparing states (Brent's cycle search), never one of the
//! emulator.

use crate::cycle::Cycle;
use crate::fault::{Fault, Unit};
use crate::launch::{Launch, Size};
use crate::{read, usc, GpuMemory};

/// Depth of the return stack.
pub const RETURN_STACK: usize = 16;

/// Longest stream that is followed, in blocks.
///
/// No cycle is missed because of it; it only bounds the time given to a stream which repeats one
/// page of guest memory mapped at millions of addresses.
pub const MAX_BLOCKS: u64 = 1 << 22;

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// At a terminator.
    Terminated,
    /// At an access that the page tables do not allow.
    Fault(Fault),
    /// In a state that the hardware would never leave; the text says why.
    Hang(String),
    /// At something that a shader cannot do; the text says what and where.
    Illegal(String),
    /// Because it was told to stop.
    Stopped,
}

/// What a walk saw, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A launch with its decoded pipeline.
    Launch(Box<Launch>),
    /// A barrier, with its control bits.
    Barrier(u32),
    /// A link or a return, with its target.
    Jump(u64),
}

/// Inputs of a walk.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// Address of the first block.
    pub base: u64,
    /// Base of shader code and pipeline words.
    pub usc_base: u64,
    /// Whether launches have two more words behind the first two.
    pub long_launches: bool,
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        End::Fault(fault)
    }
}

impl From<usc::Error> for End {
    fn from(error: usc::Error) -> Self {
        match error {
            usc::Error::Fault(fault) => End::Fault(fault),
            usc::Error::Malformed(text) => End::Hang(text),
        }
    }
}

/// Follows `stream` to its end, calling `seen` for each launch, barrier and jump; an error of that
/// ends the walk.
pub fn walk(
    mem: &dyn GpuMemory,
    stream: Stream,
    seen: &mut dyn FnMut(Step) -> Result<(), End>,
) -> End {
    let mut walker = Walker {
        mem,
        usc_base: stream.usc_base,
        long_launches: stream.long_launches,
        cursor: stream.base,
        stack: Vec::with_capacity(RETURN_STACK),
        cycle: Cycle::new(),
    };
    if stream.base % 4 != 0 {
        return End::Hang(format!(
            "control stream base {:#x} is not word aligned",
            stream.base
        ));
    }
    for _ in 0..MAX_BLOCKS {
        match walker.block(seen) {
            Ok(true) => {}
            Ok(false) => return End::Terminated,
            Err(end) => return end,
        }
    }
    End::Hang(format!("no terminator within {MAX_BLOCKS} blocks"))
}

struct Walker<'a> {
    mem: &'a dyn GpuMemory,
    usc_base: u64,
    long_launches: bool,
    cursor: u64,
    stack: Vec<u64>,
    /// Where jumps led, and what was on the stack then.
    cycle: Cycle<(u64, Vec<u64>)>,
}

impl Walker<'_> {
    fn words<const N: usize>(&self, va: u64) -> Result<[u32; N], Fault> {
        let mut bytes = vec![0; N * 4];
        read(self.mem, va, &mut bytes, Unit::Cdm)?;
        Ok(std::array::from_fn(|i| {
            u32::from_le_bytes([
                bytes[4 * i],
                bytes[4 * i + 1],
                bytes[4 * i + 2],
                bytes[4 * i + 3],
            ])
        }))
    }

    /// Handles the block at the cursor; `false` at the terminator.
    fn block(&mut self, seen: &mut dyn FnMut(Step) -> Result<(), End>) -> Result<bool, End> {
        let [w0] = self.words::<1>(self.cursor)?;
        match w0 >> 29 {
            0 => self.launch(w0, seen)?,
            1 => {
                let [_, w1] = self.words::<2>(self.cursor)?;
                if w0 & (1 << 28) != 0 {
                    if self.stack.len() == RETURN_STACK {
                        return Err(End::Hang(format!(
                            "call at {:#x} deeper than {RETURN_STACK}",
                            self.cursor
                        )));
                    }
                    self.stack.push(self.cursor + 8);
                }
                self.jump((u64::from(w0 & 0xff) << 32) | u64::from(w1), seen)?;
            }
            2 => {
                // Both words of the block must be there.
                self.words::<2>(self.cursor)?;
                return Ok(false);
            }
            3 => {
                seen(Step::Barrier(w0))?;
                self.cursor += 4;
                // Bit 27 makes a barrier return as well.
                if w0 & (1 << 27) != 0 {
                    self.ret(seen)?;
                }
            }
            4 => self.ret(seen)?,
            other => {
                return Err(End::Hang(format!(
                    "undefined block type {other} ({w0:#010x}) at {:#x}",
                    self.cursor
                )))
            }
        }
        Ok(true)
    }

    fn ret(&mut self, seen: &mut dyn FnMut(Step) -> Result<(), End>) -> Result<(), End> {
        match self.stack.pop() {
            Some(target) => self.jump(target, seen),
            None => Err(End::Hang(format!(
                "return at {:#x} without a call",
                self.cursor
            ))),
        }
    }

    fn jump(
        &mut self,
        target: u64,
        seen: &mut dyn FnMut(Step) -> Result<(), End>,
    ) -> Result<(), End> {
        seen(Step::Jump(target))?;
        if target % 4 != 0 {
            return Err(End::Hang(format!(
                "jump from {:#x} to unaligned {target:#x}",
                self.cursor
            )));
        }
        self.cursor = target;
        if self.cycle.repeats(&(target, self.stack.clone())) {
            return Err(End::Hang(format!(
                "endless stream: comes back to {target:#x}"
            )));
        }
        Ok(())
    }

    fn launch(
        &mut self,
        w0: u32,
        seen: &mut dyn FnMut(Step) -> Result<(), End>,
    ) -> Result<(), End> {
        let at = self.cursor;
        let [_, w1] = self.words::<2>(at)?;
        let sizes = self.behind_launch(at)?;
        let (grid, local, len) = match (w0 >> 27) & 3 {
            0 => {
                let w: [u32; 6] = self.words(sizes)?;
                (Size::Threads([w[0], w[1], w[2]]), [w[3], w[4], w[5]], 24)
            }
            1 => {
                let [hi, lo, x, y, z] = self.words(sizes)?;
                (Size::Groups(self.words(indirect(hi, lo))?), [x, y, z], 20)
            }
            2 => {
                let [hi, lo] = self.words(sizes)?;
                let w: [u32; 6] = self.words(indirect(hi, lo))?;
                (Size::Threads([w[0], w[1], w[2]]), [w[3], w[4], w[5]], 8)
            }
            mode => {
                return Err(End::Hang(format!(
                    "undefined launch mode {mode} at {at:#x}"
                )))
            }
        };
        let pipeline = self.usc_base.wrapping_add(u64::from(w1 & !0x3f));
        let launch = Launch::new(self.mem, at, w0, pipeline, self.usc_base, grid, local)?;
        seen(Step::Launch(Box::new(launch)))?;
        self.cursor = sizes + len;
        Ok(())
    }

    /// Returns where the sizes of the launch at `at` stand.
    fn behind_launch(&self, at: u64) -> Result<u64, End> {
        if !self.long_launches {
            return Ok(at + 8);
        }
        let words = self.words(at + 8)?;
        // What they are for is not known: nothing but these has been seen.
        if words != LONG_LAUNCH {
            return Err(End::Hang(format!(
                "launch at {at:#x}: words {words:#x?} behind the first two"
            )));
        }
        Ok(at + 16)
    }
}

/// What stands behind the first two words of long launches.
pub const LONG_LAUNCH: [u32; 2] = [0, 1 << 30];

fn indirect(hi: u32, lo: u32) -> u64 {
    (u64::from(hi & 0xff) << 32) | u64::from(lo & !3)
}

#[cfg(test)]
#[path = "cdm_tests.rs"]
mod tests;
