// SPDX-License-Identifier: MIT OR Apache-2.0

//! Floats of 32 bits, rounded to nearest even, denormals and all.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{self, types, InstBuilder};

use super::{Body, Value};

/// How a float becomes an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// To the nearest, ties to even.
    Nearest,
    /// Down.
    Down,
    /// Up.
    Up,
    /// Towards zero.
    ToZero,
}

impl Body<'_> {
    fn floats(&mut self, a: Value) -> ir::Value {
        self.cast(a.0, types::F32X4)
    }

    fn bits(&mut self, a: ir::Value) -> Value {
        Value(self.cast(a, types::I32X4))
    }

    /// Returns a + b.
    pub fn float_add(&mut self, a: Value, b: Value) -> Value {
        let (a, b) = (self.floats(a), self.floats(b));
        let sum = self.ins().fadd(a, b);
        self.bits(sum)
    }

    /// Returns a - b.
    pub fn float_sub(&mut self, a: Value, b: Value) -> Value {
        let (a, b) = (self.floats(a), self.floats(b));
        let difference = self.ins().fsub(a, b);
        self.bits(difference)
    }

    /// Returns a * b.
    pub fn float_mul(&mut self, a: Value, b: Value) -> Value {
        let (a, b) = (self.floats(a), self.floats(b));
        let product = self.ins().fmul(a, b);
        self.bits(product)
    }

    /// Returns a / b.
    pub fn float_div(&mut self, a: Value, b: Value) -> Value {
        let (a, b) = (self.floats(a), self.floats(b));
        let quotient = self.ins().fdiv(a, b);
        self.bits(quotient)
    }

    /// Returns a * b + c, rounded once.
    pub fn float_fma(&mut self, a: Value, b: Value, c: Value) -> Value {
        let (a, b, c) = (self.floats(a), self.floats(b), self.floats(c));
        let sum = self.ins().fma(a, b, c);
        self.bits(sum)
    }

    /// Returns the square root.
    pub fn float_sqrt(&mut self, a: Value) -> Value {
        let a = self.floats(a);
        let root = self.ins().sqrt(a);
        self.bits(root)
    }

    /// Returns an integer near a, as a float.
    pub fn float_round(&mut self, how: Round, a: Value) -> Value {
        let a = self.floats(a);
        let near = match how {
            Round::Nearest => self.ins().nearest(a),
            Round::Down => self.ins().floor(a),
            Round::Up => self.ins().ceil(a),
            Round::ToZero => self.ins().trunc(a),
        };
        self.bits(near)
    }

    fn float_compare(&mut self, code: FloatCC, a: Value, b: Value) -> Value {
        let (a, b) = (self.floats(a), self.floats(b));
        Value(self.ins().fcmp(code, a, b))
    }

    /// Returns `a` where `a < b`, `b` elsewhere.
    pub fn float_smaller(&mut self, a: Value, b: Value) -> Value {
        let (a, b) = (self.floats(a), self.floats(b));
        let smaller = self.ins().fcmp(FloatCC::LessThan, a, b);
        self.float_pick(smaller, a, b)
    }

    /// Returns `a` where `b < a`, `b` elsewhere.
    pub fn float_larger(&mut self, a: Value, b: Value) -> Value {
        let (a, b) = (self.floats(a), self.floats(b));
        let larger = self.ins().fcmp(FloatCC::LessThan, b, a);
        self.float_pick(larger, a, b)
    }

    /// In this form a CPU may have one instruction for it.
    fn float_pick(&mut self, mask: ir::Value, a: ir::Value, b: ir::Value) -> Value {
        let mask = self.cast(mask, types::F32X4);
        let picked = self.ins().bitselect(mask, a, b);
        self.bits(picked)
    }

    /// Returns all ones where a = b.
    pub fn float_equal(&mut self, a: Value, b: Value) -> Value {
        self.float_compare(FloatCC::Equal, a, b)
    }

    /// Returns all ones where a < b.
    pub fn float_less(&mut self, a: Value, b: Value) -> Value {
        self.float_compare(FloatCC::LessThan, a, b)
    }

    /// Returns all ones where a <= b.
    pub fn float_less_equal(&mut self, a: Value, b: Value) -> Value {
        self.float_compare(FloatCC::LessThanOrEqual, a, b)
    }

    /// Returns all ones where a is NaN.
    pub fn float_nan(&mut self, a: Value) -> Value {
        self.float_compare(FloatCC::Unordered, a, a)
    }

    /// Returns the integer next to a towards zero, signed; the nearest one where it does not fit,
    /// zero for NaN.
    pub fn float_to_signed(&mut self, a: Value) -> Value {
        let a = self.floats(a);
        Value(self.ins().fcvt_to_sint_sat(types::I32X4, a))
    }

    /// Returns the same without sign.
    pub fn float_to_unsigned(&mut self, a: Value) -> Value {
        let a = self.floats(a);
        Value(self.ins().fcvt_to_uint_sat(types::I32X4, a))
    }

    /// Returns the float nearest to a signed integer.
    pub fn float_from_signed(&mut self, a: Value) -> Value {
        let near = self.ins().fcvt_from_sint(types::F32X4, a.0);
        self.bits(near)
    }

    /// Returns the float nearest to an unsigned integer.
    pub fn float_from_unsigned(&mut self, a: Value) -> Value {
        let near = self.ins().fcvt_from_uint(types::F32X4, a.0);
        self.bits(near)
    }
}
