// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a decoded instruction to an [`Op`]: arithmetic and control flow.

use super::kernel::Kernel;
use super::lower_float::{conversion, float_alu, float_operation, funop, half_alu};
use super::op::{Alu, Branch, Dst, Inst, Op, Src, Wide, WideSrc};
use super::operand::{self, Refusal};
use super::{float, half, integer};
use super::{lower_fragment, lower_memory, lower_texture, lower_vertex};
use crate::decode::Instruction;
use crate::table;

/// Lowers an instruction.
///
/// # Errors
///
/// When the instruction, or this form of it, is not carried out.
pub fn lower(inst: &Instruction) -> Result<Inst, Refusal> {
    let unknown = inst.word & !meaning(inst.entry);
    if unknown != 0 {
        return Err(format!("bit {} is set", unknown.trailing_zeros()));
    }
    let op = match arithmetic(inst)? {
        Some(op) => op,
        None => match control(inst)? {
            Some(op) => op,
            None => match lower_memory::lower(inst)? {
                Some(op) => op,
                None => match lower_texture::lower(inst)? {
                    Some(op) => op,
                    None => match lower_fragment::lower(inst)? {
                        Some(op) => op,
                        None => match lower_vertex::lower(inst)? {
                            Some(op) => op,
                            None => return Err("not part of any program of the driver".into()),
                        },
                    },
                },
            },
        },
    };
    let length = inst.length as u8;
    Ok(Inst { op, length })
}

/// Returns the bits of an instruction that the table gives a meaning to.
fn meaning(entry: &table::Entry) -> u128 {
    let bits = |&(low, high): &table::Bits| ((1u128 << (high - low + 1)) - 1) << low;
    let pattern = entry
        .pattern
        .iter()
        .map(|&(low, high, _)| bits(&(low, high)));
    let operands = entry
        .operands
        .iter()
        .flat_map(|operand| operand.bits.iter().map(bits));
    let fields = entry
        .fields
        .iter()
        .flat_map(|field| field.bits.iter().map(bits));
    // Compilers always set this bit; what it says is not known.
    let constant = if entry.op == table::Op::ImageWriteBlock {
        1 << 67
    } else {
        0
    };
    let all = pattern
        .chain(operands)
        .chain(fields)
        .fold(0, |all, bits| all | bits);
    all | constant | 1 << entry.long_bit
}

pub(super) fn alu(kernel: Kernel, dst: Dst, src: &[Src]) -> Alu {
    let mut all = [Src::Immediate(0); 4];
    all[..src.len()].copy_from_slice(src);
    Alu {
        kernel,
        dst,
        count: src.len() as u8,
        widen: [None; 3],
        narrow: None,
        src: all,
        and: [!0; 3],
        xor: [0; 3],
        p: 0,
        q: 0,
    }
}

pub(super) fn pick(sat: bool, plain: Kernel, saturating: Kernel) -> Kernel {
    if sat {
        saturating
    } else {
        plain
    }
}

fn arithmetic(inst: &Instruction) -> Result<Option<Op>, Refusal> {
    let a = |n| operand::alu(inst, n);
    let f = |n| operand::float(inst, n);
    let h = |n| operand::half(inst, n);
    let sat = inst.field("sat") == 1;
    Ok(Some(Op::Alu(match inst.entry.op {
        table::Op::MovImm16 | table::Op::MovImm32 => {
            let value = Src::Immediate(inst.field("imm") as u32);
            alu(integer::mov(), operand::dalu(inst)?, &[value])
        }
        table::Op::GetSr => {
            let dst = operand::dalu(inst)?;
            let sr = inst.field("sr") as u8;
            return Ok(Some(Op::GetSr { dst, sr }));
        }
        table::Op::Iadd | table::Op::Imad => return Ok(Some(sum(inst)?)),
        table::Op::Bfi
        | table::Op::Bfeil
        | table::Op::Extr
        | table::Op::Asr
        | table::Op::Shlhi
        | table::Op::Shrhi
        | table::Op::Asrh => shift(inst)?,
        table::Op::Bitop => bitop(inst)?,
        table::Op::Intl => alu(integer::interleave(), operand::dalu(inst)?, &[a(1)?, a(2)?]),
        table::Op::Bitrev => alu(integer::bitrev(), operand::dalu(inst)?, &[a(1)?]),
        table::Op::Popcount => alu(integer::popcount(), operand::dalu(inst)?, &[a(1)?]),
        table::Op::Ffs => alu(integer::highest(), operand::dalu(inst)?, &[a(1)?]),
        table::Op::Convert => conversion(inst)?,
        table::Op::Fadd | table::Op::Fmul | table::Op::Ffma => float_operation(inst, sat)?,
        table::Op::Hadd => {
            let kernel = pick(sat, half::add::<false>(), half::add::<true>());
            half_alu(kernel, operand::dhalf(inst)?, &[h(1)?, h(2)?])
        }
        table::Op::Hmul => {
            let kernel = pick(sat, half::mul::<false>(), half::mul::<true>());
            half_alu(kernel, operand::dhalf(inst)?, &[h(1)?, h(2)?])
        }
        table::Op::Hfma => {
            let kernel = pick(sat, half::fma::<false>(), half::fma::<true>());
            half_alu(kernel, operand::dhalf(inst)?, &[h(1)?, h(2)?, h(3)?])
        }
        table::Op::Funop => return Ok(Some(funop(inst)?)),
        table::Op::Icmpsel => {
            let (kernel, [x, y]) = integer_condition(inst, 1, inst.field("icond"), true)?;
            let (c, d) = (operand::cmpsel(inst, 3)?, operand::cmpsel(inst, 4)?);
            alu(kernel, operand::dalu(inst)?, &[x, y, c, d])
        }
        table::Op::Fcmpsel => {
            let kernel = float_condition(inst.field("fcond"), true)?;
            let mut alu = float_alu(kernel, operand::dalu(inst)?, &[f(1)?, f(2)?]);
            alu.src[2] = operand::cmpsel(inst, 3)?;
            alu.src[3] = operand::cmpsel(inst, 4)?;
            alu.count = 4;
            alu
        }
        _ => return Ok(None),
    })))
}

/// Returns the kernel for an integer comparison, and its two sources in order.
fn integer_condition(
    inst: &Instruction,
    first: usize,
    condition: u64,
    select: bool,
) -> Result<(Kernel, [Src; 2]), Refusal> {
    let mut sources = [operand::alu(inst, first)?, operand::alu(inst, first + 1)?];
    if condition & 4 != 0 {
        sources = sources.map(operand::signed);
    }
    let kernel = match (condition & 3, condition & 4 != 0) {
        (0, _) => pick(select, integer::eq(), integer::select_eq()),
        (1 | 2, false) => pick(select, integer::ult(), integer::select_ult()),
        (1 | 2, true) => pick(select, integer::slt(), integer::select_slt()),
        _ => return Err(format!("integer condition {condition}")),
    };
    if condition & 3 == 2 {
        sources.swap(0, 1);
    }
    Ok((kernel, sources))
}

fn float_condition(condition: u64, select: bool) -> Result<Kernel, Refusal> {
    Ok(match condition {
        0 => pick(select, float::eq(), float::select_eq()),
        1 => pick(select, float::lt(), float::select_lt()),
        2 => pick(select, float::gt(), float::select_gt()),
        3 => pick(select, float::ltn(), float::select_ltn()),
        5 => pick(select, float::ge(), float::select_ge()),
        6 => pick(select, float::le(), float::select_le()),
        7 => pick(select, float::gtn(), float::select_gtn()),
        _ => return Err(format!("float condition {condition}")),
    })
}

/// Returns a comparison whose result is a mask; bit 3 of the condition inverts.
fn comparison(inst: &Instruction, first: usize) -> Result<Alu, Refusal> {
    let dst = Dst::Word(0);
    let mut alu = if inst.entry.fields.iter().any(|f| f.name == "icond") {
        let (kernel, sources) = integer_condition(inst, first, inst.field("icond") & 7, false)?;
        alu(kernel, dst, &sources)
    } else {
        let kernel = float_condition(inst.field("fcond") & 7, false)?;
        let floats = [
            operand::float(inst, first)?,
            operand::float(inst, first + 1)?,
        ];
        float_alu(kernel, dst, &floats)
    };
    let inverted = (inst.field("icond") | inst.field("fcond")) & 8 != 0;
    alu.p = if inverted { !0 } else { 0 };
    Ok(alu)
}

/// Returns additions and multiplications.
fn sum(inst: &Instruction) -> Result<Op, Refusal> {
    let multiply = inst.entry.op == table::Op::Imad;
    let dst = operand::dalu64(inst)?;
    let shift = inst.field("shift") as u8;
    let negate = inst.field("neg") == 1;
    let sat = inst.field("sat") == 1;
    let a = operand::mul(inst, 1, !multiply)?;
    let b = operand::mul(inst, 2, !multiply)?;
    let c = if multiply {
        operand::mul(inst, 3, true)?
    } else {
        b
    };
    let double = |(src, _)| matches!(src, Src::Pair(_));
    let wide = matches!(dst, Dst::Pair(_)) || double(a) || double(b) || double(c);
    // Shifts beyond 4 take the term away.
    let drop = |(src, signed)| {
        if shift > 4 {
            (Src::Immediate(0), false)
        } else {
            (src, signed)
        }
    };
    let clamp = match sat {
        false => None,
        true if wide || shift != 0 => return Err("saturation with a shift or 64 bits".into()),
        true => Some(bounds(dst, a.1 || b.1 || c.1)),
    };
    let by = if shift > 4 { 0 } else { shift };
    if wide || sat {
        let source = |(src, signed)| WideSrc { src, signed };
        let (a, b, factor) = match multiply {
            true => (source(a), source(drop(c)), Some(source(b))),
            false => (source(a), source(drop(b)), None),
        };
        let shift = by;
        return Ok(Op::Wide(Wide {
            dst,
            a,
            b,
            factor,
            shift,
            negate,
            clamp,
        }));
    }
    let mut alu = match (multiply, negate) {
        (false, false) => alu(integer::add(), dst, &[a.0, drop(b).0]),
        (false, true) => alu(integer::sub(), dst, &[a.0, drop(b).0]),
        (true, false) => alu(integer::mul_add(), dst, &[a.0, b.0, drop(c).0]),
        (true, true) => alu(integer::mul_sub(), dst, &[a.0, b.0, drop(c).0]),
    };
    alu.p = by.into();
    Ok(Op::Alu(alu))
}

fn bounds(dst: Dst, signed: bool) -> (i64, i64) {
    let bits = if matches!(dst, Dst::Word(_)) { 32 } else { 16 };
    match signed {
        true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        false => (0, (1 << bits) - 1),
    }
}

fn shift(inst: &Instruction) -> Result<Alu, Refusal> {
    let dst = operand::dalu(inst)?;
    let [a, b, c] = [1, 2, 3].map(|n| operand::alu(inst, n));
    let (a, b, c) = (a?, b?, c?);
    let m = inst.field("m");
    let mask = if m == 0 { !0 } else { (1 << m) - 1 };
    let fixed = match c {
        Src::Immediate(by) if by & 0x7f < 32 => Some(by & 0x7f),
        _ => None,
    };
    let mut alu = match (inst.entry.op, fixed) {
        (table::Op::Bfi, Some(_)) => alu(integer::bfi_at(), dst, &[a, b]),
        (table::Op::Bfi, None) => alu(integer::bfi(), dst, &[a, b, c]),
        (table::Op::Bfeil, Some(_)) => alu(integer::bfeil_at(), dst, &[a, b]),
        (table::Op::Bfeil, None) => alu(integer::bfeil(), dst, &[a, b, c]),
        (table::Op::Extr, _) => alu(integer::extr(), dst, &[a, b, c]),
        (table::Op::Shlhi, _) => alu(integer::shlhi(), dst, &[a, b, c]),
        (table::Op::Shrhi, _) => alu(integer::shrhi(), dst, &[a, b, c]),
        (table::Op::Asr, _) => alu(integer::asr(), dst, &[operand::signed(a), b]),
        (table::Op::Asrh, _) => alu(integer::asrh(), dst, &[operand::signed(a), b]),
        (op, _) => return Err(format!("{op:?} is no shift")),
    };
    alu.p = fixed.unwrap_or(0);
    alu.q = mask;
    Ok(alu)
}

fn bitop(inst: &Instruction) -> Result<Alu, Refusal> {
    let dst = operand::dalu(inst)?;
    let (a, b) = (operand::alu(inst, 1)?, operand::alu(inst, 2)?);
    let table = inst.field("tt");
    let mut alu = match table {
        0b1000 => alu(integer::and(), dst, &[a, b]),
        0b1110 => alu(integer::or(), dst, &[a, b]),
        0b0110 => alu(integer::xor(), dst, &[a, b]),
        0b1010 => alu(integer::mov(), dst, &[a]),
        _ => alu(integer::bitop(), dst, &[a, b]),
    };
    alu.p = table as u32;
    Ok(alu)
}

fn control(inst: &Instruction) -> Result<Option<Op>, Refusal> {
    let n = inst.field("n") as u8;
    let off = inst.field("off") as u32 as i32;
    let jumps = [
        table::Op::JmpExecAny,
        table::Op::JmpExecNone,
        table::Op::Call,
    ];
    if jumps.contains(&inst.entry.op) && off & 1 == 1 {
        return Err(format!("jump by {off}"));
    }
    let branch = |what| -> Result<Op, Refusal> {
        let condition = comparison(inst, 0)?;
        Ok(Op::Branch { what, n, condition })
    };
    Ok(Some(match inst.entry.op {
        table::Op::IfIcmp | table::Op::IfFcmp => branch(Branch::If)?,
        table::Op::ElseIcmp | table::Op::ElseFcmp => branch(Branch::Else)?,
        table::Op::WhileIcmp | table::Op::WhileFcmp => branch(Branch::While)?,
        table::Op::PopExec => Op::PopExec { n },
        table::Op::JmpExecAny => Op::JumpAny(off),
        table::Op::JmpExecNone => Op::JumpNone(off),
        table::Op::Call => Op::Call(off),
        table::Op::CallReg => Op::CallRegister(inst.operand(0) as u8),
        table::Op::Ret => Op::Return(inst.operand(0) as u8),
        table::Op::Stop => Op::Stop,
        table::Op::Trap => Op::Trap,
        table::Op::Wait | table::Op::MemoryBarrier => Op::Nop,
        table::Op::ThreadgroupBarrier => Op::Barrier,
        table::Op::IcmpBallot | table::Op::FcmpBallot => Op::Ballot {
            dst: operand::dalu(inst)?,
            condition: comparison(inst, 1)?,
            simd: inst.field("simd") == 1,
        },
        _ => return Ok(None),
    }))
}
