// SPDX-License-Identifier: MIT OR Apache-2.0

//! Logarithm, exponential and sine.
//!
//! How exact the hardware is has not been published, so these are as exact as is cheap: series in
//! 64-bit arithmetic, cut off where the error is below 2^-40: nearly always the nearest 32-bit float. They do
//! without the mathematical library so that every host computes the same bits.

use std::f64::consts::{FRAC_PI_2, LN_2, LOG2_E};

/// The value of `c[0] + c[1] x + …`.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let mut sum = c[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum * x + c[i];
    }
    sum
}

/// `factor^(start + step n) / (start + step n)!` with alternating or equal signs.
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

/// 2^x for |x| ≤ 1/2.
const EXP2: [f64; 11] = series(LN_2, 0, 1, 1.0);
/// sin(xπ/2)/x as a series in x².
const SINE: [f64; 9] = series(FRAC_PI_2, 1, 2, -1.0);

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
const LOG2: [f64; 8] = odd_reciprocals();

/// The logarithm to base 2 of a number that is not denormal.
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    let bits = x.to_bits();
    // The mantissa is brought to √½ … √2.
    let exponent = (bits as i32).wrapping_sub(0x3f35_04f3) >> 23;
    let mantissa = f64::from(f32::from_bits(bits.wrapping_sub((exponent << 23) as u32)));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let value = f64::from(exponent) + s * polynomial(s * s, &LOG2);
    let value = if x == f32::INFINITY { x } else { value as f32 };
    let value = if x >= 0.0 { value } else { f32::NAN };
    if x == 0.0 {
        f32::NEG_INFINITY
    } else {
        value
    }
}

/// Two to the power of x.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    // Results outside are infinite or zero anyway. NaN goes through as the lower bound.
    let bounded = if x > -200.0 { x } else { -200.0 };
    let bounded = f64::from(if bounded < 200.0 { bounded } else { 200.0 });
    // Adding and taking away 1.5·2^52 rounds to an integer, which is then in the low bits.
    let magic = 6_755_399_441_055_744.0;
    let shifted = bounded + magic;
    let fraction = bounded - (shifted - magic);
    let power = shifted.to_bits().wrapping_sub(f64::to_bits(magic));
    let scale = f64::from_bits(power.wrapping_add(1023) << 52);
    let value = (polynomial(fraction, &EXP2) * scale) as f32;
    if x.is_nan() {
        f32::NAN
    } else {
        value
    }
}

/// sin(xπ/2)/x; π/2 for zero.
#[inline(always)]
pub fn sine_ratio(x: f32) -> f32 {
    // Only -1..1 is of use; beyond it the argument is brought there by the period of the sine.
    let wide = f64::from(x);
    let turns = (wide * 0.25).round_ties_even() * 4.0;
    let r = wide - turns;
    let folded = if r > 1.0 { 2.0 - r } else { r };
    let folded = if r < -1.0 { -2.0 - r } else { folded };
    let ratio = polynomial(folded * folded, &SINE);
    let outside = ratio * folded / wide;
    (if x.abs() <= 1.0 { ratio } else { outside }) as f32
}
