// SPDX-License-Identifier: MIT OR Apache-2.0

//! Half floats: conversion from and to 32-bit floats, and 16-bit operations, which do both in one
//! loop. Denormals are kept; a NaN that an operation yields is always the same one.

use super::float;
use super::kernel::{kernels, Args};

/// The NaN that 16-bit operations yield.
pub const NAN: u32 = 0x7e00;

/// Returns the value of a half float as a 32-bit one; exact. Bits above 16 are ignored.
#[inline(always)]
pub fn widen(half: u32) -> u32 {
    widen_high(half << 16)
}

/// Returns the same, of the high half of a word.
#[inline(always)]
fn widen_high(word: u32) -> u32 {
    widen_masked(word, !0)
}

/// Returns the same, of which `and` may take the sign away.
#[inline(always)]
fn widen_masked(word: u32, and: u32) -> u32 {
    // Sign, exponent and mantissa come to their places; the exponent is too small by 112.
    let placed = ((word as i32) >> 3) as u32 & (0x8fff_e000 & and);
    let value = f32::from_bits(placed) * f32::from_bits((127 + 112) << 23);
    // What had the largest exponent is infinite or NaN.
    let special = if value.abs() >= 65536.0 {
        0x7f80_0000
    } else {
        0
    };
    value.to_bits() | special
}

/// Returns the nearest half float, ties to even.
#[inline(always)]
pub fn narrow(x: u32) -> u32 {
    let magnitude = f32::from_bits(x & 0x7fff_ffff);
    // NaN goes through as what is too large.
    let bounded = if magnitude < 65536.0 {
        magnitude
    } else {
        65536.0
    };
    let smallest = f32::from_bits((127 - 14) << 23);
    let normal = if bounded > smallest {
        bounded
    } else {
        smallest
    };
    // A power of two so much larger that the sum is rounded at the last place of a half float. In
    // the end of the sum is the mantissa then, to which the exponent is added.
    let exponent = normal.to_bits() & 0x7f80_0000;
    let magic = exponent + (13 << 23);
    let sum = bounded + f32::from_bits(magic);
    let mantissa = sum.to_bits().wrapping_sub(magic);
    let half = mantissa
        .wrapping_add(exponent >> 13)
        .wrapping_sub((127 - 14) << 10);
    // The one NaN has no sign. Without a branch, loops over lanes are vectors.
    let nan = if f32::from_bits(x).is_nan() { !0 } else { 0 };
    (half | x >> 16 & 0x8000) & !nan | NAN & nan
}

/// Returns the half float that a texel becomes: the nearest, or a NaN with the same sign and upper
/// bits. A pass that loads an attachment and stores it again leaves every half float as it was,
/// which the APIs demand; that hardware does it like this is inferred.
#[inline(always)]
pub fn texel(x: u32) -> u32 {
    let bits = x >> 13 & 0x3ff;
    let quiet = if bits == 0 { 0x200 } else { 0 };
    let nan = if f32::from_bits(x).is_nan() { !0 } else { 0 };
    (x >> 16 & 0x8000 | 0x7c00 | bits | quiet) & nan | narrow(x) & !nan
}

/// Returns the half float next to it towards zero.
#[inline(always)]
pub fn narrow_to_zero(x: u32) -> u32 {
    let magnitude = x & 0x7fff_ffff;
    let near = narrow(x);
    // Towards zero of the nearest: one less when it is too large. Infinity is 0x7c00, so the
    // largest finite number is one less as well.
    let too_large = widen(near & 0x7fff) > magnitude && magnitude <= 0x7f80_0000;
    near - u32::from(too_large)
}

/// Returns the source `n` of a 16-bit operation: a half float, which byte `n` of `p` shifts to the
/// high half of its word. `xor` is what changes the sign.
#[inline(always)]
fn source(x: u32, n: usize, k: &Args<'_>, xor: u32) -> f32 {
    let high = x << (k.p >> (8 * n) & 31);
    f32::from_bits(widen_masked(high, k.and[n]) ^ xor)
}

/// Returns the product of the first two sources, which is exact.
#[inline(always)]
fn product(a: u32, b: u32, k: &Args<'_>) -> f32 {
    source(a, 0, k, k.xor[0] ^ k.xor[1]) * source(b, 1, k, 0)
}

/// Returns the result of a 16-bit operation.
#[inline(always)]
fn finish<const SAT: bool>(value: f32) -> u32 {
    // NaN becomes zero.
    let high = if value < 1.0 { value } else { 1.0 };
    let bounded = if value > 0.0 { high } else { 0.0 };
    narrow(if SAT { bounded } else { value }.to_bits())
}

/// Returns the sum of a product and a half float, rounded so that a second rounding to 16 bits
/// gives what one rounding would: to odd, that is, when it is not exact, the neighbour with the odd
/// last bit is taken.
#[inline(always)]
fn sum_to_odd(product: f32, c: f32) -> f32 {
    let sum = product + c;
    let shadow = sum - product;
    let error = (product - (sum - shadow)) + (c - shadow);
    // The error is zero, NaN, or at least a unit in the last place of the smallest product.
    let unit = 1.0 / (1u64 << 48) as f32;
    let inexact = if error.abs() >= unit { !0 } else { 0 };
    let above = (sum.to_bits() ^ error.to_bits()) >> 31;
    f32::from_bits(sum.to_bits().wrapping_sub(above & inexact) | 1 & inexact)
}

/// Returns the 32-bit result of a 32-bit operation on half floats, or the half float nearest to it.
#[inline(always)]
fn single<const SAT: bool, const HALF: bool>(value: f32) -> u32 {
    let bits = float::finish::<SAT>(value);
    if HALF {
        narrow(bits)
    } else {
        bits
    }
}

kernels! {
    /// The 32-bit value of a half float.
    from_low |a, _, _, _, _| widen(a);
    /// The same of a high half.
    from_high |a, _, _, _, _| widen_high(a);
    /// The half float nearest to a 32-bit float.
    nearest |a, _, _, _, _| narrow(a);
    /// The half float next to a 32-bit float towards zero.
    to_zero |a, _, _, _, _| narrow_to_zero(a);

    /// `a + b`; 32 bits are enough that rounding twice does no harm.
    add<SAT: bool> |a, b, _, _, k| {
        finish::<SAT>(source(a, 0, k, k.xor[0]) + source(b, 1, k, k.xor[1]))
    };
    /// `a * b`
    mul<SAT: bool> |a, b, _, _, k| finish::<SAT>(product(a, b, k));
    /// `a * b + c`, rounded once.
    fma<SAT: bool> |a, b, c, _, k| {
        finish::<SAT>(sum_to_odd(product(a, b, k), source(c, 2, k, k.xor[2])))
    };

    /// `a + b` in 32 bits.
    single_add<SAT: bool, HALF: bool> |a, b, _, _, k| {
        single::<SAT, HALF>(source(a, 0, k, k.xor[0]) + source(b, 1, k, k.xor[1]))
    };
    /// `a * b` in 32 bits.
    single_mul<SAT: bool, HALF: bool> |a, b, _, _, k| single::<SAT, HALF>(product(a, b, k));
    /// `a * b + c` in 32 bits, where the product is exact: the sum is what is rounded.
    single_fma<SAT: bool, HALF: bool> |a, b, c, _, k| {
        single::<SAT, HALF>(product(a, b, k) + source(c, 2, k, k.xor[2]))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texels_keep_their_bits() {
        for half in 0..=0xffff {
            assert_eq!(texel(widen(half)), half, "{half:#x}");
        }
        // A NaN whose upper bits are zero stays one.
        assert_eq!(texel(0xff80_0001), 0xfe00);
        assert_eq!(texel(1.5f32.to_bits()), 0x3e00);
    }
}
