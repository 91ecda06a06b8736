// SPDX-License-Identifier: MIT OR Apache-2.0

//! Operands: from bits to [`Src`] and [`Dst`].

use super::group::REGISTERS;
use super::op::{Base, Dst, Index, LocalIndex, Registers, Src};
use crate::decode::Instruction;

/// Why an instruction is not carried out.
pub type Refusal = String;

/// A float source: raw bits, whether they are a half float, then what changes the sign.
#[derive(Clone, Copy)]
pub struct FloatSrc {
    pub src: Src,
    pub half: bool,
    pub and: u32,
    pub xor: u32,
}

/// Returns the bits `low..=high` of a value.
pub fn part(value: u64, low: u32, high: u32) -> u64 {
    value >> low & ((1 << (high - low + 1)) - 1)
}

/// Returns the number of a 32-bit register, from that of its low half.
pub fn word(half: u64) -> Result<u8, Refusal> {
    if half & 1 == 1 || half as usize >= REGISTERS * 2 {
        return Err(format!("32-bit register at half {half}"));
    }
    Ok((half / 2) as u8)
}

fn register(half: u64, wide: bool) -> Result<Src, Refusal> {
    Ok(match (wide, half & 1) {
        (true, _) => Src::Word(word(half)?),
        (false, 0) => Src::Low((half / 2) as u8),
        (false, _) => Src::High((half / 2) as u8),
    })
}

/// Returns a 16-bit register.
pub fn half_register(half: u64) -> Src {
    let word = (half / 2) as u8;
    if half & 1 == 0 {
        Src::Low(word)
    } else {
        Src::High(word)
    }
}

fn uniform(half: u64, wide: bool) -> Result<Src, Refusal> {
    if wide && half & 1 == 1 {
        return Err(format!("32-bit uniform at half {half}"));
    }
    let at = half as u16;
    Ok(if wide {
        Src::UniformWord(at)
    } else {
        Src::UniformHalf(at)
    })
}

/// Returns the register pair that starts at a half.
pub fn pair(half: u64) -> Result<u8, Refusal> {
    let low = word(half)?;
    if usize::from(low) + 1 >= REGISTERS {
        return Err(format!("64-bit register at half {half}"));
    }
    Ok(low)
}

/// Returns the destination of 16 or 32 bits.
pub fn dalu(inst: &Instruction) -> Result<Dst, Refusal> {
    let v = inst.operand(0);
    let half = part(v, 2, 9);
    if part(v, 1, 1) == 1 {
        return Ok(Dst::Word(word(half)?));
    }
    Ok(half_dst(half))
}

fn half_dst(half: u64) -> Dst {
    let word = (half / 2) as u8;
    if half & 1 == 0 {
        Dst::Low(word)
    } else {
        Dst::High(word)
    }
}

/// Returns the destination of 16 bits.
pub fn dhalf(inst: &Instruction) -> Result<Dst, Refusal> {
    let v = inst.operand(0);
    if part(v, 1, 1) == 1 {
        return Err("32-bit destination of a 16-bit operation".into());
    }
    Ok(half_dst(part(v, 2, 9)))
}

/// Returns the destination of 16, 32 or 64 bits.
pub fn dalu64(inst: &Instruction) -> Result<Dst, Refusal> {
    let v = inst.operand(0);
    let double = part(v, 3, 9) * 2;
    Ok(match part(v, 1, 2) {
        3 => Dst::Pair(pair(double)?),
        1 => Dst::Word(word(double)?),
        _ => half_dst(part(v, 2, 9)),
    })
}

/// Returns the source whose value is `v`, and type the four bits of `kind`.
fn typed(v: u64, kind: u64) -> Result<Src, Refusal> {
    let bit = |n: u32| kind >> n & 1 == 1;
    match (bit(2), bit(3)) {
        _ if kind == 0 => Ok(Src::Immediate(v as u32)),
        (true, false) => uniform(v + 256 * (kind & 1), bit(1)),
        (false, wide) if kind & 3 != 0 => register(v, wide),
        _ => Err(format!("source of type {kind}")),
    }
}

/// Returns the integer source.
pub fn alu(inst: &Instruction, n: usize) -> Result<Src, Refusal> {
    let v = inst.operand(n);
    typed(part(v, 0, 5) | part(v, 10, 11) << 6, part(v, 6, 9))
}

/// Returns the source of 16 bits with its sign extended; others as they are.
pub fn signed(src: Src) -> Src {
    match src {
        Src::Low(word) => Src::LowSigned(word),
        Src::High(word) => Src::HighSigned(word),
        Src::UniformHalf(half) => Src::UniformSigned(half),
        other => other,
    }
}

/// Returns the source of a multiplication or addition, and whether it is sign-extended.
pub fn mul(inst: &Instruction, n: usize, pairs: bool) -> Result<(Src, bool), Refusal> {
    let v = inst.operand(n);
    let value = part(v, 0, 5) | part(v, 11, 12) << 6;
    let extend = part(v, 10, 10) == 1;
    if pairs && part(v, 8, 9) == 3 {
        return Ok((Src::Pair(pair(value)?), extend));
    }
    let src = typed(value, part(v, 6, 9))?;
    // Immediates are never sign-extended.
    let extend = extend && !matches!(src, Src::Immediate(_));
    Ok((if extend { signed(src) } else { src }, extend))
}

/// Returns the float that eight bits stand for.
pub fn float_immediate(v: u64) -> u32 {
    let mantissa = (v & 15) as f32;
    let exponent = (v >> 4 & 7) as i32;
    let value = match exponent {
        0 => mantissa / 64.0,
        e => (16.0 + mantissa) * f32::powi(2.0, e - 7),
    };
    value.to_bits() | ((v as u32 >> 7) & 1) << 31
}

fn modified(src: Src, abs: u64, neg: u64) -> FloatSrc {
    let half = matches!(src, Src::Low(_) | Src::High(_) | Src::UniformHalf(_));
    let and = if abs == 1 { 0x7fff_ffff } else { !0 };
    let xor = if neg == 1 { 0x8000_0000 } else { 0 };
    FloatSrc {
        src,
        half,
        and,
        xor,
    }
}

fn with_float(src: Src) -> Src {
    match src {
        Src::Immediate(v) => Src::Immediate(float_immediate(v.into())),
        other => other,
    }
}

/// Returns the float source.
pub fn float(inst: &Instruction, n: usize) -> Result<FloatSrc, Refusal> {
    let v = inst.operand(n);
    let src = typed(part(v, 0, 5) | part(v, 12, 13) << 6, part(v, 6, 9))?;
    Ok(modified(with_float(src), part(v, 10, 10), part(v, 11, 11)))
}

/// Returns 16-bit float source.
pub fn half(inst: &Instruction, n: usize) -> Result<FloatSrc, Refusal> {
    let v = inst.operand(n);
    let value = part(v, 0, 5) | part(v, 11, 12) << 6;
    let kind = part(v, 6, 8);
    let src = match kind {
        0 if part(v, 9, 10) != 0 => return Err("immediate with a sign".into()),
        0 => Src::Immediate(float_immediate(value)),
        1..=3 => half_register(value),
        4 | 5 => uniform(value + 256 * (kind & 1), false)?,
        _ => return Err(format!("half source of type {kind}")),
    };
    Ok(modified(src, part(v, 9, 9), part(v, 10, 10)))
}

/// Returns what a select yields.
pub fn cmpsel(inst: &Instruction, n: usize) -> Result<Src, Refusal> {
    let v = inst.operand(n);
    let value = part(v, 0, 5) | part(v, 9, 10) << 6;
    let wide = part(v, 11, 11) == 1;
    match part(v, 6, 8) {
        4 => Ok(Src::Immediate(value as u32)),
        1..=3 => register(value, wide),
        kind @ (6 | 7) => uniform(value + 256 * (kind & 1), wide),
        kind => Err(format!("select source of type {kind}")),
    }
}

/// Returns registers of a memory access: none may lie outside the register file.
pub fn mem(inst: &Instruction, n: usize) -> Result<Registers, Refusal> {
    let v = inst.operand(n);
    let wide = part(v, 8, 8) == 1;
    registers(part(v, 0, 7), wide, part(v, 9, 12) as u8)
}

/// As [`mem`], from parts.
pub fn registers(first: u64, wide: bool, mask: u8) -> Result<Registers, Refusal> {
    if wide {
        word(first)?;
    }
    fits(first, wide, mask.count_ones() as u64)?;
    Ok(Registers {
        first: first as u8,
        wide,
        mask,
    })
}

/// Checks that `count` registers from a half on exist.
pub fn fits(first: u64, wide: bool, count: u64) -> Result<(), Refusal> {
    let halves = if wide { count * 2 } else { count };
    if first + halves > REGISTERS as u64 * 2 {
        return Err(format!("{count} registers from half {first}"));
    }
    Ok(())
}

/// Returns 64-bit base address.
pub fn membase(inst: &Instruction, n: usize) -> Result<Base, Refusal> {
    let v = inst.operand(n);
    let at = part(v, 0, 7);
    if part(v, 8, 8) == 1 {
        if at & 1 == 1 {
            return Err(format!("64-bit uniform at half {at}"));
        }
        return Ok(Base::Uniform(at as u16));
    }
    Ok(Base::Pair(pair(at)?))
}

/// Returns the index added to the base.
pub fn memindex(inst: &Instruction, n: usize) -> Result<Index, Refusal> {
    let v = inst.operand(n);
    let unsigned = part(v, 17, 17) == 1;
    if part(v, 16, 16) == 1 {
        let value = part(v, 0, 15);
        let value = if unsigned {
            value as i64
        } else {
            i64::from(value as u16 as i16)
        };
        return Ok(Index::Immediate(value));
    }
    if part(v, 8, 15) != 0 {
        return Err("index register with high bits".into());
    }
    let word = word(part(v, 0, 7))?;
    Ok(Index::Register {
        word,
        signed: !unsigned,
    })
}

/// Returns the base in threadgroup memory.
pub fn lbase(inst: &Instruction, n: usize) -> Result<Src, Refusal> {
    let v = inst.operand(n);
    let value = part(v, 0, 7);
    Ok(match part(v, 8, 9) {
        0 => half_register(value),
        2 if value == 0 => Src::Immediate(0),
        2 => return Err("threadgroup base zero with a register".into()),
        kind => uniform(value + 256 * (kind >> 1), false)?,
    })
}

/// Returns the index in threadgroup memory.
pub fn lindex(inst: &Instruction, n: usize) -> Result<LocalIndex, Refusal> {
    let v = inst.operand(n);
    if part(v, 16, 16) == 1 {
        return Ok(LocalIndex::Immediate(v as u16 as i16));
    }
    if part(v, 8, 15) != 0 {
        return Err("index register with high bits".into());
    }
    Ok(LocalIndex::Half(part(v, 0, 7) as u8))
}
