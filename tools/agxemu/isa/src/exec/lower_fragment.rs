// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a decoded instruction to an [`Op`]: what only fragment shaders have.

use super::op::{Iterate, Op, Place, Registers, Src};
use super::operand::{self, Refusal};
use crate::decode::Instruction;
use crate::table;

/// Lowers an instruction of fragment shaders.
pub fn lower(inst: &Instruction) -> Result<Option<Op>, Refusal> {
    Ok(Some(match inst.entry.op {
        table::Op::Iter => Op::Iterate(iterate(inst, None)?),
        table::Op::Iterproj => Op::Iterate(iterate(inst, Some(inst.field("cfw") as u8))?),
        table::Op::Ldcf => {
            let all = registers(inst, 3)?;
            if !all.dst.wide {
                return Err("coefficients in 16-bit registers".into());
            }
            Op::LoadCoefficients(all)
        }
        table::Op::SampleMask => Op::SampleMask {
            target: mask(inst, "target", "targetimm"),
            live: mask(inst, "live", "liveimm"),
        },
        table::Op::ZsEmit => depth_stencil(inst)?,
        // They order fragments of the same pixel. Those run one after the other here: a group has
        // no pixel twice, groups of a region run in the order of their primitives, and regions do
        // not overlap.
        table::Op::WaitPix | table::Op::SignalPix => Op::Nop,
        _ => return Ok(None),
    }))
}

/// Returns a mask of samples: a 16-bit register, or a number.
fn mask(inst: &Instruction, field: &str, immediate: &str) -> Src {
    let value = inst.field(field);
    match inst.field(immediate) {
        0 => operand::half_register(value),
        _ => Src::Immediate(value as u32),
    }
}

/// Returns the coefficient registers and where they go, `each` registers for one of them.
fn registers(inst: &Instruction, each: u64) -> Result<Iterate, Refusal> {
    let count = match inst.field("count") {
        0 => 4,
        count => count,
    };
    let (first, wide) = (inst.field("dst"), inst.field("size32") == 1);
    if wide {
        operand::word(first)?;
    }
    operand::fits(first, wide, count * each)?;
    let coefficient = inst.field("cf");
    Ok(Iterate {
        dst: Registers {
            first: first as u8,
            wide,
            mask: ((1 << count) - 1) as u8,
        },
        count: count as u8,
        coefficient: match inst.field("cfreg") {
            0 => Src::Immediate(coefficient as u32),
            _ => operand::half_register(coefficient),
        },
        divisor: None,
        place: Place::Centre,
    })
}

fn iterate(inst: &Instruction, divisor: Option<u8>) -> Result<Iterate, Refusal> {
    for field in ["fwd", "elide", "kill"] {
        if inst.field(field) != 0 {
            return Err(format!("interpolation with {field}"));
        }
    }
    let sample = inst.field("smp");
    let place = match inst.field("interp") {
        0 => Place::Centre,
        1 => Place::Sample(Src::Immediate(sample as u32)),
        2 => Place::Centroid,
        _ => Place::Sample(operand::half_register(sample)),
    };
    Ok(Iterate {
        divisor,
        place,
        ..registers(inst, 1)?
    })
}

fn depth_stencil(inst: &Instruction) -> Result<Op, Refusal> {
    let at = inst.field("zs");
    let values = match inst.field("which") {
        1 => [Some(Src::Word(operand::word(at)?)), None],
        2 => [None, Some(operand::half_register(at))],
        3 => {
            operand::fits(at, true, 2)?;
            let word = operand::word(at)?;
            [Some(Src::Word(word)), Some(Src::Low(word + 1))]
        }
        _ => return Err("neither depth nor stencil".into()),
    };
    Ok(Op::DepthStencil {
        target: mask(inst, "target", "targetimm"),
        values,
    })
}
