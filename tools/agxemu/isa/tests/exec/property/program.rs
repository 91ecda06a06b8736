// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random programs, as a description that both encoder and reference read.

use agx_isa::table::Op;

/// Numbers out of a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A value of a lane: small, edge of a format, float of any size, or anything.
    pub fn value(&mut self) -> u32 {
        const EDGES: [u32; 16] = [
            0,
            0x8000_0000,
            0x3f80_0000,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_0000,
            0x007f_ffff,
            0x0080_0000,
            0x7f7f_ffff,
            0xffff_ffff,
            0x7fff_ffff,
            0x3c00_3c00,
            0x7bff_0001,
            0x03ff_8400,
            0x7c00_fc00,
            0x4f80_0000,
        ];
        match self.below(6) {
            0 => self.below(64) as u32,
            1 => self.pick(&EDGES),
            2 => self.pick(&EDGES) ^ self.below(4) as u32,
            3 => ((self.below(4000) as f32 - 2000.0) / 16.0).to_bits(),
            // Exponents near one: sums and products that do not all overflow.
            4 => (self.next() as u32 & 0x807f_ffff) | (0x70 + self.below(32) as u32) << 23,
            _ => self.next() as u32,
        }
    }
}

/// A source. Registers are r1 … r12.
#[derive(Clone, Copy, Debug)]
pub enum S {
    Word(u64),
    Half(u64),
    Pair(u64),
    UniformWord(u64),
    UniformHalf(u64),
    Imm(u64),
}

/// Float modifiers.
#[derive(Clone, Copy, Debug)]
pub struct F {
    pub src: S,
    pub abs: bool,
    pub neg: bool,
}

/// A destination.
#[derive(Clone, Copy, Debug)]
pub enum D {
    Word(u64),
    Half(u64),
    Pair(u64),
}

/// An instruction.
#[derive(Clone, Debug)]
pub enum I {
    Mov {
        dst: D,
        value: u32,
    },
    Lane {
        dst: D,
        sr: u64,
    },
    Sum {
        dst: D,
        a: (S, bool),
        b: (S, bool),
        c: Option<(S, bool)>,
        neg: bool,
        shift: u64,
        sat: bool,
    },
    Shift {
        op: Op,
        dst: D,
        a: S,
        b: S,
        c: S,
        m: u64,
    },
    Bits {
        dst: D,
        a: S,
        b: S,
        tt: u64,
    },
    Unary {
        op: Op,
        dst: D,
        a: S,
    },
    Interleave {
        dst: D,
        a: S,
        b: S,
    },
    Select {
        dst: D,
        cond: u64,
        a: S,
        b: S,
        c: S,
        d: S,
    },
    FloatSelect {
        dst: D,
        cond: u64,
        a: F,
        b: F,
        c: S,
        d: S,
    },
    Float {
        op: Op,
        dst: D,
        src: Vec<F>,
        sat: bool,
    },
    Function {
        op: u64,
        dst: D,
        a: F,
        sat: bool,
    },
    Convert {
        dst: D,
        mode: u64,
        round: u64,
        a: S,
    },
    /// Device memory, or threadgroup memory: r14 or r15l is the index, made safe before.
    Access {
        local: bool,
        store: bool,
        first: u64,
        wide: bool,
        mask: u64,
        fmt: u64,
    },
    Ballot {
        dst: D,
        cond: u64,
        a: S,
        b: S,
        simd: bool,
    },
    Shuffle {
        dst: D,
        a: S,
        index: S,
        simd: bool,
        op: u64,
    },
    Reduce {
        dst: D,
        a: S,
        op: u64,
        simd: bool,
        prefix: bool,
    },
    /// Then and else, for the lanes of an integer comparison.
    If {
        cond: u64,
        a: S,
        b: S,
        then: Vec<I>,
        other: Vec<I>,
    },
    /// As long as r13, which starts below 4, is not zero.
    Loop {
        body: Vec<I>,
    },
}
