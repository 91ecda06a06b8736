// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots, logarithm, exponential and sine, as [`crate::exec::float`] and
//! [`crate::exec::transcendental`] compute them, step by step.

use agx_lanes::{Compare, Double, Value};

use super::translate::Translator;
use crate::exec::transcendental::{EXP2, LOG2, ROUND, SINE};

const ONE: u32 = 0x3f80_0000;
const NAN: u32 = 0x7fc0_0000;
const INFINITY: u32 = 0x7f80_0000;

impl Translator<'_, '_> {
    /// See [`crate::exec::float`].
    pub fn sine_fold(&mut self, x: Value) -> Value {
        let body = &mut *self.body;
        let [one, two, three, four] = [1.0f32, 2.0, 3.0, 4.0].map(|n| body.constant(n.to_bits()));
        let (below, above) = (body.float_sub(two, x), body.float_sub(x, four));
        let third = body.float_less(x, three);
        let folded = body.select(third, below, above);
        let first = body.float_less(x, one);
        body.select(first, x, folded)
    }

    /// Returns 1/√x.
    pub fn reciprocal_root(&mut self, x: Value) -> Value {
        let body = &mut *self.body;
        let one = body.constant(ONE);
        let root = body.float_sqrt(x);
        let near = body.float_div(one, root);
        let (x, root) = (body.double(x), body.double(near));
        let [one, half, part] = [1.0, 0.5, 0.375].map(|n| body.double_constant(n));
        let square = body.double_mul(root, root);
        let product = body.double_mul(x, square);
        let error = body.double_sub(one, product);
        let scaled = body.double_mul(part, error);
        let factor = body.double_add(half, scaled);
        let factor = body.double_mul(error, factor);
        let step = body.double_mul(root, factor);
        let better = body.double_add(root, step);
        let better = body.single(better);
        let nan = body.float_nan(better);
        body.select(nan, near, better)
    }

    fn polynomial<const N: usize>(&mut self, x: Double, c: &[f64; N]) -> Double {
        let body = &mut *self.body;
        let x2 = body.double_mul(x, x);
        let x4 = body.double_mul(x2, x2);
        let two = |body: &mut agx_lanes::Body<'_>, i: usize| {
            let first = body.double_constant(c[i]);
            if i + 1 == N {
                return first;
            }
            let second = body.double_constant(c[i + 1]);
            let term = body.double_mul(second, x);
            body.double_add(first, term)
        };
        let four = |body: &mut agx_lanes::Body<'_>, i: usize| {
            let first = two(body, i);
            if i + 2 >= N {
                return first;
            }
            let second = two(body, i + 2);
            let term = body.double_mul(second, x2);
            body.double_add(first, term)
        };
        let mut at = (N - 1) / 4 * 4;
        let mut sum = four(body, at);
        while at > 0 {
            at -= 4;
            let product = body.double_mul(sum, x4);
            let next = four(body, at);
            sum = body.double_add(product, next);
        }
        sum
    }

    /// Returns the logarithm to base 2.
    pub fn log2(&mut self, x: Value) -> Value {
        let body = &mut *self.body;
        let root = body.constant(0x3f35_04f3);
        let distance = body.sub(x, root);
        let exponent = body.shift_right_signed(distance, 23);
        let placed = body.shift_left(exponent, 23);
        let mantissa = body.sub(x, placed);
        let mantissa = body.double(mantissa);
        let one = body.double_constant(1.0);
        let (below, above) = (
            body.double_sub(mantissa, one),
            body.double_add(mantissa, one),
        );
        let s = body.double_div(below, above);
        let square = body.double_mul(s, s);
        // Small enough that 32 bits hold it.
        let exponent = body.float_from_signed(exponent);
        let exponent = body.double(exponent);
        let series = self.polynomial(square, &LOG2);
        let body = &mut *self.body;
        let product = body.double_mul(s, series);
        let sum = body.double_add(exponent, product);
        let fast = body.single(sum);
        let (zero, infinity) = (body.constant(0), body.constant(INFINITY));
        let (nan, low) = (
            body.constant(NAN),
            body.constant(f32::NEG_INFINITY.to_bits()),
        );
        let is_infinite = body.float_equal(x, infinity);
        let finite = body.select(is_infinite, x, fast);
        let positive = body.float_less_equal(zero, x);
        let valid = body.select(positive, finite, nan);
        let is_zero = body.float_equal(x, zero);
        body.select(is_zero, low, valid)
    }

    /// Returns the two to the power of x.
    pub fn exp2(&mut self, x: Value) -> Value {
        let body = &mut *self.body;
        let [low, high] = [-200.0f32, 200.0].map(|n| body.constant(n.to_bits()));
        let above = body.float_less(low, x);
        let bounded = body.select(above, x, low);
        let below = body.float_less(bounded, high);
        let bounded = body.select(below, bounded, high);
        // Rounded to an integer, as a float and as a number.
        let near = body.float_round(agx_lanes::Round::Nearest, bounded);
        let power = body.float_to_signed(near);
        let (bounded, near) = (body.double(bounded), body.double(near));
        let fraction = body.double_sub(bounded, near);
        // Two powers of two, as one 32-bit float cannot be that small or large.
        let half = body.shift_right_signed(power, 1);
        let rest = body.sub(power, half);
        let scale = [half, rest].map(|power| {
            let bias = body.constant(127);
            let biased = body.add(power, bias);
            let float = body.shift_left(biased, 23);
            body.double(float)
        });
        let series = self.polynomial(fraction, &EXP2);
        let body = &mut *self.body;
        let scale = body.double_mul(scale[0], scale[1]);
        let value = body.double_mul(series, scale);
        let value = body.single(value);
        let (nan, one_nan) = (body.float_nan(x), body.constant(NAN));
        body.select(nan, one_nan, value)
    }

    /// Returns sin(xπ/2)/x; π/2 for zero.
    pub fn sine_ratio(&mut self, x: Value) -> Value {
        let body = &mut *self.body;
        let wide = body.double(x);
        let (quarter, round) = (body.double_constant(0.25), body.double_constant(ROUND));
        let turns = body.double_mul(wide, quarter);
        let sum = body.double_add(turns, round);
        let whole = body.double_sub(sum, round);
        // From 2^51 on turns are whole.
        let limit = body.constant(9_007_199_254_740_992.0f32.to_bits());
        let magnitude = body.constant(0x7fff_ffff);
        let magnitude = body.and(x, magnitude);
        let small = body.float_less(magnitude, limit);
        let whole = body.double_select(small, whole, turns);
        let four = body.double_constant(4.0);
        let full = body.double_mul(whole, four);
        let r = body.double_sub(wide, full);
        let [one, two] = [1.0, 2.0].map(|n| body.double_constant(n));
        let [minus_one, minus_two] = [-1.0, -2.0].map(|n| body.double_constant(n));
        let (upper, lower) = (body.double_sub(two, r), body.double_sub(minus_two, r));
        let folded = body.double_pick(one, r, upper, r);
        let folded = body.double_pick(r, minus_one, lower, folded);
        let square = body.double_mul(folded, folded);
        let ratio = self.polynomial(square, &SINE);
        let body = &mut *self.body;
        let product = body.double_mul(ratio, folded);
        let outside = body.double_div(product, wide);
        let (ratio, outside) = (body.single(ratio), body.single(outside));
        let one = body.constant(ONE);
        let inside = body.float_less_equal(magnitude, one);
        body.select(inside, ratio, outside)
    }

    /// Returns all ones where a is at least b, without sign.
    pub fn at_least(&mut self, a: Value, b: Value) -> Value {
        let less = self.body.compare(Compare::UnsignedLess, a, b);
        self.body.not(less)
    }
}
