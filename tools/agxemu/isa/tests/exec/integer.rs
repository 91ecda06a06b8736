// SPDX-License-Identifier: MIT OR Apache-2.0

use agx_isa::exec::assemble::{
    alu, cmpsel, dalu, dalu64, half, imm, mul, uniform, uniform_kind, word, Builder,
};
use agx_isa::table::Op;

use super::support::{lanes, Bench};

const W: u64 = 9;

/// Runs one instruction that writes r1 (halves 2, 3) out of r2, r3, r4; returns r1 of lane 0.
fn one(inst: Builder, a: u32, b: u32, c: u32) -> u32 {
    let bench = Bench::new(&[inst]);
    let bench = bench
        .set(1, |_| 0xdead_beef)
        .set(2, |_| a)
        .set(3, |_| b)
        .set(4, |_| c)
        .done();
    assert_eq!(*bench.get(1), [bench.get(1)[0]; 32]);
    bench.get(1)[0]
}

fn iadd(size: u64, a: u64, b: u64) -> Builder {
    Builder::new(Op::Iadd).operands(&[dalu64(2, size), a, b])
}

#[test]
fn sums_extend_shift_negate_and_cut() {
    let (a, b) = (mul(4, W, false), mul(6, W, false));
    assert_eq!(one(iadd(1, a, b), 5, 7, 0), 12);
    assert_eq!(one(iadd(1, a, b).field("neg", 1), 5, 7, 0), 0xffff_fffe);
    assert_eq!(one(iadd(1, a, b).field("shift", 4), 5, 7, 0), 5 + 112);
    // From 5 on, the shifted term is zero.
    assert_eq!(one(iadd(1, a, b).field("shift", 5), 5, 7, 0), 5);
    // r2l is sign-extended only when it says so.
    assert_eq!(one(iadd(1, mul(4, 1, true), b), 0xffff, 7, 0), 6);
    assert_eq!(one(iadd(1, mul(4, 1, false), b), 0xffff, 7, 0), 0x10006);
    // r2h, to r1l: the other half stays.
    assert_eq!(
        one(iadd(0, mul(5, 1, false), b), 0x9000_0000, 0x9001, 0),
        0xdead_2001
    );
    // Immediates are never sign-extended.
    assert_eq!(one(iadd(1, mul(255, 0, true), b), 0, 0, 0), 255);
}

#[test]
fn sums_of_64_bits_carry() {
    let inst = Builder::new(Op::Iadd)
        .operands(&[dalu64(20, 2), mul(4, 13, false), mul(8, W, true)])
        .field("shift", 2);
    // r2_r3 + (sext(r4) << 2)
    let bench = Bench::new(&[inst]).set(2, |_| 0xffff_fff0).set(3, |_| 1);
    let bench = bench.set(4, |lane| lane.wrapping_sub(5)).done();
    let sum = |lane: u32| 0x1_ffff_fff0_u64.wrapping_add(((i64::from(lane) - 5) * 4) as u64);
    assert_eq!(*bench.get(10), lanes(|lane| sum(lane) as u32));
    assert_eq!(*bench.get(11), lanes(|lane| (sum(lane) >> 32) as u32));
}

#[test]
fn products_are_of_32_or_64_bits() {
    let inst = |size, signed| {
        Builder::new(Op::Imad).operands(&[
            dalu64(20, size),
            mul(4, W, signed),
            mul(6, W, signed),
            mul(0, 0, false),
        ])
    };
    let run = |inst| {
        Bench::new(&[inst])
            .set(2, |_| 0xffff_fffd)
            .set(3, |_| 10)
            .set(11, |_| 9)
            .done()
    };
    let bench = run(inst(2, false));
    assert_eq!((bench.get(10)[3], bench.get(11)[3]), (0xffff_ffe2, 9));
    let bench = run(inst(2, true));
    assert_eq!(
        (bench.get(10)[3], bench.get(11)[3]),
        (0xffff_ffe2, 0xffff_ffff)
    );
    let bench = run(inst(1, true));
    assert_eq!((bench.get(10)[3], bench.get(11)[3]), (0xffff_ffe2, 9));
    let minus = Builder::new(Op::Imad)
        .operands(&[
            dalu64(2, 1),
            mul(4, W, false),
            mul(6, W, false),
            mul(8, W, false),
        ])
        .field("neg", 1)
        .field("shift", 1);
    assert_eq!(one(minus, 6, 7, 5), 32);
}

#[test]
fn saturation_follows_the_sign_of_the_sources() {
    let sum = |size, signed, neg| {
        iadd(size, mul(4, W, signed), mul(6, W, signed))
            .field("sat", 1)
            .field("neg", neg)
    };
    assert_eq!(one(sum(1, false, 0), 0xffff_fff0, 0x20, 0), 0xffff_ffff);
    assert_eq!(one(sum(1, false, 1), 3, 5, 0), 0);
    assert_eq!(one(sum(1, true, 0), 0x7fff_fff0, 0x20, 0), 0x7fff_ffff);
    assert_eq!(one(sum(1, true, 1), 0x8000_0005, 0x20, 0), 0x8000_0000);
    assert_eq!(one(sum(0, false, 0), 0xfff0, 0x20, 0), 0xdead_ffff);
    assert_eq!(one(sum(0, true, 0), 0x7ff0, 0x20, 0), 0xdead_7fff);
}

fn shift(op: Op, m: u64) -> Builder {
    Builder::new(op)
        .operands(&[dalu(2, true), word(2), word(3), word(4)])
        .field("m", m)
}

#[test]
fn shifts_insert_and_extract() {
    assert_eq!(one(shift(Op::Bfi, 4), 0xffff_ffff, 0x25, 8), 0xffff_f5ff);
    assert_eq!(one(shift(Op::Bfi, 0), 0xffff_ffff, 0x25, 8), 0x0000_25ff);
    assert_eq!(one(shift(Op::Bfi, 8), 7, 0xab, 28), 0xb000_0007);
    assert_eq!(one(shift(Op::Bfi, 0), 7, 0xab, 32), 7);
    // The shift has seven bits.
    assert_eq!(one(shift(Op::Bfi, 0), 0, 0xab, 128 + 4), 0xab0);
    assert_eq!(one(shift(Op::Bfeil, 3), 0, 0x1234_5678, 4), 7);
    assert_eq!(one(shift(Op::Bfeil, 0), 0, 0x1234_5678, 40), 0);
    assert_eq!(
        one(shift(Op::Bfeil, 8), 0xffff_0000, 0x1234_5678, 8),
        0xffff_0056
    );
    assert_eq!(
        one(shift(Op::Extr, 0), 0x1111_2222, 0x3333_4444, 16),
        0x4444_1111
    );
    assert_eq!(one(shift(Op::Extr, 8), 0x1111_2222, 0x3333_4444, 36), 0x44);
    assert_eq!(one(shift(Op::Extr, 0), 1, 1, 64), 0);
    assert_eq!(one(shift(Op::Shlhi, 0), 0, 0x8000_0001, 4), 8);
    assert_eq!(one(shift(Op::Shrhi, 0), 0, 0x8000_0001, 4), 0x1000_0000);
    // The amount is in the second source.
    assert_eq!(one(shift(Op::Asr, 0), 0x8000_0000, 4, 0), 0xf800_0000);
    assert_eq!(one(shift(Op::Asr, 0), 0x8000_0000, 99, 0), 0xffff_ffff);
    assert_eq!(one(shift(Op::Asrh, 0), 0x8000_0000, 4, 0), 0);
    assert_eq!(one(shift(Op::Asrh, 0), 0x8000_0000, 32 + 4, 0), 0xf800_0000);
    // With the amount stated, and in a half register with its sign.
    let fixed = Builder::new(Op::Bfi).operands(&[dalu(2, true), imm(1), word(3), imm(5)]);
    assert_eq!(one(fixed, 0, 3, 0), 0x61);
    let small = Builder::new(Op::Asr).operands(&[dalu(2, true), half(5), imm(2)]);
    assert_eq!(one(small, 0x8004_0000, 0, 0), 0xffff_e001);
}

#[test]
fn bits_are_combined_counted_and_turned() {
    let table = |tt| {
        Builder::new(Op::Bitop)
            .operands(&[dalu(2, true), word(2), word(3)])
            .field("tt", tt)
    };
    let (a, b) = (0x0ff0_1234, 0x00ff_f0f0);
    let named = [
        (8, a & b),
        (14, a | b),
        (6, a ^ b),
        (10, a),
        (5, !a),
        (12, b),
        (1, !(a | b)),
    ];
    for (tt, expect) in named {
        assert_eq!(one(table(tt), a, b, 0), expect, "{tt}");
    }
    // From the lowest bit on, the truth table has ~a&~b, a&~b, ~a&b, a&b.
    for tt in 0..16 {
        let naive = (0..32).fold(0u32, |out, bit| {
            let row = a >> bit & 1 | (b >> bit & 1) << 1;
            out | ((tt as u32 >> row) & 1) << bit
        });
        assert_eq!(one(table(tt), a, b, 0), naive, "{tt}");
    }
    let unary = |op| Builder::new(op).operands(&[dalu(2, true), word(2)]);
    assert_eq!(one(unary(Op::Bitrev), 1, 0, 0), 0x8000_0000);
    assert_eq!(one(unary(Op::Popcount), 0xf0f0_0001, 0, 0), 9);
    assert_eq!(one(unary(Op::Ffs), 0x0001_0000, 0, 0), 16);
    assert_eq!(one(unary(Op::Ffs), 0, 0, 0), 0xffff_ffff);
    let both = Builder::new(Op::Intl).operands(&[dalu(2, true), word(2), word(3)]);
    assert_eq!(one(both, 0x1_000f, 0, 0), 0x55);
    assert_eq!(one(both, 0, 0x8001, 0), 0x8000_0002);
}

#[test]
fn selects_compare_signed_and_unsigned() {
    let inst = |condition, a, b| {
        Builder::new(Op::Icmpsel)
            .operands(&[dalu(2, true), a, b, cmpsel(1, 4, true), cmpsel(8, 1, true)])
            .field("icond", condition)
    };
    let (a, b) = (word(2), word(3));
    let minus = 0xffff_ffff;
    for (condition, expect) in [(0, 99), (1, 99), (2, 1), (5, 1), (6, 99)] {
        assert_eq!(
            one(inst(condition, a, b), minus, 3, 99),
            expect,
            "{condition}"
        );
        assert_eq!(
            one(inst(condition, a, b), 4, 4, 99),
            if condition == 0 { 1 } else { 99 }
        );
    }
    // 16-bit sources are sign-extended for signed conditions, equality too.
    assert_eq!(one(inst(5, half(4), b), 0xffff, 3, 99), 1);
    assert_eq!(one(inst(4, half(4), b), 0xffff, minus, 99), 1);
    assert_eq!(one(inst(0, half(4), b), 0xffff, minus, 99), 99);
}

#[test]
fn moves_read_uniforms_and_immediates() {
    let value = Builder::new(Op::MovImm32)
        .operands(&[dalu(2, true)])
        .field("imm", 0x1234_5678);
    assert_eq!(one(value, 0, 0, 0), 0x1234_5678);
    let low = Builder::new(Op::MovImm16)
        .operands(&[dalu(3, false)])
        .field("imm", 0x1234);
    assert_eq!(one(low, 0, 0, 0), 0x1234_beef);
    let from = |source| {
        let inst = Builder::new(Op::Bitop)
            .operands(&[dalu(2, true), source])
            .field("tt", 10);
        let mut bench = Bench::new(&[inst]);
        for (n, half) in bench.shared.uniforms.iter_mut().enumerate() {
            *half = n as u16;
        }
        bench.done().get(1)[31]
    };
    assert_eq!(from(uniform(6, true)), 0x0007_0006);
    assert_eq!(from(uniform(301, false)), 301);
    assert_eq!(from(uniform(510, true)), 0x01ff_01fe);
    assert_eq!(from(alu(200, 0)), 200);
    assert_eq!(uniform_kind(301, false), 5);
}
