// SPDX-License-Identifier: MIT OR Apache-2.0

//! What random programs are made of.

use agx_isa::table::Op;

use super::program::{Random, D, F, I, S};

impl Random {
    /// r1 … r12.
    fn register(&mut self) -> u64 {
        1 + self.below(12)
    }

    fn half(&mut self) -> u64 {
        2 + self.below(24)
    }

    fn source(&mut self) -> S {
        match self.below(10) {
            0 => S::Imm(self.below(256)),
            1 => S::UniformWord(self.below(256) * 2),
            2 => S::UniformHalf(self.below(512)),
            3..6 => S::Half(self.half()),
            _ => S::Word(self.register()),
        }
    }

    fn term(&mut self, pairs: bool) -> (S, bool) {
        let signed = self.coin();
        if pairs && self.below(4) == 0 {
            return (S::Pair(1 + self.below(11)), signed);
        }
        (self.source(), signed)
    }

    fn dst(&mut self) -> D {
        if self.below(3) == 0 {
            D::Half(self.half())
        } else {
            D::Word(self.register())
        }
    }

    fn float(&mut self) -> F {
        F {
            src: self.source(),
            abs: self.coin(),
            neg: self.coin(),
        }
    }

    fn half_float(&mut self) -> F {
        let src = match self.below(5) {
            0 => S::Imm(self.below(256)),
            1 => S::UniformHalf(self.below(512)),
            _ => S::Half(self.half()),
        };
        let plain = matches!(src, S::Imm(_));
        F {
            src,
            abs: !plain && self.coin(),
            neg: !plain && self.coin(),
        }
    }

    /// What a select yields, of the destination's size.
    fn selected(&mut self, dst: D) -> S {
        let wide = matches!(dst, D::Word(_));
        match (self.below(4), wide) {
            (0, _) => S::Imm(self.below(256)),
            (1, true) => S::UniformWord(self.below(256) * 2),
            (1, false) => S::UniformHalf(self.below(512)),
            (_, true) => S::Word(self.register()),
            (_, false) => S::Half(self.half()),
        }
    }

    fn condition(&mut self) -> u64 {
        self.pick(&[0, 1, 2, 4, 5, 6])
    }

    fn sum(&mut self) -> I {
        let multiply = self.coin();
        let mut dst = self.dst();
        if self.below(4) == 0 {
            dst = D::Pair(1 + self.below(11));
        }
        let sat = self.below(4) == 0;
        if sat && matches!(dst, D::Pair(_)) {
            dst = D::Word(self.register());
        }
        let (a, b) = (self.term(!multiply && !sat), self.term(!multiply && !sat));
        let c = multiply.then(|| self.term(!sat));
        let shift = if sat {
            0
        } else {
            self.pick(&[0, 0, 0, 1, 2, 3, 4, 5, 7])
        };
        I::Sum {
            dst,
            a,
            b,
            c,
            neg: self.coin(),
            shift,
            sat,
        }
    }

    fn access(&mut self) -> I {
        let fmt = self.below(3);
        let wide = fmt == 2 || self.coin();
        let mask = 1 + self.below(15);
        let first = if wide {
            2 * (1 + self.below(9))
        } else {
            2 + self.below(20)
        };
        I::Access {
            local: self.coin(),
            store: self.coin(),
            first,
            wide,
            mask,
            fmt,
        }
    }

    fn subgroup(&mut self) -> I {
        let simd = self.coin();
        match self.below(3) {
            0 => {
                let (dst, cond) = (self.dst(), self.condition() | self.below(2) << 3);
                I::Ballot {
                    dst,
                    cond,
                    a: self.source(),
                    b: self.source(),
                    simd,
                }
            }
            1 => {
                let op = if simd { 0 } else { self.below(2) };
                I::Shuffle {
                    dst: self.dst(),
                    a: self.source(),
                    index: self.source(),
                    simd,
                    op,
                }
            }
            _ => {
                let wide = self.coin();
                let dst = if wide {
                    D::Word(self.register())
                } else {
                    D::Half(self.half())
                };
                let a = self.selected(dst);
                let op = self.pick(&[0, 2, 4, 16, 20, 22, 28, 30]);
                I::Reduce {
                    dst,
                    a,
                    op,
                    simd,
                    prefix: self.coin(),
                }
            }
        }
    }

    fn one(&mut self, depth: u32) -> I {
        let shifts = [
            Op::Bfi,
            Op::Bfeil,
            Op::Extr,
            Op::Asr,
            Op::Shlhi,
            Op::Shrhi,
            Op::Asrh,
        ];
        let dst = self.dst();
        match self.below(if depth < 3 { 21 } else { 19 }) {
            0 => I::Mov {
                dst,
                value: self.value(),
            },
            1 => I::Lane {
                dst,
                sr: self.pick(&[48, 51, 52, 53, 56, 57, 58, 59]),
            },
            2..5 => self.sum(),
            5 => {
                let (op, m) = (self.pick(&shifts), self.below(32));
                I::Shift {
                    op,
                    dst,
                    a: self.source(),
                    b: self.source(),
                    c: self.source(),
                    m,
                }
            }
            6 => I::Bits {
                dst,
                a: self.source(),
                b: self.source(),
                tt: self.below(16),
            },
            7 => {
                let op = self.pick(&[Op::Bitrev, Op::Popcount, Op::Ffs]);
                I::Unary {
                    op,
                    dst,
                    a: self.source(),
                }
            }
            8 => I::Interleave {
                dst,
                a: self.source(),
                b: self.source(),
            },
            9 => {
                let (c, d) = (self.selected(dst), self.selected(dst));
                I::Select {
                    dst,
                    cond: self.condition(),
                    a: self.source(),
                    b: self.source(),
                    c,
                    d,
                }
            }
            10 => {
                let (c, d) = (self.selected(dst), self.selected(dst));
                let cond = self.pick(&[0, 1, 2, 3, 5, 6, 7]);
                I::FloatSelect {
                    dst,
                    cond,
                    a: self.float(),
                    b: self.float(),
                    c,
                    d,
                }
            }
            11..13 => {
                let op = self.pick(&[Op::Fadd, Op::Fmul, Op::Ffma]);
                let count = if op == Op::Ffma { 3 } else { 2 };
                let src = (0..count).map(|_| self.float()).collect();
                I::Float {
                    op,
                    dst,
                    src,
                    sat: self.below(5) == 0,
                }
            }
            13 => {
                let op = self.pick(&[Op::Hadd, Op::Hmul, Op::Hfma]);
                let count = if op == Op::Hfma { 3 } else { 2 };
                let src = (0..count).map(|_| self.half_float()).collect();
                I::Float {
                    op,
                    dst: D::Half(self.half()),
                    src,
                    sat: self.below(5) == 0,
                }
            }
            14 => {
                let op = self.pick(&[0, 16, 32, 48, 8]);
                I::Function {
                    op,
                    dst,
                    a: self.float(),
                    sat: self.below(5) == 0,
                }
            }
            15 => {
                let mode = self.pick(&[0, 1, 4, 5, 6, 7, 8, 9, 10, 11]);
                I::Convert {
                    dst,
                    mode,
                    round: self.below(2),
                    a: self.source(),
                }
            }
            16 => self.access(),
            17 | 18 => self.subgroup(),
            19 => {
                let (cond, a, b) = (
                    self.condition() | self.below(2) << 3,
                    self.source(),
                    self.source(),
                );
                let (then, other) = (self.block(depth + 1), self.block(depth + 1));
                I::If {
                    cond,
                    a,
                    b,
                    then,
                    other,
                }
            }
            // Loops do not nest: they share their counter.
            _ if depth == 0 => I::Loop {
                body: self.block(2),
            },
            _ => I::Mov {
                dst,
                value: self.value(),
            },
        }
    }

    fn block(&mut self, depth: u32) -> Vec<I> {
        (0..self.below(6)).map(|_| self.one(depth)).collect()
    }

    pub fn program(&mut self) -> Vec<I> {
        (0..4 + self.below(24)).map(|_| self.one(0)).collect()
    }
}
