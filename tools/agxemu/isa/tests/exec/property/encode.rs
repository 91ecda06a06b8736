// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random instructions as code.

use agx_isa::exec::assemble as asm;
use agx_isa::exec::assemble::Builder;
use agx_isa::table::Op;

use super::program::{D, F, I, S};

fn kind(s: S) -> (u64, u64) {
    match s {
        S::Word(n) => (n * 2, 9),
        S::Half(n) => (n, 1),
        S::Pair(n) => (n * 2, 13),
        S::UniformWord(n) => (n & 255, 6 | n >> 8),
        S::UniformHalf(n) => (n & 255, 4 | n >> 8),
        S::Imm(v) => (v, 0),
    }
}

fn alu(s: S) -> u64 {
    let (value, kind) = kind(s);
    asm::alu(value, kind)
}

fn mul((s, signed): (S, bool)) -> u64 {
    let (value, kind) = kind(s);
    asm::mul(value, kind, signed)
}

fn float(f: F) -> u64 {
    let (value, kind) = kind(f.src);
    asm::float(value, kind, f.abs, f.neg)
}

fn half(f: F) -> u64 {
    let (value, kind) = kind(f.src);
    asm::half_float(value, kind & 7, f.abs, f.neg)
}

/// The size of what a select yields is that of its destination.
fn cmpsel(s: S, dst: D) -> u64 {
    let wide = matches!(dst, D::Word(_));
    match s {
        S::Word(n) => asm::cmpsel(n * 2, 1, wide),
        S::Half(n) => asm::cmpsel(n, 1, wide),
        S::UniformWord(n) | S::UniformHalf(n) => asm::cmpsel(n & 255, 6 | n >> 8, wide),
        S::Imm(v) => asm::cmpsel(v, 4, wide),
        S::Pair(_) => unreachable!("no select of pairs"),
    }
}

fn dalu(dst: D) -> u64 {
    match dst {
        D::Word(n) | D::Pair(n) => asm::dalu(n * 2, true),
        D::Half(n) => asm::dalu(n, false),
    }
}

fn dalu64(dst: D) -> u64 {
    match dst {
        D::Word(n) => asm::dalu64(n * 2, 1),
        D::Half(n) => asm::dalu64(n, 0),
        D::Pair(n) => asm::dalu64(n * 2, 2),
    }
}

/// `r13 -= 1` and the comparison that keeps lanes in the loop.
const COUNTER: u64 = 13;

impl I {
    /// The code of the instruction.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let b = Builder::new;
        let one = match self {
            Self::Mov {
                dst: dst @ D::Half(_),
                value,
            } => b(Op::MovImm16)
                .operands(&[dalu(*dst)])
                .field("imm", u64::from(*value & 0xffff)),
            Self::Mov { dst, value } => b(Op::MovImm32)
                .operands(&[dalu(*dst)])
                .field("imm", u64::from(*value)),
            Self::Lane { dst, sr } => b(Op::GetSr).operands(&[dalu(*dst)]).field("sr", *sr),
            Self::Sum {
                dst,
                a,
                b: y,
                c,
                neg,
                shift,
                sat,
            } => match c {
                None => b(Op::Iadd).operands(&[dalu64(*dst), mul(*a), mul(*y)]),
                Some(c) => b(Op::Imad).operands(&[dalu64(*dst), mul(*a), mul(*y), mul(*c)]),
            }
            .field("neg", (*neg).into())
            .field("shift", *shift)
            .field("sat", (*sat).into()),
            Self::Shift {
                op,
                dst,
                a,
                b: y,
                c,
                m,
            } => b(*op)
                .operands(&[dalu(*dst), alu(*a), alu(*y), alu(*c)])
                .field("m", *m),
            Self::Bits { dst, a, b: y, tt } => b(Op::Bitop)
                .operands(&[dalu(*dst), alu(*a), alu(*y)])
                .field("tt", *tt),
            Self::Unary { op, dst, a } => b(*op).operands(&[dalu(*dst), alu(*a)]),
            Self::Interleave { dst, a, b: y } => {
                b(Op::Intl).operands(&[dalu(*dst), alu(*a), alu(*y)])
            }
            Self::Select {
                dst,
                cond,
                a,
                b: y,
                c,
                d,
            } => b(Op::Icmpsel)
                .operands(&[
                    dalu(*dst),
                    alu(*a),
                    alu(*y),
                    cmpsel(*c, *dst),
                    cmpsel(*d, *dst),
                ])
                .field("icond", *cond),
            Self::FloatSelect {
                dst,
                cond,
                a,
                b: y,
                c,
                d,
            } => b(Op::Fcmpsel)
                .operands(&[
                    dalu(*dst),
                    float(*a),
                    float(*y),
                    cmpsel(*c, *dst),
                    cmpsel(*d, *dst),
                ])
                .field("fcond", *cond),
            Self::Float { op, dst, src, sat } => {
                let short = matches!(op, Op::Hadd | Op::Hmul | Op::Hfma);
                let source = if short { half } else { float };
                let mut operands = vec![dalu(*dst)];
                operands.extend(src.iter().map(|&f| source(f)));
                b(*op).operands(&operands).field("sat", (*sat).into())
            }
            Self::Function { op, dst, a, sat } => b(Op::Funop)
                .operands(&[dalu(*dst), float(*a)])
                .field("op", *op)
                .field("sat", (*sat).into()),
            Self::Convert {
                dst,
                mode,
                round,
                a,
            } => b(Op::Convert)
                .operands(&[dalu(*dst), alu(*a)])
                .field("mode", *mode)
                .field("round", *round),
            Self::Access {
                local,
                store,
                first,
                wide,
                mask,
                fmt,
            } => {
                let op = match (local, store) {
                    (false, false) => Op::DeviceLoad,
                    (false, true) => Op::DeviceStore,
                    (true, false) => Op::LocalLoad,
                    (true, true) => Op::LocalStore,
                };
                let [base, index] = if *local {
                    [2 << 8, 30]
                } else {
                    [asm::uniform_base(0), asm::index_word(14, false)]
                };
                b(op)
                    .operands(&[asm::mem(*first, *wide, *mask), base, index])
                    .field("fmt", *fmt)
            }
            Self::Ballot {
                dst,
                cond,
                a,
                b: y,
                simd,
            } => b(Op::IcmpBallot)
                .operands(&[dalu(*dst), alu(*a), alu(*y)])
                .field("icond", *cond)
                .field("simd", (*simd).into()),
            Self::Shuffle {
                dst,
                a,
                index,
                simd,
                op,
            } => b(Op::Shuffle)
                .operands(&[dalu(*dst), alu(*a), alu(*index)])
                .field("simd", (*simd).into())
                .field("op", *op),
            Self::Reduce {
                dst,
                a,
                op,
                simd,
                prefix,
            } => b(Op::Reduce)
                .operands(&[dalu(*dst), alu(*a)])
                .field("op", *op)
                .field("simd", (*simd).into())
                .field("prefix", (*prefix).into()),
            Self::If {
                cond,
                a,
                b: y,
                then,
                other,
            } => {
                let start = b(Op::IfIcmp).operands(&[alu(*a), alu(*y)]);
                out.extend(start.field("icond", *cond).field("n", 1).bytes());
                then.iter().for_each(|inst| inst.encode(out));
                let always = [asm::float(0, 0, false, false); 2];
                out.extend(b(Op::ElseFcmp).operands(&always).field("n", 1).bytes());
                other.iter().for_each(|inst| inst.encode(out));
                b(Op::PopExec).field("n", 1)
            }
            Self::Loop { body } => {
                let always = [asm::float(0, 0, false, false); 2];
                out.extend(b(Op::IfFcmp).operands(&always).field("n", 1).bytes());
                let counter = alu(S::Word(COUNTER));
                let three = b(Op::Bitop).operands(&[asm::dalu(26, true), counter, asm::imm(3)]);
                out.extend(three.field("tt", 8).bytes());
                let start = out.len();
                body.iter().for_each(|inst| inst.encode(out));
                let less = [
                    asm::dalu64(26, 1),
                    mul((S::Word(COUNTER), false)),
                    mul((S::Imm(1), false)),
                ];
                out.extend(b(Op::Iadd).operands(&less).field("neg", 1).bytes());
                // Stays while the counter is above zero as a signed number.
                let stay = b(Op::WhileIcmp).operands(&[counter, asm::imm(0)]);
                out.extend(stay.field("icond", 6).field("n", 1).bytes());
                let off = start as i32 - out.len() as i32;
                out.extend(
                    b(Op::JmpExecAny)
                        .field("off", u64::from(off as u32))
                        .bytes(),
                );
                b(Op::PopExec).field("n", 1)
            }
        };
        out.extend(one.bytes());
    }
}
