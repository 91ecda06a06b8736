// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a decoded instruction to an [`Op`]: what only vertex programs have.

use super::op::{Op, Src};
use super::operand::{self, Refusal};
use crate::decode::Instruction;
use crate::table;

/// Lowers an instruction of a vertex program.
pub fn lower(inst: &Instruction) -> Result<Option<Op>, Refusal> {
    Ok(Some(match inst.entry.op {
        table::Op::StVar => Op::StVar {
            word: operand::word(inst.operand(0) * 2)?,
            index: index(inst),
        },
        // Says that the program stores nothing.
        table::Op::NoVar => Op::Nop,
        _ => return Ok(None),
    }))
}

/// Returns the word of the record: a number, or a 16-bit register with it.
fn index(inst: &Instruction) -> Src {
    let uvs = inst.field("uvs");
    match inst.field("uvsimm") {
        0 => operand::half_register(uvs),
        _ => Src::Immediate(uvs as u32),
    }
}
