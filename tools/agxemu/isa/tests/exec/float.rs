// SPDX-License-Identifier: MIT OR Apache-2.0

//! Floats, bit for bit on edge values, and conversions.

use agx_isa::exec::assemble::{cmpsel, dalu, float, half, half_float, imm, word, Builder};
use agx_isa::table::Op;

use super::support::{lanes, Bench};

const NAN: u32 = 0x7fc0_0000;
const INF: u32 = 0x7f80_0000;
const MINUS: u32 = 0x8000_0000;
const ONE: u32 = 0x3f80_0000;
/// The smallest normal number, and the largest denormal one.
const TINY: u32 = 0x0080_0000;
const DENORMAL: u32 = 0x007f_ffff;
const MAX: u32 = 0x7f7f_ffff;

/// 32-bit register as float source.
fn f(number: u64) -> u64 {
    float(number * 2, 9, false, false)
}

/// 16-bit register as float source of a 32-bit operation.
fn f16(at: u64) -> u64 {
    float(at, 1, false, false)
}

fn h(at: u64) -> u64 {
    half_float(at, 1, false, false)
}

/// r1 of one instruction with r2, r3, r4.
fn one(inst: Builder, a: u32, b: u32, c: u32) -> u32 {
    let bench = Bench::new(&[inst]);
    bench
        .set(1, |_| 0xdead_beef)
        .set(2, |_| a)
        .set(3, |_| b)
        .set(4, |_| c)
        .done()
        .get(1)[0]
}

fn binary(op: Op) -> Builder {
    Builder::new(op).operands(&[dalu(2, true), f(2), f(3)])
}

#[test]
fn sums_and_products_of_edges() {
    for (a, b, sum, product) in [
        (ONE, ONE, 0x4000_0000, ONE),
        (ONE, ONE | MINUS, 0, ONE | MINUS),
        (0, MINUS, 0, MINUS),
        (MINUS, MINUS, MINUS, 0),
        (MINUS, ONE, ONE, MINUS),
        (INF, INF | MINUS, NAN, INF | MINUS),
        (INF, 0, INF, NAN),
        (INF, ONE, INF, INF),
        (MAX, MAX, INF, INF),
        (0x7f80_0001, ONE, NAN, NAN),
        (0xffff_ffff, ONE, NAN, NAN),
        // Denormal sources are zeroes of their sign.
        (DENORMAL, ONE, ONE, 0),
        (DENORMAL | MINUS, ONE, ONE, MINUS),
        (DENORMAL, DENORMAL, 0, 0),
        (DENORMAL | MINUS, MINUS, MINUS, 0),
        (DENORMAL, INF, INF, NAN),
        // So are denormal results.
        (TINY + 1, TINY | MINUS, 0, MINUS),
        (TINY, 0x3f00_0000, 0x3f00_0000, 0),
        (TINY | MINUS, 0x3f00_0000, 0x3f00_0000, MINUS),
        // Ties go to even.
        (ONE, 0x3380_0000, ONE, 0x3380_0000),
        (ONE + 1, 0x3380_0000, ONE + 2, 0x3380_0001),
    ] {
        let seen = one(binary(Op::Fadd), a, b, 0);
        assert_eq!(seen, sum, "{a:08x} + {b:08x} = {seen:08x}");
        let seen = one(binary(Op::Fmul), a, b, 0);
        assert_eq!(seen, product, "{a:08x} * {b:08x} = {seen:08x}");
    }
}

#[test]
fn fused_products_round_once() {
    let fma = Builder::new(Op::Ffma).operands(&[dalu(2, true), f(2), f(3), f(4)]);
    // (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24, which a rounded product loses.
    let x = ONE + (1 << 11);
    assert_eq!(one(fma, x, x, (ONE + (1 << 12)) | MINUS), 0x3380_0000);
    assert_eq!(one(fma, MINUS, ONE, MINUS), MINUS);
    assert_eq!(one(fma, 0, ONE, MINUS), 0);
    assert_eq!(one(fma, INF, 0, ONE), NAN);
    assert_eq!(one(fma, TINY, 0x3f00_0000, DENORMAL), 0);
}

#[test]
fn sources_have_signs_sizes_and_immediates() {
    let source = |source| {
        let zero = float(0, 0, false, true);
        Builder::new(Op::Fadd).operands(&[dalu(2, true), source, zero])
    };
    let minus_two = 0xc000_0000;
    assert_eq!(
        one(source(float(4, 9, true, false)), minus_two, 0, 0),
        0x4000_0000
    );
    assert_eq!(
        one(source(float(4, 9, true, true)), 0x4000_0000, 0, 0),
        minus_two
    );
    assert_eq!(
        one(source(float(4, 9, false, true)), minus_two, 0, 0),
        0x4000_0000
    );
    // r2h as a half float: the smallest denormal is kept.
    assert_eq!(one(source(f16(5)), 0x0001_3c00, 0, 0), 0x3380_0000);
    assert_eq!(one(source(f16(5)), 0xfbff_0000, 0, 0), 0xc77f_e000);
    assert_eq!(one(source(f16(5)), 0xfc00_0000, 0, 0), INF | MINUS);
    assert_eq!(one(source(f16(5)), 0xfe00_0000, 0, 0), NAN);
    // Immediates: sign, three bits of exponent, four of mantissa.
    let immediate = |v| f32::from_bits(one(source(float(v, 0, false, false)), 0, 0, 0));
    for (v, value) in [
        (0x30, 1.0),
        (0x7f, 31.0),
        (1, 1.0 / 64.0),
        (0xb8, -1.5),
        (0x10, 0.25),
    ] {
        assert_eq!(immediate(v), value);
    }
    assert_eq!(immediate(0x80).to_bits(), MINUS);
    let mut uniform = Bench::new(&[source(float(6, 6, false, true))]);
    uniform.shared.uniforms[7] = 0x3f80;
    assert_eq!(uniform.done().get(1)[0], ONE | MINUS);
}

#[test]
fn saturation_bounds_results() {
    let sat = |a, b| one(binary(Op::Fadd).field("sat", 1), a, b, 0);
    assert_eq!(sat(ONE, ONE), ONE);
    assert_eq!(sat(ONE | MINUS, 0), 0);
    assert_eq!(sat(NAN, 0), 0);
    assert_eq!(sat(MINUS, MINUS), 0);
    assert_eq!(sat(INF, 0), ONE);
    assert_eq!(sat(0x3f00_0000, 0), 0x3f00_0000);
    let short = Builder::new(Op::Hmul)
        .operands(&[dalu(2, false), h(4), h(6)])
        .field("sat", 1);
    assert_eq!(one(short, 0x4000, 0x4000, 0), 0xdead_3c00);
    assert_eq!(one(short, 0x7e00, 0x4000, 0), 0xdead_0000);
}

#[test]
fn results_of_16_bits() {
    // A 32-bit operation rounds to 32 bits first: 1 + 2^-11 + 2^-25 becomes the tie, then 1.
    let twice = Builder::new(Op::Fadd).operands(&[dalu(3, false), f(2), f(3)]);
    assert_eq!(one(twice, ONE + (1 << 12), 0x3300_0000, 0), 0x3c00_beef);
    assert_eq!(one(twice, ONE + (1 << 12) + 1, 0, 0), 0x3c01_beef);
    // 16-bit denormals are kept, overflow is infinite, NaN is one.
    assert_eq!(one(twice, 0x3380_0000, 0, 0), 0x0001_beef);
    assert_eq!(one(twice, 0x3300_0000, 0, 0), 0x0000_beef);
    assert_eq!(one(twice, 0x3300_0001, 0, 0), 0x0001_beef);
    assert_eq!(one(twice, 0x477f_f000, 0, 0), 0x7c00_beef);
    assert_eq!(one(twice, 0x477f_efff, 0, 0), 0x7bff_beef);
    assert_eq!(one(twice, 0xffc0_0000, 0, 0), 0x7e00_beef);
    // 16-bit operations round once. 1 * 1 + 2^-11 is a tie; a bit more is not.
    let fma = Builder::new(Op::Hfma).operands(&[dalu(2, false), h(4), h(6), h(8)]);
    let x = 0x3c01; // 1 + 2^-10; squared 1 + 2^-9 + 2^-20
    assert_eq!(one(fma, x, x, 0x1000), 0xdead_3c03); // + 2^-11: above the tie
    assert_eq!(one(fma, 0x3c00, 0x3c02, 0x1000), 0xdead_3c02); // the tie itself
    assert_eq!(one(fma, 1, 1, 0x3c00), 0xdead_3c00);
    // 1 + 2^-10 + 2^-11 - 2^-31 is below the tie, but not when rounded to 32 bits first.
    assert_eq!(one(fma, 0x2801, 0x23fe, 0x3c01), 0xdead_3c01);
    assert_eq!(one(fma, 0x7bff, 0x7bff, 0xfc00), 0xdead_fc00);
    assert_eq!(one(fma, 0x7c00, 0, 0), 0xdead_7e00);
}

/// All half floats: conversion there and back, by the definition of the format.
#[test]
fn every_half_float_widens() {
    let inst = Builder::new(Op::Fadd).operands(&[dalu(2, true), f16(4), float(0, 0, false, true)]);
    let back = Builder::new(Op::Fadd).operands(&[dalu(12, false), f(1), float(0, 0, false, true)]);
    for block in 0..2048 {
        let bench = Bench::new(&[inst, back])
            .set(2, |lane| block * 32 + lane)
            .done();
        for lane in 0..32 {
            let bits = block * 32 + lane;
            let (exponent, mantissa) = (bits >> 10 & 31, f64::from(bits & 0x3ff));
            let value = match exponent {
                0 => mantissa * f64::powi(2.0, -24),
                31 if mantissa == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                e => (1024.0 + mantissa) * f64::powi(2.0, e as i32 - 25),
            };
            let signed = if bits & 0x8000 != 0 { -value } else { value };
            let (wide, narrow) = (bench.get(1)[lane as usize], bench.get(6)[lane as usize]);
            if value.is_nan() {
                assert_eq!((wide, narrow), (NAN, 0x7e00));
            } else {
                assert_eq!(
                    (wide, narrow),
                    ((signed as f32).to_bits(), bits),
                    "{bits:04x}"
                );
            }
        }
    }
}

fn function(op: u64) -> Builder {
    Builder::new(Op::Funop)
        .operands(&[dalu(2, true), f(2)])
        .field("op", op)
}

#[test]
fn functions_at_their_edges() {
    let v = f32::to_bits;
    for (op, x, expect) in [
        (0, v(-0.5), v(-1.0)),
        (0, v(-0.0), MINUS),
        (0, DENORMAL | MINUS, MINUS),
        (16, v(0.5), v(1.0)),
        (16, v(-0.5), MINUS),
        (32, v(-1.75), v(-1.0)),
        (48, v(2.5), v(2.0)),
        (48, v(-3.5), v(-4.0)),
        (48, v(16_777_217.0), v(16_777_216.0)),
        (8, 0, INF),
        (8, MINUS, INF | MINUS),
        (8, INF | MINUS, MINUS),
        (8, v(3.0), v(1.0 / 3.0)),
        (8, MAX, 0),
        (8, DENORMAL, INF),
        (9, v(4.0), v(0.5)),
        (9, 0, INF),
        (9, MINUS, INF | MINUS),
        (9, INF, 0),
        (9, v(-1.0), NAN),
        (12, ONE, 0),
        (12, v(8.0), v(3.0)),
        (12, v(0.25), v(-2.0)),
        (12, 0, INF | MINUS),
        (12, MINUS, INF | MINUS),
        (12, v(-1.0), NAN),
        (12, INF, INF),
        (12, TINY, v(-126.0)),
        (13, 0, ONE),
        (13, v(10.0), v(1024.0)),
        (13, v(-126.0), TINY),
        (13, v(-127.0), 0),
        (13, v(128.0), INF),
        (13, INF | MINUS, 0),
        (13, INF, INF),
        (13, NAN, NAN),
        (10, v(0.75), v(0.75)),
        (10, v(1.25), v(0.75)),
        (10, v(2.75), v(-0.75)),
        (10, v(3.75), v(-0.25)),
        (14, 0, v(std::f32::consts::FRAC_PI_2)),
        (14, ONE, ONE),
        (14, v(-1.0), ONE),
    ] {
        let seen = one(function(op), x, 0, 0);
        assert_eq!(seen, expect, "function {op} of {x:08x} is {seen:08x}");
    }
    // x · f(x) is the square root, at zero and infinity too.
    for x in [0, MINUS, INF, ONE, v(2.0), v(1e-20), v(1e30)] {
        let root = f32::from_bits(x) * f32::from_bits(one(function(1), x, 0, 0));
        let expect = f64::from(f32::from_bits(x)).sqrt();
        let near = (f64::from(root) - expect).abs() <= expect * 1e-7;
        assert!(
            root.to_bits() == (expect as f32).to_bits() || near,
            "{x:08x}: {root}"
        );
    }
    assert_eq!(one(function(1), v(-1.0), 0, 0), NAN);
}

/// Against the host's library in 64 bits: at most one unit in the last place away.
#[test]
fn functions_are_exact_to_the_last_place() {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        state
    };
    type Reference = fn(f64) -> f64;
    let cases: [(u64, Reference, u32, u32); 6] = [
        (8, |x| 1.0 / x, 0x0100_0000, 0x7e00_0000),
        (9, |x| 1.0 / x.sqrt(), 0x0100_0000, 0x7f00_0000),
        (12, f64::log2, 0x0080_0000, 0x7f80_0000),
        (12, f64::log2, 0x3f70_0000, 0x3f90_0000),
        (13, f64::exp2, 0x3000_0000, 0x42f0_0000),
        (
            14,
            |x| (x * std::f64::consts::FRAC_PI_2).sin() / x,
            0x2000_0000,
            0x3f80_0000,
        ),
    ];
    for (op, reference, low, high) in cases {
        let mut wrong = 0;
        for _ in 0..500 {
            let input = lanes(|_| 0)
                .map(|_| low + (u64::from(next()) * u64::from(high - low) >> 32) as u32);
            let bench = Bench::new(&[function(op)])
                .set(2, |lane| input[lane as usize])
                .done();
            for (x, seen) in input.into_iter().zip(*bench.get(1)) {
                let expect = (reference(f64::from(f32::from_bits(x))) as f32).to_bits();
                assert!(
                    seen.abs_diff(expect) <= 1,
                    "{op} of {x:08x}: {seen:08x}, {expect:08x}"
                );
                wrong += u32::from(seen != expect);
            }
        }
        assert!(
            wrong <= 2,
            "function {op}: {wrong} of 16000 are not the nearest"
        );
    }
}

#[test]
fn derivatives_are_differences_in_a_quad() {
    let inst = |op| {
        Builder::new(Op::Funop)
            .operands(&[dalu(2, true), f(2)])
            .field("op", op)
    };
    let value = |lane: u32| ((lane * lane) as f32).to_bits();
    let run = |op| *Bench::new(&[inst(op)]).set(2, value).done().get(1);
    let at = |lane: u32| (lane * lane) as f32;
    assert_eq!(
        run(4),
        lanes(|lane| (at(lane | 1) - at(lane & !1)).to_bits())
    );
    assert_eq!(
        run(6),
        lanes(|lane| (at(lane | 2) - at(lane & !2)).to_bits())
    );
}

#[test]
fn comparisons_and_selects() {
    let select = |condition| {
        Builder::new(Op::Fcmpsel)
            .operands(&[
                dalu(2, true),
                f(2),
                f(3),
                cmpsel(1, 4, true),
                cmpsel(2, 4, true),
            ])
            .field("fcond", condition)
    };
    // Condition, then what holds for 1 ? 2, 2 ? 1, 0 ? -0, NaN ? 1, 1 ? NaN, denormal ? 0.
    for (condition, expect) in [
        (0, [2, 2, 1, 2, 2, 1]),
        (1, [1, 2, 2, 2, 2, 2]),
        (2, [2, 1, 2, 2, 2, 2]),
        (3, [1, 2, 2, 2, 1, 2]),
        (5, [2, 1, 1, 2, 2, 1]),
        (6, [1, 2, 1, 2, 2, 1]),
        (7, [2, 1, 2, 2, 1, 2]),
    ] {
        let pairs = [
            (ONE, 0x4000_0000),
            (0x4000_0000, ONE),
            (0, MINUS),
            (NAN, ONE),
            (ONE, NAN),
            (DENORMAL, 0),
        ];
        let seen = pairs.map(|(a, b)| one(select(condition), a, b, 0));
        assert_eq!(seen, expect, "condition {condition}");
    }
    // The selected bits are not touched.
    let raw = Builder::new(Op::Fcmpsel).operands(&[
        dalu(2, true),
        f(3),
        f(3),
        cmpsel(4, 1, true),
        cmpsel(6, 1, true),
    ]);
    assert_eq!(one(raw, DENORMAL, ONE, 0), DENORMAL);
}

#[test]
fn conversions_round_and_saturate() {
    let convert = |mode, round, source| {
        let inst = Builder::new(Op::Convert).operands(&[dalu(2, true), source]);
        inst.field("mode", mode).field("round", round)
    };
    let v = f32::to_bits;
    let r2 = word(2);
    for (mode, round, x, expect) in [
        (0, 1, 0xffff_ff80, v(128.0)),
        (1, 1, 0x80, v(-128.0)),
        (6, 1, 0xdead_ffff, v(65535.0)),
        (7, 1, 0xdead_8000, v(-32768.0)),
        (10, 1, 0xffff_ffff, v(4_294_967_296.0)),
        (10, 0, 0xffff_ffff, 0x4f7f_ffff),
        (10, 1, 0x0100_0001, v(16_777_216.0)),
        (10, 1, 0x0100_0003, v(16_777_220.0)),
        (10, 0, 0x0100_0003, v(16_777_218.0)),
        (11, 1, 0x8000_0000, v(-2_147_483_648.0)),
        (11, 0, 0xfeff_fffd, v(-16_777_218.0)),
        (11, 1, 0xfeff_fffd, v(-16_777_220.0)),
        (8, 0, v(1.9), 1),
        (8, 1, v(1.5), 2),
        (8, 1, v(2.5), 2),
        (8, 0, v(-1.0), 0),
        (8, 0, v(5e9), 0xffff_ffff),
        (8, 0, NAN, 0),
        (8, 0, INF, 0xffff_ffff),
        (8, 0, DENORMAL, 0),
        (9, 0, v(-1.9), 0xffff_ffff),
        (9, 1, v(-1.9), 0xffff_fffe),
        (9, 0, v(-5e9), 0x8000_0000),
        (9, 0, v(5e9), 0x7fff_ffff),
        (9, 0, NAN, 0),
        (4, 0, v(70000.0), 65535),
        (4, 0, v(-3.0), 0),
        (4, 1, v(65534.5), 65534),
        (4, 0, NAN, 0),
        (5, 0, v(-40000.0), 0xffff_8000),
        (5, 0, v(40000.0), 32767),
        (5, 1, v(-1.5), 0xffff_fffe),
        (5, 0, NAN, 0),
    ] {
        let seen = one(convert(mode, round, r2), x, 0, 0);
        assert_eq!(
            seen, expect,
            "mode {mode} round {round} of {x:08x}: {seen:08x}"
        );
    }
    // Half floats on either side.
    assert_eq!(one(convert(9, 0, half(4)), 0xc500, 0, 0), 0xffff_fffb);
    let narrow = |round| {
        let inst = Builder::new(Op::Convert).operands(&[dalu(2, false), word(2)]);
        inst.field("mode", 10).field("round", round)
    };
    assert_eq!(one(narrow(1), 2049, 0, 0), 0xdead_6800);
    assert_eq!(one(narrow(1), 2051, 0, 0), 0xdead_6802);
    assert_eq!(one(narrow(0), 2051, 0, 0), 0xdead_6801);
    assert_eq!(one(narrow(1), 70000, 0, 0), 0xdead_7c00);
    assert_eq!(one(narrow(0), 70000, 0, 0), 0xdead_7bff);
    assert_eq!(one(convert(8, 0, imm(0)), 0, 0, 0), 0);
}
