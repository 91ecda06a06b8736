// SPDX-License-Identifier: MIT OR Apache-2.0

//! 64-bit sums and products, as [`crate::exec::compute`] computes them.

use agx_lanes::{Compare, Value};

use super::translate::Translator;
use crate::exec::op::{Dst, Src, Wide, WideSrc};

/// Low and high half.
type Pair = [Value; 2];

impl Translator<'_, '_> {
    fn pair(&mut self, from: WideSrc) -> Pair {
        if let Src::Pair(word) = from.src {
            return [self.word(word), self.word(word + 1)];
        }
        let low = self.source(from.src);
        let high = match from.signed {
            true => self.body.shift_right_signed(low, 31),
            false => self.body.constant(0),
        };
        [low, high]
    }

    fn pair_add(&mut self, a: Pair, b: Pair) -> Pair {
        let body = &mut *self.body;
        let low = body.add(a[0], b[0]);
        // All ones are minus one.
        let carry = body.compare(Compare::UnsignedLess, low, a[0]);
        let high = body.add(a[1], b[1]);
        [low, body.sub(high, carry)]
    }

    fn pair_negate(&mut self, a: Pair) -> Pair {
        let inverted = a.map(|half| self.body.not(half));
        let (zero, one) = (self.body.constant(0), self.body.constant(1));
        self.pair_add(inverted, [one, zero])
    }

    fn pair_mul(&mut self, a: Pair, b: Pair) -> Pair {
        let body = &mut *self.body;
        let low = body.mul(a[0], b[0]);
        let mut high = body.mul_high(a[0], b[0]);
        for (a, b) in [(a[0], b[1]), (a[1], b[0])] {
            let product = body.mul(a, b);
            high = body.add(high, product);
        }
        [low, high]
    }

    fn pair_shift(&mut self, a: Pair, by: u32) -> Pair {
        let body = &mut *self.body;
        match by & 63 {
            0 => a,
            by @ 1..=31 => {
                let carried = body.shift_right(a[0], 32 - by);
                let high = body.shift_left(a[1], by);
                [body.shift_left(a[0], by), body.or(high, carried)]
            }
            by => [body.constant(0), body.shift_left(a[0], by - 32)],
        }
    }

    /// A sum, or a product and a sum.
    ///
    /// # Errors
    ///
    /// If it is clamped.
    pub fn wide(&mut self, op: &Wide) -> Result<(), String> {
        if op.clamp.is_some() {
            return Err("clamped sum".into());
        }
        let mut sum = self.pair(op.a);
        let term = self.pair(op.b);
        if let Some(factor) = op.factor {
            let factor = self.pair(factor);
            sum = self.pair_mul(sum, factor);
        }
        let mut term = self.pair_shift(term, op.shift.into());
        if op.negate {
            term = self.pair_negate(term);
        }
        let [low, high] = self.pair_add(sum, term);
        self.write(op.dst, low);
        if let Dst::Pair(word) = op.dst {
            self.write(Dst::Word(word + 1), high);
        }
        Ok(())
    }
}
