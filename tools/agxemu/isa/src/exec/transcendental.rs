// SPDX-License-Identifier: MIT OR Apache-2.0

//! Logarithm, exponential and sine.
//!
//! How exact the hardware is has not been published, so these are as exact as is cheap: series in
//! 64-bit arithmetic, cut off where the error is below 2^-40: nearly always the nearest 32-bit
//! float. They do without the mathematical library so that every host computes the same bits.

use std::f64::consts::{FRAC_PI_2, LN_2, LOG2_E};

/// The value of `c[0] + c[1] x + …`. Each four terms are added up first, which leaves the CPU more
/// to do at a time than one sum would.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let x2 = x * x;
    let x4 = x2 * x2;
    let two = |i: usize| if i + 1 < N { c[i] + c[i + 1] * x } else { c[i] };
    let four = |i| {
        if i + 2 < N {
            two(i) + two(i + 2) * x2
        } else {
            two(i)
        }
    };
    let mut at = (N - 1) / 4 * 4;
    let mut sum = four(at);
    while at > 0 {
        at -= 4;
        sum = sum * x4 + four(at);
    }
    sum
}

/// Returns `factor^(start + step n) / (start + step n)!` with alternating or equal signs.
const fn series<const N: usize>(factor: f64, start: u32, step: u32, sign: f64) -> [f64; N] {
    let mut out = [0.0; N];
    let mut term = 1.0;
    let mut i = 0;
    let mut power = 0;
    let mut flip = 1.0;
    while i < N {
        while power < start + step * i as u32 {
            power += 1;
            term = term * factor / power as f64;
        }
        out[i] = term * flip;
        flip *= sign;
        i += 1;
    }
    out
}

/// 1.5·2^52: what is added to it is rounded to an integer.
pub(super) const ROUND: f64 = 6_755_399_441_055_744.0;

/// 2^x for |x| ≤ 1/2.
pub(super) const EXP2: [f64; 11] = series(LN_2, 0, 1, 1.0);
/// sin(xπ/2)/x as a series in x².
pub(super) const SINE: [f64; 9] = series(FRAC_PI_2, 1, 2, -1.0);

const fn odd_reciprocals<const N: usize>() -> [f64; N] {
    let mut out = [0.0; N];
    let mut i = 0;
    while i < N {
        out[i] = 2.0 * LOG2_E / (2 * i + 1) as f64;
        i += 1;
    }
    out
}

/// log2((1 + s) / (1 - s)) / s as a series in s².
pub(super) const LOG2: [f64; 8] = odd_reciprocals();

/// A function on one lane in two steps: a value, whose highest bit says that it may not do, and
/// what does then. Comparisons instead of that bit would keep the first step from becoming vector
/// code.
pub trait Function {
    /// Returns the value for a source whose denormals are not flushed. Not NaN and not denormal, or
    /// the bit is set.
    fn fast(x: f32) -> (f32, u32);

    /// Returns the value for any source, from the fast one.
    fn full(x: f32, fast: f32) -> f32;
}

/// The logarithm to base 2.
pub struct Log2;

impl Function for Log2 {
    #[inline(always)]
    fn fast(x: f32) -> (f32, u32) {
        let bits = x.to_bits();
        // The mantissa is brought to √½ … √2.
        let exponent = (bits as i32).wrapping_sub(0x3f35_04f3) >> 23;
        let mantissa = f64::from(f32::from_bits(bits.wrapping_sub((exponent << 23) as u32)));
        let s = (mantissa - 1.0) / (mantissa + 1.0);
        let value = f64::from(exponent) + s * polynomial(s * s, &LOG2);
        // Negative, zero, denormal, or not finite.
        let below = bits.wrapping_sub(0x0080_0000);
        let above = 0x7f7f_ffff_u32.wrapping_sub(bits);
        (value as f32, below | above)
    }

    #[inline(always)]
    fn full(x: f32, fast: f32) -> f32 {
        let finite = if x == f32::INFINITY { x } else { fast };
        let valid = if x >= 0.0 { finite } else { f32::NAN };
        if x == 0.0 {
            f32::NEG_INFINITY
        } else {
            valid
        }
    }
}

/// Two to the power of x.
pub struct Exp2;

impl Function for Exp2 {
    #[inline(always)]
    fn fast(x: f32) -> (f32, u32) {
        // 1.5·2^23: the sum is rounded to an integer, which is in its low bits.
        let magic = 12_582_912.0;
        let shifted = x + magic;
        let fraction = f64::from(x - (shifted - magic));
        let value = (polynomial(fraction, &EXP2) as f32).to_bits();
        let power = shifted.to_bits() << 23;
        // Below -126 it is denormal, from 128 on infinite.
        let above = (x + 126.0).to_bits();
        let special = above | 0x437d_ffff_u32.wrapping_sub(above & 0x7fff_ffff);
        (f32::from_bits(value.wrapping_add(power)), special)
    }

    #[inline(always)]
    fn full(x: f32, _: f32) -> f32 {
        // Results outside are infinite or zero anyway. NaN goes through as the lower bound.
        let bounded = if x > -200.0 { x } else { -200.0 };
        let bounded = f64::from(if bounded < 200.0 { bounded } else { 200.0 });
        let shifted = bounded + ROUND;
        let fraction = bounded - (shifted - ROUND);
        let power = shifted.to_bits().wrapping_sub(f64::to_bits(ROUND));
        let scale = f64::from_bits(power.wrapping_add(1023) << 52);
        let value = (polynomial(fraction, &EXP2) * scale) as f32;
        if x.is_nan() {
            f32::NAN
        } else {
            value
        }
    }
}

/// sin(xπ/2)/x; π/2 for zero.
pub struct SineRatio;

impl Function for SineRatio {
    #[inline(always)]
    fn fast(x: f32) -> (f32, u32) {
        let square = f64::from(x) * f64::from(x);
        // Only -1..1 is of use.
        let outside = 0x3f80_0000_u32.wrapping_sub(x.to_bits() & 0x7fff_ffff);
        (polynomial(square, &SINE) as f32, outside)
    }

    #[inline(always)]
    fn full(x: f32, fast: f32) -> f32 {
        // Outside the argument is brought there by the period of the sine.
        let wide = f64::from(x);
        let turns = wide * 0.25;
        // From 2^51 on they are whole.
        let whole = if turns.abs() < 2_251_799_813_685_248.0 {
            (turns + ROUND) - ROUND
        } else {
            turns
        };
        let r = wide - whole * 4.0;
        let folded = if r > 1.0 { 2.0 - r } else { r };
        let folded = if r < -1.0 { -2.0 - r } else { folded };
        let ratio = polynomial(folded * folded, &SINE);
        let outside = ratio * folded / wide;
        if x.abs() <= 1.0 {
            fast
        } else {
            outside as f32
        }
    }
}
