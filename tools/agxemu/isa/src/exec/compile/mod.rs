// SPDX-License-Identifier: MIT OR Apache-2.0

//! The compiled engine: runs of instructions as code of the host.
//!
//! A run is a stretch of instructions of which each does the same to every lane, or to every quad,
//! and that the program counter goes through from its start to its end: arithmetic, interpolation,
//! and changes of the execution mask, but no jump and no access to memory. What lies between runs
//! is carried out by the interpreter. A run is looked for where the interpreter has come to, and is
//! compiled when that has happened often enough:
//!
//! ```text
//!  reached ──► looked up by its bytes ──► counted ──threshold──► compiled ──► run from then on
//!                                            │                       │
//!                                            └─► interpreted ◄───────┘ refused, with a count
//! ```
//!
//! Runs are kept for all threads and jobs, by the bytes of their instructions: code that changes is
//! another run. Two forms are kept of each, for groups with all lanes active and for others.
//!
//! Registers, masks and counts are the same bits after a run as after the interpreter.

mod branch;
mod engine;
mod float;
mod function;
mod half;
mod integer;
mod pixel;
mod store;
mod translate;
mod wide;

pub(super) use engine::Counts;
pub use engine::{statistics, Engine, Statistics};
pub(super) use store::{Entry, Run};

use agx_lanes::Value;
use translate::Translator;

use super::kernel::Kernel;
use super::op::{Alu, Iterate, Op, Place, Src};

/// Returns whether a run may have the instruction. What the translator has no code for ends a run
/// as well.
pub(super) fn is_candidate(op: &Op) -> bool {
    match op {
        Op::Nop
        | Op::Alu(_)
        | Op::Wide(_)
        | Op::Branch { .. }
        | Op::PopExec { .. }
        | Op::Difference { .. } => true,
        Op::Iterate(iterate) => is_plain(iterate),
        _ => false,
    }
}

/// Returns whether a run may have the interpolation: at the centre, of coefficients known by
/// number.
fn is_plain(iterate: &Iterate) -> bool {
    matches!(iterate.coefficient, Src::Immediate(_)) && matches!(iterate.place, Place::Centre)
}

impl Translator<'_, '_> {
    /// Translates an instruction.
    ///
    /// # Errors
    ///
    /// What there is no code for. Nothing has been done then.
    pub fn instruction(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Nop => {}
            Op::Alu(alu) => {
                let value = self.alu(alu)?;
                self.write(alu.dst, value);
            }
            Op::Difference { alu, vertical } => {
                let value = self.difference(alu, *vertical)?;
                self.write(alu.dst, value);
            }
            Op::Branch { what, n, condition } => self.branch(*what, (*n).into(), condition)?,
            Op::PopExec { n } => self.pop_exec((*n).into()),
            Op::Wide(wide) => self.wide(wide)?,
            Op::Iterate(iterate) => self.iterate(iterate),
            _ => return Err("an instruction that is no part of a run".into()),
        }
        Ok(())
    }

    /// Returns the result of an operation in active lanes.
    fn alu(&mut self, alu: &Alu) -> Result<Value, String> {
        let zero = self.body.constant(0);
        let mut s = [zero; 4];
        for (n, s) in s.iter_mut().enumerate().take(alu.count.into()) {
            *s = self.source(alu.src[n]);
        }
        self.operation(alu, s)
    }

    /// The result of an operation on sources as they are in the registers.
    fn operation(&mut self, alu: &Alu, mut s: [Value; 4]) -> Result<Value, String> {
        for (s, widen) in s.iter_mut().zip(alu.widen) {
            if let Some(widen) = widen {
                *s = self.kernel(alu, widen, [*s; 4])?;
            }
        }
        let value = self.kernel(alu, alu.kernel, s)?;
        match alu.narrow {
            Some(narrow) => self.kernel(alu, narrow, [value; 4]),
            None => Ok(value),
        }
    }

    fn kernel(&mut self, alu: &Alu, kernel: Kernel, s: [Value; 4]) -> Result<Value, String> {
        let name = kernel.name();
        let value = match name.parts().0 {
            "float" => self.float(alu, name, s),
            "half" => self.half(alu, name, s),
            "integer" => self.integer(alu, name, s),
            "convert" => self.conversion(alu, name, s[0]),
            _ => None,
        };
        value.ok_or_else(|| {
            let (module, kernel) = name.parts();
            format!("{module}::{kernel}{:?}", name.parameters)
        })
    }

    /// Returns differences in a quad, whose lanes are 0 1 above 2 3.
    fn difference(&mut self, alu: &Alu, vertical: bool) -> Result<Value, String> {
        let from = self.settled_source(alu.src[0]);
        let from = match alu.widen[0] {
            Some(widen) => self.kernel(alu, widen, [from; 4])?,
            None => from,
        };
        let (high, low) = match vertical {
            true => ([2, 3, 2, 3], [0, 1, 0, 1]),
            false => ([1, 1, 3, 3], [0, 0, 2, 2]),
        };
        let (high, low) = (self.body.quad(from, high), self.body.quad(from, low));
        let value = self.kernel(alu, alu.kernel, [high, low, low, low])?;
        match alu.narrow {
            Some(narrow) => self.kernel(alu, narrow, [value; 4]),
            None => Ok(value),
        }
    }
}
