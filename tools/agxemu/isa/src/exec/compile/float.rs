// SPDX-License-Identifier: MIT OR Apache-2.0

//! 32-bit floats, as [`crate::exec::float`] computes them.

use agx_lanes::{Round, Value};

use super::translate::Translator;
use crate::exec::float::NAN;
use crate::exec::kernel::Name;
use crate::exec::op::Alu;

const ONE: u32 = 0x3f80_0000;
const EXPONENT: u32 = 0x7f80_0000;
const SIGN: u32 = 0x8000_0000;

impl Translator<'_, '_> {
    /// Returns a denormal becomes a zero of the same sign.
    pub fn flush(&mut self, x: Value) -> Value {
        if let Some(&known) = self.flushed.get(&x) {
            return known;
        }
        let body = &mut *self.body;
        let (exponent, zero) = (body.constant(EXPONENT), body.constant(0));
        let magnitude = body.constant(!SIGN);
        let part = body.and(x, exponent);
        let denormal = body.compare(agx_lanes::Compare::Equal, part, zero);
        let lost = body.and(denormal, magnitude);
        let flushed = body.and_not(x, lost);
        self.flushed.insert(x, flushed);
        self.flushed.insert(flushed, flushed);
        flushed
    }

    /// Returns the source `n` of a float operation with its modifiers.
    pub fn float_source(&mut self, alu: &Alu, x: Value, n: usize) -> Value {
        let flushed = self.flush(x);
        self.signed(flushed, alu.and[n], alu.xor[n])
    }

    /// Changes the sign.
    pub fn signed(&mut self, x: Value, and: u32, xor: u32) -> Value {
        let mut value = x;
        if and != !0 {
            let and = self.body.constant(and);
            value = self.body.and(value, and);
        }
        if xor != 0 {
            let xor = self.body.constant(xor);
            value = self.body.xor(value, xor);
        }
        value
    }

    /// Returns what is stored as the result of an operation.
    pub fn finish_float(&mut self, value: Value, sat: bool) -> Value {
        if sat {
            let bounded = self.saturated(value);
            return self.flush(bounded);
        }
        let flushed = self.flush(value);
        let nan = self.body.float_nan(value);
        let one_nan = self.body.constant(NAN);
        let result = self.body.select(nan, one_nan, flushed);
        self.flushed.insert(result, result);
        result
    }

    /// Returns the value between zero and one; NaN becomes zero.
    pub fn saturated(&mut self, value: Value) -> Value {
        let body = &mut *self.body;
        let (zero, one) = (body.constant(0), body.constant(ONE));
        let positive = body.float_larger(value, zero);
        body.float_smaller(positive, one)
    }

    /// Returns a comparison of floats, as a mask.
    fn float_condition(&mut self, kernel: &str, a: Value, b: Value) -> Option<Value> {
        let body = &mut *self.body;
        Some(match kernel {
            "eq" | "select_eq" => body.float_equal(a, b),
            "lt" | "select_lt" => body.float_less(a, b),
            "gt" | "select_gt" => body.float_less(b, a),
            "le" | "select_le" => body.float_less_equal(a, b),
            "ge" | "select_ge" => body.float_less_equal(b, a),
            "ltn" | "select_ltn" => {
                let (less, nan) = (body.float_less(a, b), body.float_nan(b));
                body.or(less, nan)
            }
            "gtn" | "select_gtn" => {
                let (greater, nan) = (body.float_less(b, a), body.float_nan(b));
                body.or(greater, nan)
            }
            _ => return None,
        })
    }

    /// The result of a float kernel.
    pub fn float(&mut self, alu: &Alu, name: Name, s: [Value; 4]) -> Option<Value> {
        let sat = name.parameters[0];
        let [a, b] = [0, 1].map(|n| self.float_source(alu, s[n], n));
        if let Some(mask) = self.float_condition(name.kernel, a, b) {
            return Some(match name.kernel.starts_with("select") {
                true => self.body.select(mask, s[2], s[3]),
                false => self.inverted(alu, mask),
            });
        }
        let value = match name.kernel {
            "add" => self.body.float_add(a, b),
            "mul" => self.body.float_mul(a, b),
            "fma" => {
                let c = self.float_source(alu, s[2], 2);
                self.body.float_fma(a, b, c)
            }
            "difference" => {
                // The modifiers of the first source hold for both.
                let b = self.float_source(alu, s[1], 0);
                self.body.float_sub(a, b)
            }
            "round_down" => self.body.float_round(Round::Down, a),
            "round_up" => self.body.float_round(Round::Up, a),
            "round_to_zero" => self.body.float_round(Round::ToZero, a),
            "round" => self.body.float_round(Round::Nearest, a),
            "rcp" => {
                let one = self.body.constant(ONE);
                self.body.float_div(one, a)
            }
            "sine_fold" => self.sine_fold(a),
            "rsqrt" => self.reciprocal_root(a),
            "sqrt_helper" => {
                let root = self.reciprocal_root(a);
                let body = &mut *self.body;
                let (zero, infinity) = (body.constant(0), body.constant(EXPONENT));
                let one = body.constant(ONE);
                let at_zero = body.float_equal(a, zero);
                let at_infinity = body.float_equal(a, infinity);
                let edge = body.or(at_zero, at_infinity);
                body.select(edge, one, root)
            }
            "log2" => self.log2(a),
            "exp2" => self.exp2(a),
            "sine_ratio" => self.sine_ratio(a),
            _ => return None,
        };
        Some(self.finish_float(value, sat))
    }

    /// Returns a mask, inverted if the operation says so.
    pub fn inverted(&mut self, alu: &Alu, mask: Value) -> Value {
        match alu.p {
            0 => mask,
            p => {
                let p = self.body.constant(p);
                self.body.xor(mask, p)
            }
        }
    }
}
