// SPDX-License-Identifier: MIT OR Apache-2.0

//! Float kernels and the conversions that they share.
//!
//! 32-bit sources and results lose their denormals (the sign stays), 16-bit ones keep them. A NaN
//! that an operation yields is always the same one. Sources of 16 bits reach a kernel widened.

use super::integer::mask;
use super::kernel::{kernels, Args};

/// The NaN that 32-bit operations yield.
pub const NAN: u32 = 0x7fc0_0000;
/// The NaN that 16-bit operations yield.
pub const NAN16: u32 = 0x7e00;

/// A denormal becomes a zero of the same sign.
#[inline(always)]
pub fn flush(x: u32) -> u32 {
    let keep = if x & 0x7f80_0000 == 0 {
        0x8000_0000
    } else {
        !0
    };
    x & keep
}

/// The value of a half float as a 32-bit one; exact.
#[inline(always)]
pub fn widen(half: u32) -> u32 {
    let magnitude = (half & 0x7fff) << 13;
    let sign = (half & 0x8000) << 16;
    let rebias = 112 << 23;
    let normal = magnitude + rebias;
    let special = normal + rebias;
    // A denormal gets the exponent of the smallest normal, whose value is then taken away.
    let one = 113 << 23;
    let denormal = f32::from_bits(magnitude + one) - f32::from_bits(one);
    let exponent = magnitude & (0x1f << 23);
    let value = if exponent == 0x1f << 23 {
        special
    } else {
        normal
    };
    sign | if exponent == 0 {
        denormal.to_bits()
    } else {
        value
    }
}

/// The nearest half float, ties to even; denormals are kept.
#[inline(always)]
pub fn narrow(x: u32) -> u32 {
    let sign = x >> 16 & 0x8000;
    let magnitude = x & 0x7fff_ffff;
    // Adding this leaves the bits of a half denormal at the end, rounded by the addition.
    let magic = ((127 - 15) + (23 - 10) + 1) << 23;
    let denormal = (f32::from_bits(magnitude) + f32::from_bits(magic))
        .to_bits()
        .wrapping_sub(magic);
    let odd = magnitude >> 13 & 1;
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
    let finite = if magnitude < 113 << 23 {
        denormal
    } else {
        normal
    };
    let special = if magnitude > 0x7f80_0000 {
        NAN16
    } else {
        0x7c00
    };
    let huge = magnitude >= (127 + 16) << 23;
    let out = if huge { special } else { finite };
    // The one NaN has no sign.
    if magnitude > 0x7f80_0000 {
        out
    } else {
        sign | out
    }
}

/// The half float next to it towards zero.
#[inline(always)]
pub fn narrow_to_zero(x: u32) -> u32 {
    let magnitude = x & 0x7fff_ffff;
    let near = narrow(x);
    // Towards zero of the nearest: one less when it is too large. Infinity is 0x7c00, so the
    // largest finite number is one less as well.
    let too_large = widen(near & 0x7fff) > magnitude && magnitude <= 0x7f80_0000;
    near - u32::from(too_large)
}

/// What is stored as the result of a 32-bit operation.
#[inline(always)]
fn finish<const SAT: bool>(value: f32) -> u32 {
    if SAT {
        // Comparisons with NaN fail: NaN becomes zero, and so does -0.
        let high = if value < 1.0 { value } else { 1.0 };
        return flush(if value > 0.0 { high } else { 0.0 }.to_bits());
    }
    if value.is_nan() {
        NAN
    } else {
        flush(value.to_bits())
    }
}

/// The result of a 16-bit operation, which is narrowed afterwards.
#[inline(always)]
fn finish16<const SAT: bool>(value: f32) -> u32 {
    let high = if value < 1.0 { value } else { 1.0 };
    let bounded = if value > 0.0 { high } else { 0.0 };
    if SAT { bounded } else { value }.to_bits()
}

/// Source `n` with its modifiers.
#[inline(always)]
fn source(x: u32, n: usize, k: &Args<'_>) -> f32 {
    f32::from_bits(flush(x) & k.and[n] ^ k.xor[n])
}

/// `a * b + c` rounded so that a second rounding to 16 bits gives what one rounding would.
///
/// The product of two half floats is exact. The sum is rounded to odd: when it is not exact, the
/// neighbour with the odd last bit is taken.
#[inline(always)]
fn fma16(a: f32, b: f32, c: f32) -> f32 {
    let product = a * b;
    let sum = product + c;
    let shadow = sum - product;
    let error = (product - (sum - shadow)) + (c - shadow);
    // Not so for NaN.
    let inexact = error.abs() > 0.0;
    let even = sum.to_bits() & 1 == 0;
    let away = (error > 0.0) == (sum > 0.0);
    let step = if away { 1 } else { !0 };
    let step = if inexact && even { step } else { 0 };
    f32::from_bits(sum.to_bits().wrapping_add(step))
}

kernels! {
    /// `a + b`
    add<SAT: bool> |a, b, _, _, k| finish::<SAT>(source(a, 0, k) + source(b, 1, k));
    /// `a * b`
    mul<SAT: bool> |a, b, _, _, k| finish::<SAT>(source(a, 0, k) * source(b, 1, k));
    /// `a * b + c`, rounded once.
    fma<SAT: bool> |a, b, c, _, k| {
        finish::<SAT>(source(a, 0, k).mul_add(source(b, 1, k), source(c, 2, k)))
    };
    /// 16-bit `a + b`; 32 bits are enough that rounding twice does no harm.
    add16<SAT: bool> |a, b, _, _, k| finish16::<SAT>(source(a, 0, k) + source(b, 1, k));
    /// 16-bit `a * b`
    mul16<SAT: bool> |a, b, _, _, k| finish16::<SAT>(source(a, 0, k) * source(b, 1, k));
    /// 16-bit `a * b + c`, rounded once.
    fma_half<SAT: bool> |a, b, c, _, k| {
        finish16::<SAT>(fma16(source(a, 0, k), source(b, 1, k), source(c, 2, k)))
    };

    /// Rounds down.
    floor<SAT: bool> |a, _, _, _, k| finish::<SAT>(source(a, 0, k).floor());
    /// Rounds up.
    ceil<SAT: bool> |a, _, _, _, k| finish::<SAT>(source(a, 0, k).ceil());
    /// Rounds towards zero.
    trunc<SAT: bool> |a, _, _, _, k| finish::<SAT>(source(a, 0, k).trunc());
    /// Rounds to the nearest integer, ties to even.
    rint<SAT: bool> |a, _, _, _, k| finish::<SAT>(source(a, 0, k).round_ties_even());
    /// The reciprocal.
    rcp<SAT: bool> |a, _, _, _, k| finish::<SAT>(1.0 / source(a, 0, k));
    /// The reciprocal of the square root.
    rsqrt<SAT: bool> |a, _, _, _, k| finish::<SAT>(reciprocal_root(source(a, 0, k)));
    /// What multiplied by a is the square root of a; finite for zero and infinity.
    sqrt_helper<SAT: bool> |a, _, _, _, k| {
        let x = source(a, 0, k);
        let edge = x == 0.0 || x == f32::INFINITY;
        finish::<SAT>(if edge { 1.0 } else { reciprocal_root(x) })
    };
    /// The logarithm to base 2.
    log2<SAT: bool> |a, _, _, _, k| finish::<SAT>(super::transcendental::log2(source(a, 0, k)));
    /// Two to the power of a.
    exp2<SAT: bool> |a, _, _, _, k| finish::<SAT>(super::transcendental::exp2(source(a, 0, k)));
    /// First part of the sine: folds four quadrants to -1..1.
    sine_fold<SAT: bool> |a, _, _, _, k| {
        let x = source(a, 0, k);
        let folded = if x < 3.0 { 2.0 - x } else { x - 4.0 };
        finish::<SAT>(if x < 1.0 { x } else { folded })
    };
    /// Second part of the sine: sin(a·π/2)/a.
    sine_ratio<SAT: bool> |a, _, _, _, k| {
        finish::<SAT>(super::transcendental::sine_ratio(source(a, 0, k)))
    };
    /// `a - b`, for the differences in a quad; the modifiers of a apply to both.
    difference<SAT: bool> |a, b, _, _, k| finish::<SAT>(source(a, 0, k) - source(b, 0, k));

    /// All ones where a = b; all comparisons are inverted by `p` of all ones.
    eq |a, b, _, _, k| mask(source(a, 0, k) == source(b, 1, k)) ^ k.p;
    /// All ones where a < b.
    lt |a, b, _, _, k| mask(source(a, 0, k) < source(b, 1, k)) ^ k.p;
    /// All ones where a > b.
    gt |a, b, _, _, k| mask(source(a, 0, k) > source(b, 1, k)) ^ k.p;
    /// All ones where a <= b.
    le |a, b, _, _, k| mask(source(a, 0, k) <= source(b, 1, k)) ^ k.p;
    /// All ones where a >= b.
    ge |a, b, _, _, k| mask(source(a, 0, k) >= source(b, 1, k)) ^ k.p;
    /// All ones where a < b, or b is NaN.
    ltn |a, b, _, _, k| {
        let (a, b) = (source(a, 0, k), source(b, 1, k));
        mask(a < b || b.is_nan()) ^ k.p
    };
    /// All ones where a > b, or b is NaN.
    gtn |a, b, _, _, k| {
        let (a, b) = (source(a, 0, k), source(b, 1, k));
        mask(a > b || b.is_nan()) ^ k.p
    };
    /// c where a = b, else d.
    select_eq |a, b, c, d, k| if source(a, 0, k) == source(b, 1, k) { c } else { d };
    /// c where a < b, else d.
    select_lt |a, b, c, d, k| if source(a, 0, k) < source(b, 1, k) { c } else { d };
    /// c where a > b, else d.
    select_gt |a, b, c, d, k| if source(a, 0, k) > source(b, 1, k) { c } else { d };
    /// c where a <= b, else d.
    select_le |a, b, c, d, k| if source(a, 0, k) <= source(b, 1, k) { c } else { d };
    /// c where a >= b, else d.
    select_ge |a, b, c, d, k| if source(a, 0, k) >= source(b, 1, k) { c } else { d };
    /// c where a < b, or b is NaN, else d.
    select_ltn |a, b, c, d, k| {
        let (a, b) = (source(a, 0, k), source(b, 1, k));
        if a < b || b.is_nan() { c } else { d }
    };
    /// c where a > b, or b is NaN, else d.
    select_gtn |a, b, c, d, k| {
        let (a, b) = (source(a, 0, k), source(b, 1, k));
        if a > b || b.is_nan() { c } else { d }
    };
}

/// 1/√x, correct to the last bit but for rare ties.
#[inline(always)]
fn reciprocal_root(x: f32) -> f32 {
    (1.0 / f64::from(x).sqrt()) as f32
}
