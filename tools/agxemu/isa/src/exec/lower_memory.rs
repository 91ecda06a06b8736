// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a decoded instruction to an [`Op`]: memory and what lanes tell each other.

use super::format::Format;
use super::host::AtomicOp;
use super::op::{Dst, Index, LocalAddress, Op, ReduceOp, Registers, ShuffleOp, Src};
use super::operand::{self, Refusal};
use crate::decode::Instruction;
use crate::table;

/// Lowers a memory or subgroup instruction.
pub fn lower(inst: &Instruction) -> Result<Option<Op>, Refusal> {
    Ok(Some(match inst.entry.op {
        table::Op::DeviceLoad | table::Op::DeviceStore => {
            let format = format(inst)?;
            Op::Device {
                store: inst.entry.op == table::Op::DeviceStore,
                regs: shaped(operand::mem(inst, 0)?, format)?,
                base: operand::membase(inst, 1)?,
                index: operand::memindex(inst, 2)?,
                format,
                shift: inst.field("shift") as u8,
            }
        }
        table::Op::Atomic => {
            // One source sees 64-bit operations in the coherency bits of a compare-exchange.
            // Compilers set them for 32-bit ones, so here they say nothing.
            let op = atomic(inst)?;
            Op::Atomic {
                op,
                dst: destination(inst)?,
                src: atomic_source(inst, op)?,
                base: operand::membase(inst, 0)?,
                index: operand::memindex(inst, 1)?,
            }
        }
        table::Op::LocalLoad | table::Op::LocalStore => {
            let format = format(inst)?;
            Op::Local {
                store: inst.entry.op == table::Op::LocalStore,
                regs: shaped(operand::mem(inst, 0)?, format)?,
                address: local(inst, 1)?,
                format,
            }
        }
        table::Op::LocalAtomic => {
            // Without a destination the size is left zero.
            if inst.field("size32") == 0 && inst.field("dstvalid") == 1 {
                return Err("16-bit atomic".into());
            }
            let op = atomic(inst)?;
            Op::LocalAtomic {
                op,
                dst: destination(inst)?,
                src: atomic_source(inst, op)?,
                address: local(inst, 0)?,
            }
        }
        table::Op::UniformStore => uniform_store(inst)?,
        table::Op::StackAdjust => match operand::memindex(inst, 0)? {
            Index::Immediate(words) => Op::StackAdjust(words as i32),
            Index::Register { .. } => return Err("stack size in a register".into()),
        },
        table::Op::StackLoad | table::Op::StackStore => {
            if inst.field("shift") != 0 {
                return Err("shifted offset in scratch memory".into());
            }
            let format = format(inst)?;
            Op::Stack {
                store: inst.entry.op == table::Op::StackStore,
                regs: shaped(operand::mem(inst, 0)?, format)?,
                offset: operand::memindex(inst, 1)?,
                format,
            }
        }
        table::Op::Shuffle => shuffle(inst)?,
        table::Op::Reduce => reduce(inst)?,
        _ => return Ok(None),
    }))
}

/// Returns the format field.
pub fn format(inst: &Instruction) -> Result<Format, Refusal> {
    let bits = inst.field("fmt");
    Format::from_bits(bits).ok_or_else(|| format!("format {bits}"))
}

/// Returns the registers of an access in this format; packed formats always take all their
/// channels.
pub fn shaped(mut regs: Registers, format: Format) -> Result<Registers, Refusal> {
    if format.channels() > 1 {
        regs.mask = (1 << format.channels()) - 1;
        operand::fits(regs.first.into(), regs.wide, format.channels() as u64)?;
    }
    if format == Format::I32 && !regs.wide {
        return Err("32-bit elements in 16-bit registers".into());
    }
    if regs.mask == 0 {
        return Err("access without channels".into());
    }
    Ok(regs)
}

fn local(inst: &Instruction, n: usize) -> Result<LocalAddress, Refusal> {
    let base = operand::lbase(inst, n)?;
    let index = operand::lindex(inst, n + 1)?;
    Ok(LocalAddress { base, index })
}

fn atomic(inst: &Instruction) -> Result<AtomicOp, Refusal> {
    Ok(match inst.field("op") {
        0 => AtomicOp::Add,
        1 => AtomicOp::Sub,
        2 => AtomicOp::Exchange,
        3 => AtomicOp::CompareExchange,
        4 => AtomicOp::UnsignedMin,
        5 => AtomicOp::SignedMin,
        6 => AtomicOp::UnsignedMax,
        7 => AtomicOp::SignedMax,
        8 => AtomicOp::And,
        9 => AtomicOp::Or,
        10 => AtomicOp::Xor,
        op => return Err(format!("atomic operation {op}")),
    })
}

fn destination(inst: &Instruction) -> Result<Option<u8>, Refusal> {
    if inst.field("dstvalid") == 0 {
        return Ok(None);
    }
    operand::word(inst.field("dst")).map(Some)
}

fn atomic_source(inst: &Instruction, op: AtomicOp) -> Result<u8, Refusal> {
    let src = inst.field("src");
    match op {
        AtomicOp::CompareExchange => operand::pair(src),
        _ => operand::word(src),
    }
}

fn uniform_store(inst: &Instruction) -> Result<Op, Refusal> {
    let regs = operand::mem(inst, 0)?;
    let Index::Immediate(first) = operand::memindex(inst, 1)? else {
        return Err("uniform number in a register".into());
    };
    let count = regs.mask.count_ones() as u8;
    let contiguous = regs.mask == ((1u16 << count) - 1) as u8;
    if regs.wide || format(inst)? != Format::I16 || inst.field("shift") != 0 || !contiguous {
        return Err("uniform store that is not of consecutive halves".into());
    }
    if !(0..=512 - i64::from(count)).contains(&first) {
        return Err(format!("uniform {first}"));
    }
    Ok(Op::UniformStore {
        first: first as u16,
        src: regs.first,
        count,
    })
}

fn shuffle(inst: &Instruction) -> Result<Op, Refusal> {
    let simd = inst.field("simd") == 1;
    if inst.field("rotate") == 1 {
        return Err("rotation".into());
    }
    let op = match (simd, inst.field("op")) {
        (false, 0) => ShuffleOp::QuadAbsolute,
        (false, 1) => ShuffleOp::QuadXor,
        (true, 0) => ShuffleOp::SimdAbsolute,
        (simd, op) => return Err(format!("shuffle {op}, simd {simd}")),
    };
    let dst = operand::dalu(inst)?;
    Ok(Op::Shuffle {
        dst,
        src: operand::alu(inst, 1)?,
        index: operand::alu(inst, 2)?,
        op,
    })
}

fn reduce(inst: &Instruction) -> Result<Op, Refusal> {
    let op = match inst.field("op") {
        0 => ReduceOp::And,
        1 => ReduceOp::FloatAdd,
        2 => ReduceOp::Or,
        3 => ReduceOp::FloatMul,
        4 => ReduceOp::Xor,
        5 => ReduceOp::FloatMin,
        7 => ReduceOp::FloatMax,
        16 => ReduceOp::Add,
        20 => ReduceOp::SignedMin,
        22 => ReduceOp::SignedMax,
        28 => ReduceOp::UnsignedMin,
        30 => ReduceOp::UnsignedMax,
        op => return Err(format!("reduction {op}")),
    };
    let dst = operand::dalu(inst)?;
    let src = operand::alu(inst, 1)?;
    let wide = match src {
        Src::Word(_) | Src::UniformWord(_) => true,
        Src::Immediate(_) => matches!(dst, Dst::Word(_)),
        _ => false,
    };
    if wide != matches!(dst, Dst::Word(_)) {
        return Err("reduction from one size to another".into());
    }
    let (simd, prefix) = (inst.field("simd") == 1, inst.field("prefix") == 1);
    Ok(Op::Reduce {
        dst,
        src,
        wide,
        op,
        simd,
        prefix,
    })
}
