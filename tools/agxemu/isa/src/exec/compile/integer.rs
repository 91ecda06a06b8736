// SPDX-License-Identifier: MIT OR Apache-2.0

//! Integers and conversions, as [`crate::exec::integer`] and [`crate::exec::convert`] compute them.

use agx_lanes::{Compare, Round, Value};

use super::translate::Translator;
use crate::exec::kernel::Name;
use crate::exec::op::{Alu, Src};

impl Translator<'_, '_> {
    /// Zero unless `by` is below `bound`.
    fn below(&mut self, value: Value, by: Value, bound: u32) -> Value {
        let bound = self.body.constant(bound);
        let fits = self.body.compare(Compare::UnsignedLess, by, bound);
        self.body.and(value, fits)
    }

    /// Returns `value << by`, zero from 32 on.
    fn shl(&mut self, value: Value, by: Value) -> Value {
        let moved = self.body.shift_left_by(value, by);
        self.below(moved, by, 32)
    }

    /// Returns `value >> by`, zero from 32 on.
    fn shr(&mut self, value: Value, by: Value) -> Value {
        let moved = self.body.shift_right_by(value, by);
        self.below(moved, by, 32)
    }

    /// Returns the low seven bits.
    fn place(&mut self, at: Value) -> Value {
        let mask = self.body.constant(0x7f);
        self.body.and(at, mask)
    }

    /// Returns the smaller one without sign.
    fn limited(&mut self, value: Value, limit: u32) -> Value {
        let limit = self.body.constant(limit);
        let less = self.body.compare(Compare::UnsignedLess, value, limit);
        self.body.select(less, value, limit)
    }

    /// Returns the bits of `new` where `mask` has ones, those of `old` elsewhere.
    fn inserted(&mut self, old: Value, new: Value, mask: Value) -> Value {
        self.body.select(mask, new, old)
    }

    /// Moves bit n of 16 to 2n.
    fn spread(&mut self, value: Value) -> Value {
        let steps = [
            (8, 0x00ff_00ff),
            (4, 0x0f0f_0f0f),
            (2, 0x3333_3333),
            (1, 0x5555_5555),
        ];
        let mask = self.body.constant(0xffff);
        let mut x = self.body.and(value, mask);
        for (by, mask) in steps {
            let moved = self.body.shift_left(x, by);
            let both = self.body.or(x, moved);
            let mask = self.body.constant(mask);
            x = self.body.and(both, mask);
        }
        x
    }

    /// Returns the function of two bits with the truth table `table`.
    fn table(&mut self, table: u32, a: Value, b: Value) -> Value {
        let body = &mut *self.body;
        let mut out = body.constant(0);
        for bit in (0..4).filter(|bit| table >> bit & 1 == 1) {
            let a = if bit & 1 == 1 { a } else { body.not(a) };
            let term = match bit & 2 {
                0 => body.and_not(a, b),
                _ => body.and(a, b),
            };
            out = body.or(out, term);
        }
        out
    }

    /// The result of an integer kernel.
    pub fn integer(&mut self, alu: &Alu, name: Name, s: [Value; 4]) -> Option<Value> {
        let [a, b, c, d] = s;
        let p = alu.p & 31;
        Some(match name.kernel {
            "mov" => a,
            "add" | "sub" => {
                let term = self.body.shift_left(b, p);
                match name.kernel {
                    "add" => self.body.add(a, term),
                    _ => self.body.sub(a, term),
                }
            }
            "mul_add" | "mul_sub" => {
                let product = self.body.mul(a, b);
                let term = self.body.shift_left(c, p);
                match name.kernel {
                    "mul_add" => self.body.add(product, term),
                    _ => self.body.sub(product, term),
                }
            }
            "and" => self.body.and(a, b),
            "or" => self.body.or(a, b),
            "xor" => self.body.xor(a, b),
            "bitop" => self.table(alu.p, a, b),
            "interleave" => {
                let (even, odd) = (self.spread(a), self.spread(b));
                let odd = self.body.shift_left(odd, 1);
                self.body.or(even, odd)
            }
            "bitrev" => self.body.reverse_bits(a),
            "popcount" => self.body.count_ones(a),
            "highest" => {
                let zeros = self.body.leading_zeros(a);
                let last = self.body.constant(31);
                self.body.sub(last, zeros)
            }
            "eq" | "ult" | "slt" | "select_eq" | "select_ult" | "select_slt" => {
                let what = match name.kernel.trim_start_matches("select_") {
                    "eq" => Compare::Equal,
                    "ult" => Compare::UnsignedLess,
                    _ => Compare::SignedLess,
                };
                let mask = self.body.compare(what, a, b);
                match name.kernel.starts_with("select") {
                    true => self.body.select(mask, c, d),
                    false => self.inverted(alu, mask),
                }
            }
            _ => return self.shifted(alu, name.kernel, s),
        })
    }

    /// The result of a shift.
    fn shifted(&mut self, alu: &Alu, kernel: &str, [a, b, c, _]: [Value; 4]) -> Option<Value> {
        let q = self.body.constant(alu.q);
        let stated = |n: usize| match alu.src[n] {
            Src::Immediate(by) => Some(by & 0x7f),
            _ => None,
        };
        Some(match (kernel, stated(1), stated(2)) {
            ("asr", Some(by), _) => self.body.shift_right_signed(a, by.min(31)),
            ("extr", _, Some(at @ 1..=31)) => {
                let low = self.body.shift_right(a, at);
                let high = self.body.shift_left(b, 32 - at);
                let out = self.body.or(low, high);
                self.body.and(out, q)
            }
            _ => return self.shifted_by(alu, kernel, [a, b, c]),
        })
    }

    /// The result of a shift by what a register holds.
    fn shifted_by(&mut self, alu: &Alu, kernel: &str, [a, b, c]: [Value; 3]) -> Option<Value> {
        let p = alu.p & 31;
        let q = self.body.constant(alu.q);
        Some(match kernel {
            "bfi_at" => {
                let mask = self.body.constant(alu.q << p);
                let moved = self.body.shift_left(b, p);
                self.inserted(a, moved, mask)
            }
            "bfeil_at" => {
                let moved = self.body.shift_right(b, p);
                self.inserted(a, moved, q)
            }
            "bfi" => {
                let at = self.place(c);
                let (mask, bits) = (self.shl(q, at), self.shl(b, at));
                self.inserted(a, bits, mask)
            }
            "bfeil" => {
                let at = self.place(c);
                let moved = self.shr(b, at);
                self.inserted(a, moved, q)
            }
            "extr" => {
                // The bits of a, below those of b, below zeros.
                let at = self.place(c);
                let low = self.shr(a, at);
                let width = self.body.constant(32);
                let left = self.body.sub(width, at);
                let middle = self.shl(b, left);
                let beyond = self.body.sub(at, width);
                let high = self.shr(b, beyond);
                let out = self.body.or(low, middle);
                let out = self.body.or(out, high);
                self.body.and(out, q)
            }
            "asr" => {
                let by = self.place(b);
                let by = self.limited(by, 31);
                self.body.shift_right_signed_by(a, by)
            }
            "asrh" => {
                // From above 32 zero bits: to the left below 32, to the right with the sign above.
                let by = self.place(b);
                let width = self.body.constant(32);
                let left = self.body.sub(width, by);
                let low = self.shl(a, left);
                let beyond = self.body.sub(by, width);
                let beyond = self.limited(beyond, 31);
                let high = self.body.shift_right_signed_by(a, beyond);
                let near = self.body.compare(Compare::UnsignedLess, by, width);
                self.body.select(near, low, high)
            }
            "shlhi" => {
                let at = self.place(c);
                let width = self.body.constant(32);
                let beyond = self.body.sub(at, width);
                // Zero below 32.
                let near = self.body.compare(Compare::UnsignedLess, at, width);
                let beyond = self.body.and_not(beyond, near);
                let keep = self.shl(q, beyond);
                let left = self.body.sub(width, at);
                let (low, high) = (self.shr(b, left), self.shl(b, beyond));
                let moved = self.body.select(near, low, high);
                self.inserted(a, moved, keep)
            }
            "shrhi" => {
                let at = self.place(c);
                let at_most = self.limited(at, 32);
                let width = self.body.constant(32);
                let left = self.body.sub(width, at_most);
                let keep = self.shl(q, left);
                let left = self.body.sub(width, at);
                let beyond = self.body.sub(at, width);
                let (low, high) = (self.shl(b, left), self.shr(b, beyond));
                let near = self.body.compare(Compare::UnsignedLess, at, width);
                let moved = self.body.select(near, low, high);
                self.inserted(a, moved, keep)
            }
            _ => return None,
        })
    }

    /// Returns the result of a conversion.
    pub fn conversion(&mut self, alu: &Alu, name: Name, a: Value) -> Option<Value> {
        let nearest = name.parameters[0];
        if name.kernel.ends_with("_to_f") {
            if !nearest {
                return None;
            }
            let near = match name.kernel {
                "u_to_f" => {
                    let mask = self.body.constant(alu.p);
                    let number = self.body.and(a, mask);
                    self.body.float_from_unsigned(number)
                }
                _ => {
                    let high = self.body.shift_left(a, alu.q);
                    let number = self.body.shift_right_signed(high, alu.q);
                    self.body.float_from_signed(number)
                }
            };
            self.flushed.insert(near, near);
            return Some(near);
        }
        let x = self.flush(a);
        let x = match nearest {
            true => self.body.float_round(Round::Nearest, x),
            false => x,
        };
        let bounds: [f32; 2] = match name.kernel {
            "f_to_u32" => return Some(self.body.float_to_unsigned(x)),
            "f_to_s32" => return Some(self.body.float_to_signed(x)),
            "f_to_u16" => [0.0, 65535.0],
            "f_to_s16" => [-32768.0, 32767.0],
            _ => return None,
        };
        let body = &mut *self.body;
        let [low, high] = bounds.map(|bound| body.constant(bound.to_bits()));
        let above = body.float_less(low, x);
        let bounded = body.select(above, x, low);
        let below = body.float_less(bounded, high);
        let bounded = body.select(below, bounded, high);
        let nan = body.float_nan(x);
        let bounded = body.and_not(bounded, nan);
        Some(body.float_to_signed(bounded))
    }
}
