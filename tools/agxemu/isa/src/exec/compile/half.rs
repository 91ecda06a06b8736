// SPDX-License-Identifier: MIT OR Apache-2.0

//! Half floats, as [`crate::exec::half`] computes them.

use agx_lanes::Value;

use super::translate::Translator;
use crate::exec::half::NAN;
use crate::exec::kernel::Name;
use crate::exec::op::Alu;

/// 2^16, from which on half floats are infinite.
const LIMIT: u32 = 0x4780_0000;
/// The smallest normal half float.
const SMALLEST: u32 = (127 - 14) << 23;
/// 2^112, the difference of the exponents.
const SCALE: u32 = (127 + 112) << 23;
const EXPONENT: u32 = 0x7f80_0000;
/// The 32-bit float of [`NAN`].
const WIDE_NAN: u32 = 0x7fc0_0000;
const SIGN: u32 = 0x8000_0000;

impl Translator<'_, '_> {
    /// Returns the 32-bit float of the half float in the high half, whose sign `and` may take away.
    pub fn widen(&mut self, high: Value, and: u32) -> Value {
        if let Some(&known) = self.widened.get(&(high, and)) {
            return known;
        }
        let body = &mut *self.body;
        let mask = body.constant(0x8fff_e000 & and);
        let shifted = body.shift_right_signed(high, 3);
        let placed = body.and(shifted, mask);
        let scale = body.constant(SCALE);
        let value = body.float_mul(placed, scale);
        let (magnitude, limit) = (body.constant(!SIGN), body.constant(LIMIT));
        let magnitude = body.and(value, magnitude);
        let above = body.float_less_equal(limit, magnitude);
        let exponent = body.constant(EXPONENT);
        let special = body.and(above, exponent);
        let wide = body.or(value, special);
        self.widened.insert((high, and), wide);
        // Denormal half floats are normal 32-bit ones.
        self.flushed.insert(wide, wide);
        wide
    }

    /// Returns the nearest half float. What it is worth as a 32-bit float is remembered: most of
    /// them are sources of operations that follow.
    pub fn narrow(&mut self, x: Value) -> Value {
        let body = &mut *self.body;
        let magnitude = body.constant(!SIGN);
        let magnitude = body.and(x, magnitude);
        let (limit, smallest) = (body.constant(LIMIT), body.constant(SMALLEST));
        let bounded = body.float_smaller(magnitude, limit);
        let normal = body.float_larger(bounded, smallest);
        let exponent = body.constant(EXPONENT);
        let exponent = body.and(normal, exponent);
        let step = body.constant(13 << 23);
        let magic = body.add(exponent, step);
        let sum = body.float_add(bounded, magic);
        let mantissa = body.sub(sum, magic);
        let exponent = body.shift_right(exponent, 13);
        let half = body.add(mantissa, exponent);
        let bias = body.constant((127 - 14) << 10);
        let half = body.sub(half, bias);
        let sign = body.shift_right(x, 16);
        let bit = body.constant(0x8000);
        let sign = body.and(sign, bit);
        let half = body.or(half, sign);
        let (nan, one_nan) = (body.float_nan(x), body.constant(NAN));
        let half = body.select(nan, one_nan, half);
        // As `widen` makes it of this.
        let value = body.float_sub(sum, magic);
        let above = body.float_less_equal(limit, value);
        let exponent = body.constant(EXPONENT);
        let special = body.and(above, exponent);
        let value = body.or(value, special);
        let sign = body.constant(SIGN);
        let sign = body.and(x, sign);
        let value = body.or(value, sign);
        let wide_nan = body.constant(WIDE_NAN);
        let wide = body.select(nan, wide_nan, value);
        self.rounded.insert(half, wide);
        self.flushed.insert(wide, wide);
        half
    }

    /// Returns the half float next to it towards zero.
    fn narrow_to_zero(&mut self, x: Value) -> Value {
        let near = self.narrow(x);
        let body = &mut *self.body;
        let (magnitude, mask) = (body.constant(!SIGN), body.constant(0x7fff));
        let magnitude = body.and(x, magnitude);
        let high = body.and(near, mask);
        let high = body.shift_left(high, 16);
        let wide = self.widen(high, !0);
        let body = &mut *self.body;
        let larger = body.compare(agx_lanes::Compare::UnsignedLess, magnitude, wide);
        let infinity = body.constant(EXPONENT);
        let number = self.at_least(infinity, magnitude);
        let body = &mut *self.body;
        let too_large = body.and(larger, number);
        body.add(near, too_large)
    }

    /// Source `n` of an operation on half floats.
    fn half_source(&mut self, alu: &Alu, s: &[Value; 4], n: usize, xor: u32) -> Value {
        let shift = alu.p >> (8 * n) & 31;
        let half = match shift {
            16 => Some(0),
            0 => Some(1),
            _ => None,
        };
        if let Some(wide) = half.and_then(|half| self.half_made_of(s[n], half)) {
            return self.signed(wide, alu.and[n], xor);
        }
        let high = match self.shifted.get(&(s[n], shift)) {
            Some(&known) => known,
            None => {
                let high = self.body.shift_left(s[n], shift);
                self.shifted.insert((s[n], shift), high);
                high
            }
        };
        let wide = self.widen(high, alu.and[n]);
        self.signed(wide, !0, xor)
    }

    fn product(&mut self, alu: &Alu, s: &[Value; 4]) -> Value {
        let a = self.half_source(alu, s, 0, alu.xor[0] ^ alu.xor[1]);
        let b = self.half_source(alu, s, 1, 0);
        self.body.float_mul(a, b)
    }

    /// See [`crate::exec::half`].
    fn sum_to_odd(&mut self, product: Value, c: Value) -> Value {
        let body = &mut *self.body;
        let sum = body.float_add(product, c);
        let shadow = body.float_sub(sum, product);
        let rest = body.float_sub(sum, shadow);
        let first = body.float_sub(product, rest);
        let second = body.float_sub(c, shadow);
        let error = body.float_add(first, second);
        let unit = body.constant((1.0 / (1u64 << 48) as f32).to_bits());
        let magnitude = body.constant(!SIGN);
        let magnitude = body.and(error, magnitude);
        let inexact = body.float_less_equal(unit, magnitude);
        let differs = body.xor(sum, error);
        let above = body.shift_right(differs, 31);
        let above = body.and(above, inexact);
        let lower = body.sub(sum, above);
        let one = body.constant(1);
        let odd = body.and(one, inexact);
        body.or(lower, odd)
    }

    fn finish_half(&mut self, value: Value, sat: bool) -> Value {
        let value = match sat {
            true => self.saturated(value),
            false => value,
        };
        self.narrow(value)
    }

    /// Returns the 32-bit float of the half of a word that a kernel widens, if it was made of one.
    fn made_of(&self, name: Name, word: Value) -> Option<Value> {
        self.half_made_of(word, usize::from(name.kernel == "from_high"))
    }

    /// The result of a kernel for half floats.
    pub fn half(&mut self, alu: &Alu, name: Name, s: [Value; 4]) -> Option<Value> {
        let [sat, to_half] = name.parameters;
        let value = match name.kernel {
            "from_low" | "from_high" if self.made_of(name, s[0]).is_some() => {
                return self.made_of(name, s[0]);
            }
            "from_low" => {
                let high = self.body.shift_left(s[0], 16);
                return Some(self.widen(high, !0));
            }
            "from_high" => return Some(self.widen(s[0], !0)),
            "nearest" => return Some(self.narrow(s[0])),
            "to_zero" => return Some(self.narrow_to_zero(s[0])),
            "add" | "single_add" => {
                let [a, b] = [0, 1].map(|n| self.half_source(alu, &s, n, alu.xor[n]));
                self.body.float_add(a, b)
            }
            "mul" | "single_mul" => self.product(alu, &s),
            "fma" => {
                let product = self.product(alu, &s);
                let c = self.half_source(alu, &s, 2, alu.xor[2]);
                self.sum_to_odd(product, c)
            }
            "single_fma" => {
                let product = self.product(alu, &s);
                let c = self.half_source(alu, &s, 2, alu.xor[2]);
                self.body.float_add(product, c)
            }
            _ => return None,
        };
        if !name.kernel.starts_with("single") {
            return Some(self.finish_half(value, sat));
        }
        let single = self.finish_float(value, sat);
        Some(match to_half {
            true => self.narrow(single),
            false => single,
        })
    }
}
