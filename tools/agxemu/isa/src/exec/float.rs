// SPDX-License-Identifier: MIT OR Apache-2.0

//! 32-bit float kernels.
//!
//! 32-bit sources and results lose their denormals (the sign stays). A NaN that an operation yields
//! is always the same one. Sources of 16 bits reach a kernel widened.

use super::integer::mask;
use super::kernel::{kernels, loops, Args};
use super::transcendental::{Exp2, Function, Log2, SineRatio};
use super::{Lanes, LANES};

/// The NaN that 32-bit operations yield.
pub const NAN: u32 = 0x7fc0_0000;

/// One 32-bit float per lane.
pub type Floats = [f32; LANES];

/// Returns a denormal becomes a zero of the same sign.
#[inline(always)]
pub fn flush(x: u32) -> u32 {
    let keep = if x & 0x7f80_0000 == 0 {
        0x8000_0000
    } else {
        !0
    };
    x & keep
}

/// Returns what is stored as the result of a 32-bit operation.
#[inline(always)]
pub fn finish<const SAT: bool>(value: f32) -> u32 {
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

/// Returns the source `n` with its modifiers.
#[inline(always)]
fn source(x: u32, n: usize, k: &Args<'_>) -> f32 {
    f32::from_bits(flush(x) & k.and[n] ^ k.xor[n])
}

/// Returns the first source of all lanes.
#[inline(always)]
fn sources(k: &Args<'_>) -> Floats {
    let mut out = [0.0; LANES];
    for (out, &x) in out.iter_mut().zip(k.s[0]) {
        *out = source(x, 0, k);
    }
    out
}

/// [`finish`] for all lanes.
#[inline(always)]
fn finish_all<const SAT: bool>(values: &Floats, out: &mut Lanes) {
    for (out, &value) in out.iter_mut().zip(values) {
        *out = finish::<SAT>(value);
    }
}

/// A [`Function`] for all lanes.
#[inline(always)]
fn run<F: Function, const SAT: bool>(k: &Args<'_>, out: &mut Lanes) {
    let mut special = 0;
    for (out, &x) in out.iter_mut().zip(k.s[0]) {
        let (value, bits) = F::fast(f32::from_bits(x & k.and[0] ^ k.xor[0]));
        *out = value.to_bits();
        special |= bits;
    }
    if SAT || special >> 31 == 1 {
        for (out, &x) in out.iter_mut().zip(k.s[0]) {
            *out = finish::<SAT>(F::full(source(x, 0, k), f32::from_bits(*out)));
        }
    }
}

/// Returns 1/√x, correct to the last bit but for rare ties: one step towards the root in 64 bits,
/// from the 32-bit one.
#[inline(always)]
fn reciprocal_roots(x: &Floats) -> Floats {
    let mut out = [0.0; LANES];
    for (out, &x) in out.iter_mut().zip(x) {
        *out = 1.0 / x.sqrt();
    }
    for (out, &x) in out.iter_mut().zip(x) {
        let root = f64::from(*out);
        // How far x·root² is from one. For zero and infinity it is NaN, and their root exact.
        let error = 1.0 - f64::from(x) * (root * root);
        let better = (root + root * (error * (0.5 + 0.375 * error))) as f32;
        *out = if better.is_nan() { *out } else { better };
    }
    out
}

/// Returns `a * b + c`, rounded once.
///
/// Without an instruction for it: in 64 bits the product is exact. The sum is rounded to odd, that
/// is, when it is not exact, the neighbour with the odd last bit is taken; then the rounding to 32
/// bits gives what one rounding would.
#[inline(always)]
fn fused<const NATIVE: bool>(a: f32, b: f32, c: f32) -> f32 {
    if NATIVE {
        return a.mul_add(b, c);
    }
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    let shadow = sum - product;
    let error = (product - (sum - shadow)) + (c - shadow);
    // The error is zero, NaN, or at least a unit in the last place of the smallest product.
    let inexact = u64::from(error.abs() > 1e-100);
    let above = (sum.to_bits() ^ error.to_bits()) >> 63;
    f64::from_bits(sum.to_bits().wrapping_sub(above & inexact) | inexact) as f32
}

/// Returns the nearest integer, ties to even.
#[inline(always)]
pub fn rint<const NATIVE: bool>(x: f32) -> f32 {
    if NATIVE {
        return x.round_ties_even();
    }
    // From 2^23 on all numbers are integers; below, the sum with it is rounded to one.
    let magic = 8_388_608.0;
    let near = (x.abs() + magic) - magic;
    let magnitude = if x.abs() < magic { near } else { x.abs() };
    f32::from_bits(magnitude.to_bits() | x.to_bits() & 0x8000_0000)
}

/// Returns the next integer that is not above.
#[inline(always)]
fn floor<const NATIVE: bool>(x: f32) -> f32 {
    if NATIVE {
        return x.floor();
    }
    let near = rint::<false>(x);
    near - if near > x { 1.0 } else { 0.0 }
}

/// Returns the next integer that is not below.
#[inline(always)]
fn ceil<const NATIVE: bool>(x: f32) -> f32 {
    if NATIVE {
        return x.ceil();
    }
    -floor::<false>(-x)
}

/// Returns the next integer towards zero.
#[inline(always)]
fn trunc<const NATIVE: bool>(x: f32) -> f32 {
    if NATIVE {
        return x.trunc();
    }
    let magnitude = floor::<false>(x.abs());
    f32::from_bits(magnitude.to_bits() | x.to_bits() & 0x8000_0000)
}

loops! {
    /// The reciprocal of the square root.
    rsqrt<SAT: bool> |args, out| {
        let roots = reciprocal_roots(&sources(args));
        finish_all::<SAT>(&roots, out);
    };
    /// What multiplied by a is the square root of a; finite for zero and infinity.
    sqrt_helper<SAT: bool> |args, out| {
        let x = sources(args);
        let mut roots = reciprocal_roots(&x);
        for (root, &x) in roots.iter_mut().zip(&x) {
            let edge = (x == 0.0) | (x == f32::INFINITY);
            *root = if edge { 1.0 } else { *root };
        }
        finish_all::<SAT>(&roots, out);
    };
    /// The logarithm to base 2.
    log2<SAT: bool> |args, out| run::<Log2, SAT>(args, out);
    /// Two to the power of a.
    exp2<SAT: bool> |args, out| run::<Exp2, SAT>(args, out);
    /// Second part of the sine: sin(a·π/2)/a.
    sine_ratio<SAT: bool> |args, out| run::<SineRatio, SAT>(args, out);
}

kernels! {
    /// `a + b`
    add<SAT: bool> |a, b, _, _, k| finish::<SAT>(source(a, 0, k) + source(b, 1, k));
    /// `a * b`
    mul<SAT: bool> |a, b, _, _, k| finish::<SAT>(source(a, 0, k) * source(b, 1, k));
    /// `a * b + c`, rounded once; without `SIGNS` sources are taken as they are.
    fma<SAT: bool, SIGNS: bool> |a, b, c, _, k| {
        let source = |x, n| if SIGNS { source(x, n, k) } else { f32::from_bits(flush(x)) };
        finish::<SAT>(fused::<NATIVE>(source(a, 0), source(b, 1), source(c, 2)))
    };

    /// Rounds down.
    round_down<SAT: bool> |a, _, _, _, k| finish::<SAT>(floor::<NATIVE>(source(a, 0, k)));
    /// Rounds up.
    round_up<SAT: bool> |a, _, _, _, k| finish::<SAT>(ceil::<NATIVE>(source(a, 0, k)));
    /// Rounds towards zero.
    round_to_zero<SAT: bool> |a, _, _, _, k| finish::<SAT>(trunc::<NATIVE>(source(a, 0, k)));
    /// Rounds to the nearest integer, ties to even.
    round<SAT: bool> |a, _, _, _, k| finish::<SAT>(rint::<NATIVE>(source(a, 0, k)));
    /// The reciprocal.
    rcp<SAT: bool> |a, _, _, _, k| finish::<SAT>(1.0 / source(a, 0, k));
    /// First part of the sine: folds four quadrants to -1..1.
    sine_fold<SAT: bool> |a, _, _, _, k| {
        let x = source(a, 0, k);
        let folded = if x < 3.0 { 2.0 - x } else { x - 4.0 };
        finish::<SAT>(if x < 1.0 { x } else { folded })
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
