// SPDX-License-Identifier: MIT OR Apache-2.0

//! The slow way: one lane after the other, on whole numbers.

use agx_isa::table::Op;

use super::program::{D, F, I, S};
use super::soft::{Format, Number, HALF, SINGLE};

/// Bytes of each of the two memories.
pub const MEMORY: usize = 1024;

#[derive(Clone, PartialEq)]
pub struct State {
    /// Halves 0 … 31 of each lane.
    pub halves: Vec<[u16; 32]>,
    pub uniforms: Vec<u16>,
    pub device: Vec<u8>,
    pub local: Vec<u8>,
    /// Lanes that are active.
    pub on: Vec<bool>,
}

pub(super) fn sign_extended(value: u32, bits: u32) -> i128 {
    let value = i128::from(value);
    if value >> (bits - 1) & 1 == 1 {
        value - (1 << bits)
    } else {
        value
    }
}

/// Bits of a source and how many there are; immediates have 32.
impl State {
    pub(super) fn raw(&self, lane: usize, s: S) -> (u64, u32) {
        let h = |n: u64| u64::from(self.halves[lane][n as usize]);
        let u = |n: u64| u64::from(self.uniforms[n as usize]);
        match s {
            S::Word(n) => (h(2 * n) | h(2 * n + 1) << 16, 32),
            S::Half(n) => (h(n), 16),
            S::Pair(n) => ((0..4).fold(0, |all, i| all | h(2 * n + i) << (16 * i)), 64),
            S::UniformWord(n) => (u(n) | u(n + 1) << 16, 32),
            S::UniformHalf(n) => (u(n), 16),
            S::Imm(v) => (v, 32),
        }
    }

    pub(super) fn int(&self, lane: usize, s: S) -> u32 {
        self.raw(lane, s).0 as u32
    }

    /// As a whole number, extended as stated.
    fn number(&self, lane: usize, (s, signed): (S, bool)) -> i128 {
        let (bits, size) = self.raw(lane, s);
        match size {
            _ if matches!(s, S::Imm(_)) => bits.into(),
            64 => (bits as i64).into(),
            _ if signed => sign_extended(bits as u32, size),
            _ => bits.into(),
        }
    }

    fn float(&self, lane: usize, f: F, short: bool) -> Number {
        let (bits, size) = self.raw(lane, f.src);
        let value = match f.src {
            S::Imm(v) => {
                let (exponent, mantissa) = (v >> 4 & 7, u128::from(v & 15));
                let minus = v & 0x80 != 0;
                let (mantissa, exponent) = match exponent {
                    0 => (mantissa, -6),
                    e => (16 + mantissa, e as i32 - 7),
                };
                Number::Finite {
                    minus,
                    mantissa,
                    exponent,
                    more: false,
                }
            }
            _ if size == 16 || short => HALF.decode(bits as u32),
            _ => SINGLE.decode(bits as u32),
        };
        let value = if f.abs { value.absolute() } else { value };
        if f.neg {
            value.negated()
        } else {
            value
        }
    }

    pub(super) fn write(&mut self, lane: usize, dst: D, value: u64) {
        let (first, count) = match dst {
            D::Half(n) => (n, 1),
            D::Word(n) => (2 * n, 2),
            D::Pair(n) => (2 * n, 4),
        };
        for i in 0..count {
            self.halves[lane][(first + i) as usize] = (value >> (16 * i)) as u16;
        }
    }

    /// Rounds to 32 bits, then to the destination.
    fn write_float(&mut self, lane: usize, dst: D, value: Number, sat: bool) {
        let value = if sat { value.saturated() } else { value };
        let mut bits = SINGLE.encode(value, true);
        if matches!(dst, D::Half(_)) {
            bits = HALF.encode(SINGLE.decode(bits), true);
        }
        self.write(lane, dst, bits.into());
    }

    pub(super) fn holds(&self, lane: usize, cond: u64, a: S, b: S) -> bool {
        let value = |s: S| {
            let (bits, size) = self.raw(lane, s);
            match s {
                S::Imm(_) => i128::from(bits),
                _ if cond & 4 != 0 => sign_extended(bits as u32, size),
                _ => bits.into(),
            }
        };
        let (a, b) = (value(a), value(b));
        let plain = match cond & 3 {
            0 => a == b,
            1 => a < b,
            _ => a > b,
        };
        plain != (cond & 8 != 0)
    }

    /// One lane's part of an instruction without effect on other lanes.
    pub(super) fn lane(&mut self, l: usize, inst: &I) {
        match inst {
            I::Mov { dst, value } => self.write(l, *dst, (*value).into()),
            I::Sum {
                dst,
                a,
                b,
                c,
                neg,
                shift,
                sat,
            } => {
                let (product, term) = match c {
                    None => (self.number(l, *a), self.number(l, *b)),
                    Some(c) => (self.number(l, *a) * self.number(l, *b), self.number(l, *c)),
                };
                let term = if *shift > 4 { 0 } else { term << shift };
                let sum = if *neg { product - term } else { product + term };
                // Immediates do not count, they are never extended.
                let signed = |t: &(S, bool)| t.1 && !matches!(t.0, S::Imm(_));
                let any = signed(a) || signed(b) || c.as_ref().is_some_and(signed);
                let bits = if matches!(dst, D::Half(_)) { 16 } else { 32 };
                let sum = match (*sat, any) {
                    (false, _) => sum,
                    (true, true) => sum.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
                    (true, false) => sum.clamp(0, (1 << bits) - 1),
                };
                self.write(l, *dst, sum as u64);
            }
            I::Shift {
                op,
                dst,
                a,
                b,
                c,
                m,
            } => {
                let keep = u128::from(self.int(l, *a));
                let mask: u128 = if *m == 0 { 0xffff_ffff } else { (1 << m) - 1 };
                let y = u128::from(self.int(l, *b));
                let s = self.int(l, *c) & 0x7f;
                // Everything in 128 bits, of which shifts by up to 127 lose none of importance.
                let left = |v: u128, by: u32| if by < 96 { v << by } else { 0 };
                let low = 0xffff_ffff_u128;
                let size = self.raw(l, *a).1;
                let extended = match *a {
                    S::Imm(v) => i128::from(v),
                    _ => sign_extended(self.int(l, *a), size),
                };
                let by = self.int(l, *b) & 0x7f;
                let out = match op {
                    Op::Bfi => (keep & !left(mask, s)) | left(y & mask, s),
                    Op::Bfeil => (keep & !mask) | (y >> s & mask),
                    Op::Extr => (y << 32 | keep) >> s & mask,
                    Op::Asr => (extended >> by) as u128,
                    Op::Asrh => ((extended << 32) >> by) as u128,
                    Op::Shlhi => {
                        let keep_out = left(mask, s.saturating_sub(32));
                        // Of 64 bits, the high ones.
                        let high = (left(y, s) & 0xffff_ffff_ffff_ffff) >> 32;
                        (high & keep_out) | (keep & !keep_out)
                    }
                    _ => {
                        let keep_out = (mask << 32) >> s.min(32);
                        ((y << 32) >> s & keep_out) | (keep & !keep_out)
                    }
                };
                self.write(l, *dst, (out & low) as u64);
            }
            I::Bits { dst, a, b, tt } => {
                let (a, b) = (self.int(l, *a), self.int(l, *b));
                let row = |bit: u32| (a >> bit & 1) | (b >> bit & 1) << 1;
                let out = (0..32).fold(0, |out, bit| out | (tt >> row(bit) & 1) << bit);
                self.write(l, *dst, out);
            }
            I::Unary { op, dst, a } => {
                let a = self.int(l, *a);
                let set = (0..32).filter(|bit| a >> bit & 1 == 1);
                let out = match op {
                    Op::Bitrev => set.fold(0, |out, bit| out | 1 << (31 - bit)),
                    Op::Popcount => set.count() as u64,
                    _ => set.last().map_or(0xffff_ffff, |bit| bit as u64),
                };
                self.write(l, *dst, out);
            }
            I::Interleave { dst, a, b } => {
                let (a, b) = (u64::from(self.int(l, *a)), u64::from(self.int(l, *b)));
                let pair = |bit: u32| (a >> bit & 1) | (b >> bit & 1) << 1;
                let out = (0..16).fold(0, |out, bit| out | pair(bit) << (2 * bit));
                self.write(l, *dst, out);
            }
            I::Select {
                dst,
                cond,
                a,
                b,
                c,
                d,
            } => {
                let from = if self.holds(l, *cond, *a, *b) { c } else { d };
                self.write(l, *dst, self.raw(l, *from).0);
            }
            I::FloatSelect {
                dst,
                cond,
                a,
                b,
                c,
                d,
            } => {
                use std::cmp::Ordering::{Equal, Greater, Less};
                let (x, y) = (self.float(l, *a, false), self.float(l, *b, false));
                let order = x.compare(y);
                let loses = matches!(y, Number::Nan);
                let holds = match cond {
                    0 => order == Some(Equal),
                    1 => order == Some(Less),
                    2 => order == Some(Greater),
                    3 => order == Some(Less) || loses,
                    5 => matches!(order, Some(Greater | Equal)),
                    6 => matches!(order, Some(Less | Equal)),
                    _ => order == Some(Greater) || loses,
                };
                let from = if holds { c } else { d };
                self.write(l, *dst, self.raw(l, *from).0);
            }
            I::Float { op, dst, src, sat } => {
                let short = matches!(op, Op::Hadd | Op::Hmul | Op::Hfma);
                let v: Vec<Number> = src.iter().map(|&f| self.float(l, f, short)).collect();
                let out = match op {
                    Op::Fadd | Op::Hadd => v[0].plus(v[1]),
                    Op::Fmul | Op::Hmul => v[0].times(v[1]),
                    _ => v[0].times(v[1]).plus(v[2]),
                };
                if short {
                    let out = if *sat { out.saturated() } else { out };
                    self.write(l, *dst, HALF.encode(out, true).into());
                } else {
                    self.write_float(l, *dst, out, *sat);
                }
            }
            I::Function { op, dst, a, sat } => {
                let x = self.float(l, *a, false);
                let out = if *op == 8 {
                    x.reciprocal()
                } else {
                    x.integral(*op)
                };
                self.write_float(l, *dst, out, *sat);
            }
            I::Convert {
                dst,
                mode,
                round,
                a,
            } => self.convert(l, *dst, *mode, *round == 1, *a),
            other => unreachable!("{other:?} concerns more than one lane"),
        }
    }

    /// An access of one lane to one channel, the `n`th of its access.
    pub(super) fn access(&mut self, l: usize, inst: &I, channel: usize, n: u64) {
        let I::Access {
            local,
            store,
            first,
            wide,
            fmt,
            ..
        } = inst
        else {
            unreachable!("{inst:?} is no access");
        };
        let index = if *local { S::Half(30) } else { S::Word(14) };
        let size = 1 << fmt;
        let at = (self.int(l, index) as usize + channel) * size;
        let (dst, src) = match wide {
            true => (D::Word(first / 2 + n), S::Word(first / 2 + n)),
            false => (D::Half(first + n), S::Half(first + n)),
        };
        let value = self.raw(l, src).0.to_le_bytes();
        let memory = if *local {
            &mut self.local
        } else {
            &mut self.device
        };
        if *store {
            memory[at..at + size].copy_from_slice(&value[..size]);
            return;
        }
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&memory[at..at + size]);
        self.write(l, dst, u64::from_le_bytes(bytes));
    }

    fn convert(&mut self, l: usize, dst: D, mode: u64, nearest: bool, a: S) {
        let (bits, size) = self.raw(l, a);
        let low = |n: u32| (bits & ((1 << n) - 1)) as u32;
        let value = match mode {
            0 => i128::from(low(8)),
            1 => sign_extended(low(8), 8),
            6 => i128::from(low(16)),
            7 => sign_extended(low(16), 16),
            10 => i128::from(low(32)),
            11 => sign_extended(low(32), 32),
            _ => {
                let from: Format = if size == 16 { HALF } else { SINGLE };
                let x = from.decode(low(size));
                let whole = x.integral(if nearest { 48 } else { 32 }).integer();
                let (least, most) = match mode {
                    4 => (0, 0xffff),
                    5 => (-0x8000, 0x7fff),
                    8 => (0, 0xffff_ffff),
                    _ => (-0x8000_0000, 0x7fff_ffff),
                };
                return self.write(l, dst, whole.clamp(least, most) as u64);
            }
        };
        let mut out = SINGLE.encode(Number::from_integer(value), nearest);
        if matches!(dst, D::Half(_)) {
            out = HALF.encode(SINGLE.decode(out), nearest);
        }
        self.write(l, dst, out.into());
    }
}
