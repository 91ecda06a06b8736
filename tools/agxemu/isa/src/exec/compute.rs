// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading sources, running kernels, writing destinations.

use super::group::REGISTERS;
use super::host::bits;
use super::kernel::Args;
use super::op::{Alu, Dst, ShuffleOp, Src, Wide, WideSrc};
use super::run::{unsupported, Machine};
use super::{FaultKind, Group, Host, Lanes, Shared, LANES};

const ZERO: Lanes = [0; LANES];

/// What a kernel gets.
fn args<'a>(alu: &Alu, s: [&'a Lanes; 4]) -> Args<'a> {
    Args {
        s,
        and: alu.and,
        xor: alu.xor,
        p: alu.p,
        q: alu.q,
    }
}

/// 16 or 32 bits that all lanes read.
fn scalar(uniforms: &[u16; 512], src: Src) -> u32 {
    let half = |at: u16| u32::from(uniforms[usize::from(at) & 511]);
    match src {
        Src::UniformWord(at) => half(at) | half(at + 1) << 16,
        Src::UniformHalf(at) => half(at),
        Src::UniformSigned(at) => half(at) as u16 as i16 as u32,
        Src::Immediate(value) => value,
        Src::Word(_) | Src::Low(_) | Src::High(_) | Src::LowSigned(_) | Src::HighSigned(_) => 0,
        Src::Pair(_) => 0,
    }
}

/// The values of a source, in `tmp` unless they lie in the registers as they are wanted.
#[inline]
pub(super) fn read<'a>(
    regs: &'a [Lanes; REGISTERS],
    shared: &Shared,
    src: Src,
    tmp: &'a mut Lanes,
) -> &'a Lanes {
    let mut map = |word: u8, f: fn(u32) -> u32| {
        let from = &regs[usize::from(word) % REGISTERS];
        for lane in 0..LANES {
            tmp[lane] = f(from[lane]);
        }
    };
    match src {
        Src::Word(word) | Src::Pair(word) => return &regs[usize::from(word) % REGISTERS],
        Src::Low(word) => map(word, |v| v & 0xffff),
        Src::High(word) => map(word, |v| v >> 16),
        Src::LowSigned(word) => map(word, |v| v as i16 as u32),
        Src::HighSigned(word) => map(word, |v| (v as i32 >> 16) as u32),
        uniform => *tmp = [scalar(&shared.uniforms, uniform); LANES],
    }
    tmp
}

impl Group {
    /// Runs a kernel; the result is in `self.out`.
    #[inline]
    pub(super) fn compute(&mut self, shared: &Shared, alu: &Alu) {
        let [t0, t1, t2, t3] = &mut *self.temps;
        let mut s = [&ZERO; 4];
        let temps = [t0, t1, t2, t3];
        for (n, tmp) in temps.into_iter().enumerate().take(alu.count.into()) {
            if let Some(Some(widen)) = alu.widen.get(n) {
                let mut raw = ZERO;
                let raw = read(&self.regs, shared, alu.src[n], &mut raw);
                widen.call(&args(alu, [raw, &ZERO, &ZERO, &ZERO]), tmp);
                s[n] = tmp;
            } else {
                s[n] = read(&self.regs, shared, alu.src[n], tmp);
            }
        }
        alu.kernel.call(&args(alu, s), &mut self.out);
        if let Some(narrow) = alu.narrow {
            let raw = self.out;
            narrow.call(&args(alu, [&raw, &ZERO, &ZERO, &ZERO]), &mut self.out);
        }
    }

    /// Writes `self.out` to the active lanes of a destination.
    #[inline]
    pub(super) fn commit(&mut self, dst: Dst) {
        let (word, keep, shift) = match dst {
            Dst::Word(word) if self.exec == !0 => {
                self.regs[usize::from(word) % REGISTERS] = self.out;
                return;
            }
            Dst::Word(word) | Dst::Pair(word) => (word, 0, 0),
            Dst::Low(word) => (word, 0xffff_0000, 0),
            Dst::High(word) => (word, 0x0000_ffff, 16),
        };
        let reg = &mut self.regs[usize::from(word) % REGISTERS];
        for ((reg, &out), &active) in reg.iter_mut().zip(&self.out).zip(&self.active) {
            let change = active & !keep;
            *reg = *reg & !change | (out << shift) & change;
        }
    }

    fn wide_source(&self, shared: &Shared, from: WideSrc, out: &mut [u64; LANES]) {
        if let Src::Pair(word) = from.src {
            let (low, high) = (
                &self.regs[usize::from(word)],
                &self.regs[usize::from(word) + 1],
            );
            for lane in 0..LANES {
                out[lane] = u64::from(high[lane]) << 32 | u64::from(low[lane]);
            }
            return;
        }
        let mut tmp = ZERO;
        let raw = read(&self.regs, shared, from.src, &mut tmp);
        for lane in 0..LANES {
            let value = raw[lane];
            out[lane] = if from.signed {
                value as i32 as u64
            } else {
                u64::from(value)
            };
        }
    }

    /// Sums and products that are clamped.
    fn clamped(&mut self, shared: &Shared, op: &Wide, low: i64, high: i64) {
        // Sources have 32 bits here, so that 64 are enough but for products without sign, of which
        // those that do not fit are beyond the bounds.
        let mut sum = [0; LANES];
        let mut term = [0; LANES];
        self.wide_source(shared, op.a, &mut sum);
        self.wide_source(shared, op.b, &mut term);
        if let Some(factor) = op.factor {
            let mut by = [0; LANES];
            self.wide_source(shared, factor, &mut by);
            for (sum, &by) in sum.iter_mut().zip(&by) {
                let product = sum.wrapping_mul(by);
                let positive = (*sum | by) >> 63 == 0;
                *sum = if positive {
                    product.min(1 << 62)
                } else {
                    product
                };
            }
        }
        for ((out, &sum), &term) in self.out.iter_mut().zip(&sum).zip(&term) {
            let (sum, term) = (sum as i64, term as i64);
            let sum = if op.negate { sum - term } else { sum + term };
            *out = sum.clamp(low, high) as u32;
        }
        self.commit(op.dst);
    }

    /// 64-bit sums and products.
    pub(super) fn wide(&mut self, shared: &Shared, op: &Wide) {
        if let Some((low, high)) = op.clamp {
            return self.clamped(shared, op, low, high);
        }
        let mut sum = [0; LANES];
        let mut term = [0; LANES];
        self.wide_source(shared, op.a, &mut sum);
        self.wide_source(shared, op.b, &mut term);
        if let Some(factor) = op.factor {
            let mut by = [0; LANES];
            self.wide_source(shared, factor, &mut by);
            for (sum, &by) in sum.iter_mut().zip(&by) {
                *sum = sum.wrapping_mul(by);
            }
        }
        for (sum, &term) in sum.iter_mut().zip(&term) {
            let shifted = term << (op.shift & 63);
            let shifted = if op.negate {
                shifted.wrapping_neg()
            } else {
                shifted
            };
            *sum = sum.wrapping_add(shifted);
        }
        for (out, &sum) in self.out.iter_mut().zip(&sum) {
            *out = sum as u32;
        }
        self.commit(op.dst);
        if let Dst::Pair(word) = op.dst {
            for (out, &sum) in self.out.iter_mut().zip(&sum) {
                *out = (sum >> 32) as u32;
            }
            self.commit(Dst::Word(word + 1));
        }
    }

    /// Differences between the lanes of each quad, whose lanes are 0 1 above 2 3.
    pub(super) fn difference(&mut self, shared: &Shared, alu: &Alu, vertical: bool) {
        let (mut tmp, mut wide) = (ZERO, ZERO);
        let mut from = read(&self.regs, shared, alu.src[0], &mut tmp);
        if let Some(widen) = alu.widen[0] {
            widen.call(&args(alu, [from, &ZERO, &ZERO, &ZERO]), &mut wide);
            from = &wide;
        }
        let step = if vertical { 2 } else { 1 };
        let (mut high, mut low) = (ZERO, ZERO);
        for lane in 0..LANES {
            high[lane] = from[lane | step];
            low[lane] = from[lane & !step];
        }
        let s = [&high, &low, &ZERO, &ZERO];
        alu.kernel.call(&args(alu, s), &mut self.out);
        if let Some(narrow) = alu.narrow {
            let raw = self.out;
            narrow.call(&args(alu, [&raw, &ZERO, &ZERO, &ZERO]), &mut self.out);
        }
    }

    /// From comparison results in `self.out` to the mask of active lanes that pass.
    pub(super) fn ballot(&mut self, simd: bool) {
        let mut votes = 0;
        for lane in 0..LANES {
            votes |= (self.out[lane] & 1) << lane;
        }
        votes &= self.exec;
        for (lane, out) in self.out.iter_mut().enumerate() {
            *out = if simd {
                votes
            } else {
                votes >> (lane & !3) & 15
            };
        }
    }

    /// Values of other lanes, which need not be active.
    ///
    /// For the form over the whole group each quad offers one value, that of its lane whose number
    /// is the OR of what its lanes ask for.
    pub(super) fn shuffle(&mut self, shared: &Shared, src: Src, index: Src, op: ShuffleOp) {
        let (mut t0, mut t1) = (ZERO, ZERO);
        let from = read(&self.regs, shared, src, &mut t0);
        let index = read(&self.regs, shared, index, &mut t1);
        let mut offered = [0; LANES / 4];
        for (quad, offered) in offered.iter_mut().enumerate() {
            let lanes = quad * 4..quad * 4 + 4;
            let asked = index[lanes].iter().fold(0, |all, i| all | i & 3);
            *offered = from[quad * 4 + asked as usize];
        }
        for lane in 0..LANES {
            let at = index[lane] as usize & 0xffff;
            self.out[lane] = match op {
                ShuffleOp::QuadAbsolute => from[lane & !3 | at & 3],
                ShuffleOp::QuadXor => from[lane ^ at & 3],
                ShuffleOp::SimdAbsolute if at < LANES => offered[at / 4],
                ShuffleOp::SimdAbsolute => from[lane],
            };
        }
    }

    /// A special register, to `self.out`.
    pub(super) fn special<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        sr: u8,
    ) -> Result<(), Box<FaultKind>> {
        if self.pixels.is_some() && self.pixel_special(sr) {
            return Ok(());
        }
        let d = m.dispatch;
        let axis = usize::from(sr & 3);
        let exec = self.exec;
        let below = |lane: usize| (1u32 << lane) - 1;
        let quad = |lane: usize| 15u32 << (lane & !3);
        let out = &mut self.out;
        match sr {
            0..=2 => *out = [d.position[axis]; LANES],
            4..=6 => *out = [d.size[axis]; LANES],
            8..=10 => *out = [d.nominal[axis]; LANES],
            12 if d.tile.width != 0 => *out = [d.tile.width; LANES],
            13 if d.tile.height != 0 => *out = [d.tile.height; LANES],
            14 if d.tile.samples != 0 => *out = [d.tile.samples.ilog2(); LANES],
            20 => *out = [d.core; LANES],
            21 => *out = [d.vm_slot; LANES],
            48..=50 => *out = self.local[axis],
            51 => *out = std::array::from_fn(|lane| self.index * LANES as u32 + lane as u32),
            52 => *out = std::array::from_fn(|lane| lane as u32),
            53 => *out = [self.index; LANES],
            56 => *out = std::array::from_fn(|l| (exec & quad(l) & below(l)).count_ones()),
            57 => *out = std::array::from_fn(|l| (exec & quad(l)).count_ones()),
            58 => *out = std::array::from_fn(|l| (exec & below(l)).count_ones()),
            59 => *out = [exec.count_ones(); LANES],
            // Only fragment groups have helper threads.
            63 => *out = [1; LANES],
            80..=82 => {
                let first = d.position[axis].wrapping_mul(d.nominal[axis]);
                for (out, &local) in out.iter_mut().zip(&self.local[axis]) {
                    *out = first.wrapping_add(local);
                }
            }
            _ => match m.host.special(sr) {
                Some(value) => *out = [value; LANES],
                None => return Err(unsupported(format!("special register {sr}"))),
            },
        }
        Ok(())
    }

    /// Returns the value of a source in one lane.
    pub(super) fn lane_value(&self, shared: &Shared, src: Src, lane: usize) -> u32 {
        let mut tmp = ZERO;
        read(&self.regs, shared, src, &mut tmp)[lane]
    }

    /// Returns the lowest active lane.
    pub(super) fn first_lane(&self) -> usize {
        bits(self.exec).next().unwrap_or(0)
    }
}
