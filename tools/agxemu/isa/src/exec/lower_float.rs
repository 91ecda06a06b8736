// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lowering of float operations and conversions.

use super::kernel::Kernel;
use super::lower::{alu, pick};
use super::op::{Alu, Dst, Op, Src};
use super::operand::{self, FloatSrc, Refusal};
use super::{convert, float, half};
use crate::decode::Instruction;
use crate::table;

/// Returns sums and products of 32-bit floats.
pub(super) fn float_operation(inst: &Instruction, sat: bool) -> Result<Alu, Refusal> {
    let dst = operand::dalu(inst)?;
    let count = if inst.entry.op == table::Op::Ffma {
        3
    } else {
        2
    };
    let all: Result<Vec<_>, _> = (1..=count).map(|n| operand::float(inst, n)).collect();
    let all = all?;
    // Where all sources are half floats one loop does it.
    let halves = all
        .iter()
        .all(|f| f.half || matches!(f.src, Src::Immediate(_)));
    let signs = all.iter().any(|f| (f.and, f.xor) != (!0, 0));
    if !halves || !all.iter().any(|f| f.half) {
        let kernel = match inst.entry.op {
            table::Op::Fadd => pick(sat, float::add::<false>(), float::add::<true>()),
            table::Op::Fmul => pick(sat, float::mul::<false>(), float::mul::<true>()),
            _ if sat => float::fma::<true, true>(),
            _ if signs => float::fma::<false, true>(),
            _ => float::fma::<false, false>(),
        };
        return Ok(narrowed(float_alu(kernel, dst, &all)));
    }
    macro_rules! single {
        ($kernel:ident) => {
            match (sat, matches!(dst, Dst::Word(_))) {
                (false, true) => half::$kernel::<false, false>(),
                (true, true) => half::$kernel::<true, false>(),
                (false, false) => half::$kernel::<false, true>(),
                (true, false) => half::$kernel::<true, true>(),
            }
        };
    }
    let kernel = match inst.entry.op {
        table::Op::Fadd => single!(single_add),
        table::Op::Fmul => single!(single_mul),
        _ => single!(single_fma),
    };
    Ok(half_alu(kernel, dst, &all))
}

/// Returns an operation whose first sources are floats.
pub(super) fn float_alu(kernel: Kernel, dst: Dst, floats: &[FloatSrc]) -> Alu {
    let mut all = [Src::Immediate(0); 4];
    for (to, from) in all.iter_mut().zip(floats) {
        *to = from.src;
    }
    let mut alu = alu(kernel, dst, &all[..floats.len()]);
    for (n, from) in floats.iter().enumerate() {
        if from.half {
            widened(&mut alu, n);
        }
        alu.and[n] = from.and;
        alu.xor[n] = from.xor;
    }
    alu
}

/// Makes source `n`, a half float, reach the kernel as a 32-bit one.
fn widened(alu: &mut Alu, n: usize) {
    let (src, widen) = match alu.src[n] {
        Src::Low(word) => (Src::Word(word), half::from_low()),
        Src::High(word) => (Src::Word(word), half::from_high()),
        other => (other, half::from_low()),
    };
    alu.src[n] = src;
    alu.widen[n] = Some(widen);
}

/// Returns an operation of half floats. The kernel gets whole words, and in `p` what shifts each
/// source to the high half.
pub(super) fn half_alu(kernel: Kernel, dst: Dst, halves: &[FloatSrc]) -> Alu {
    let mut all = [Src::Immediate(0); 4];
    let mut shifts = 0;
    for (n, (to, from)) in all.iter_mut().zip(halves).enumerate() {
        let (src, shift) = match from.src {
            Src::Low(word) => (Src::Word(word), 16),
            Src::High(word) => (Src::Word(word), 0),
            // All of these are half floats, too.
            Src::Immediate(value) => (Src::Immediate(half::narrow(value)), 16),
            other => (other, 16),
        };
        *to = src;
        shifts |= shift << (8 * n);
    }
    let mut alu = alu(kernel, dst, &all[..halves.len()]);
    for (n, from) in halves.iter().enumerate() {
        alu.and[n] = from.and;
        alu.xor[n] = from.xor;
    }
    alu.p = shifts;
    alu
}

/// Rounds a 32-bit float result to the size of the destination.
fn narrowed(mut alu: Alu) -> Alu {
    if matches!(alu.dst, Dst::Low(_) | Dst::High(_)) {
        alu.narrow = Some(half::nearest());
    }
    alu
}

pub(super) fn conversion(inst: &Instruction) -> Result<Alu, Refusal> {
    let dst = operand::dalu(inst)?;
    let src = operand::alu(inst, 1)?;
    let nearest = match inst.field("round") {
        0 => false,
        1 => true,
        round => return Err(format!("rounding mode {round}")),
    };
    let mode = inst.field("mode");
    let mut alu = alu(
        match (mode, nearest) {
            (0 | 6 | 10, true) => convert::u_to_f::<true>(),
            (0 | 6 | 10, false) => convert::u_to_f::<false>(),
            (1 | 7 | 11, true) => convert::s_to_f::<true>(),
            (1 | 7 | 11, false) => convert::s_to_f::<false>(),
            (4, true) => convert::f_to_u16::<true>(),
            (4, false) => convert::f_to_u16::<false>(),
            (5, true) => convert::f_to_s16::<true>(),
            (5, false) => convert::f_to_s16::<false>(),
            (8, true) => convert::f_to_u32::<true>(),
            (8, false) => convert::f_to_u32::<false>(),
            (9, true) => convert::f_to_s32::<true>(),
            (9, false) => convert::f_to_s32::<false>(),
            _ => return Err(format!("conversion {mode}")),
        },
        dst,
        &[src],
    );
    let bits = match mode {
        0 | 1 => 8,
        6 | 7 => 16,
        _ => 32,
    };
    alu.p = !0 >> (32 - bits);
    alu.q = 32 - bits;
    let to_integer = matches!(mode, 4 | 5 | 8 | 9);
    if to_integer {
        if matches!(src, Src::Low(_) | Src::High(_) | Src::UniformHalf(_)) {
            widened(&mut alu, 0);
        }
    } else if !matches!(dst, Dst::Word(_)) {
        alu.narrow = Some(pick(nearest, half::to_zero(), half::nearest()));
    }
    Ok(alu)
}

pub(super) fn funop(inst: &Instruction) -> Result<Op, Refusal> {
    let dst = operand::dalu(inst)?;
    let src = operand::float(inst, 1)?;
    let sat = inst.field("sat") == 1;
    macro_rules! unary {
        ($kernel:ident) => {
            pick(sat, float::$kernel::<false>(), float::$kernel::<true>())
        };
    }
    let kernel = match inst.field("op") {
        0 => unary!(round_down),
        1 => unary!(sqrt_helper),
        4 | 6 => unary!(difference),
        8 => unary!(rcp),
        9 => unary!(rsqrt),
        10 => unary!(sine_fold),
        12 => unary!(log2),
        13 => unary!(exp2),
        14 => unary!(sine_ratio),
        16 => unary!(round_up),
        32 => unary!(round_to_zero),
        48 => unary!(round),
        op => return Err(format!("float function {op}")),
    };
    let alu = narrowed(float_alu(kernel, dst, &[src]));
    Ok(match inst.field("op") {
        op @ (4 | 6) => Op::Difference {
            alu,
            vertical: op == 6,
        },
        _ => Op::Alu(alu),
    })
}
