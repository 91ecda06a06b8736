// SPDX-License-Identifier: MIT OR Apache-2.0

//! Floats of 64 bits, for what 32 are not enough.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{self, types, InstBuilder};

use super::{Body, Value, WIDTH};

/// A 64-bit float of each lane: those of the first half of the part, then of the second one.
#[derive(Clone, Copy, Debug)]
pub struct Double([ir::Value; 2]);

impl Body<'_> {
    /// Returns the 64-bit floats of 32-bit ones.
    pub fn double(&mut self, a: Value) -> Double {
        let second = self.quad(a, [2, 3, 2, 3]);
        Double([a, second].map(|half| {
            let half = self.cast(half.0, types::F32X4);
            self.ins().fvpromote_low(half)
        }))
    }

    /// Returns the 32-bit floats nearest to 64-bit ones.
    pub fn single(&mut self, a: Double) -> Value {
        let [first, second] = a.0.map(|half| {
            let half = self.ins().fvdemote(half);
            self.cast(half, types::I8X16)
        });
        // The first eight bytes of each.
        let bytes: Vec<u8> = (0..8).chain(16..24).collect();
        let mask = self.builder.func.dfg.immediates.push(bytes.into());
        let both = self.ins().shuffle(first, second, mask);
        Value(self.cast(both, types::I32X4))
    }

    /// Returns a number, in all lanes.
    pub fn double_constant(&mut self, number: f64) -> Double {
        let bytes: Vec<u8> = (0..WIDTH / 2).flat_map(|_| number.to_le_bytes()).collect();
        let constant = self.builder.func.dfg.constants.insert(bytes.into());
        let value = self.ins().vconst(types::F64X2, constant);
        Double([value; 2])
    }

    fn both(
        &mut self,
        a: Double,
        b: Double,
        f: impl Fn(&mut Self, ir::Value, ir::Value) -> ir::Value,
    ) -> Double {
        Double([0, 1].map(|half| f(self, a.0[half], b.0[half])))
    }

    /// Returns a + b.
    pub fn double_add(&mut self, a: Double, b: Double) -> Double {
        self.both(a, b, |body, a, b| body.ins().fadd(a, b))
    }

    /// Returns a - b.
    pub fn double_sub(&mut self, a: Double, b: Double) -> Double {
        self.both(a, b, |body, a, b| body.ins().fsub(a, b))
    }

    /// Returns a * b, rounded by itself.
    pub fn double_mul(&mut self, a: Double, b: Double) -> Double {
        self.both(a, b, |body, a, b| body.ins().fmul(a, b))
    }

    /// Returns a / b.
    pub fn double_div(&mut self, a: Double, b: Double) -> Double {
        self.both(a, b, |body, a, b| body.ins().fdiv(a, b))
    }

    /// Returns `a` where `mask` has ones, `b` elsewhere; the mask is all ones or zero in each lane.
    pub fn double_select(&mut self, mask: Value, a: Double, b: Double) -> Double {
        let masks = [[0, 0, 1, 1], [2, 2, 3, 3]].map(|lanes| {
            let mask = self.quad(mask, lanes);
            self.cast(mask.0, types::I64X2)
        });
        self.choose(masks, a, b)
    }

    /// Returns `a` where `x < y`, `b` elsewhere.
    pub fn double_pick(&mut self, x: Double, y: Double, a: Double, b: Double) -> Double {
        let masks = [0, 1].map(|half| self.ins().fcmp(FloatCC::LessThan, x.0[half], y.0[half]));
        self.choose(masks, a, b)
    }

    fn choose(&mut self, masks: [ir::Value; 2], a: Double, b: Double) -> Double {
        Double([0, 1].map(|half| {
            let [a, b] = [a, b].map(|from| self.cast(from.0[half], types::I64X2));
            let chosen = self.ins().bitselect(masks[half], a, b);
            self.cast(chosen, types::F64X2)
        }))
    }
}
