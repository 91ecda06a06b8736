// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reductions and scans over the active lanes of a quad or of the group.

use super::op::{ReduceOp, Src};
use super::{float, half, Group, Shared, LANES};

impl ReduceOp {
    /// Returns what leaves every value as it is.
    fn identity(self, wide: bool) -> u32 {
        let signed = if wide { 0x8000_0000u32 } else { 0x8000 };
        match self {
            Self::Or | Self::Xor | Self::Add | Self::UnsignedMax => 0,
            Self::And | Self::UnsignedMin => !0,
            Self::SignedMax => signed,
            Self::SignedMin => signed - 1,
            Self::FloatAdd => signed,
            Self::FloatMul if wide => 0x3f80_0000,
            Self::FloatMul => 0x3c00,
            Self::FloatMin if wide => 0x7f80_0000,
            Self::FloatMin => 0x7c00,
            Self::FloatMax if wide => 0xff80_0000,
            Self::FloatMax => 0xfc00,
        }
    }

    fn combine(self, wide: bool, a: u32, b: u32) -> u32 {
        let signed = |v: u32| if wide { v as i32 } else { v as i16 as i32 };
        match self {
            Self::And => a & b,
            Self::Or => a | b,
            Self::Xor => a ^ b,
            Self::Add => a.wrapping_add(b),
            Self::UnsignedMin => a.min(b),
            Self::UnsignedMax => a.max(b),
            Self::SignedMin if signed(b) < signed(a) => b,
            Self::SignedMax if signed(b) > signed(a) => b,
            Self::SignedMin | Self::SignedMax => a,
            _ => {
                let value = |v: u32| {
                    f32::from_bits(if wide {
                        float::flush(v)
                    } else {
                        half::widen(v)
                    })
                };
                let (x, y) = (value(a), value(b));
                let out = match self {
                    Self::FloatAdd => x + y,
                    Self::FloatMul => x * y,
                    // A number wins against NaN.
                    Self::FloatMin if x < y || y.is_nan() => return a,
                    Self::FloatMax if x > y || y.is_nan() => return a,
                    _ => return b,
                };
                match wide {
                    _ if out.is_nan() && wide => float::NAN,
                    true => float::flush(out.to_bits()),
                    false => half::narrow(out.to_bits()),
                }
            }
        }
    }
}

impl Group {
    /// Reduces to `self.out`; with `prefix`, what the lower lanes give. Floats are taken lane after
    /// lane from the lowest: that order is inferred.
    pub(super) fn reduce(
        &mut self,
        shared: &Shared,
        src: Src,
        wide: bool,
        op: ReduceOp,
        simd: bool,
        prefix: bool,
    ) {
        let mut tmp = [0; LANES];
        let values = *super::compute::read(&self.regs, shared, src, &mut tmp);
        let width = if wide { !0 } else { 0xffff };
        let size = if simd { LANES } else { 4 };
        for first in (0..LANES).step_by(size) {
            let mut sum = op.identity(wide) & width;
            for (lane, &value) in values.iter().enumerate().skip(first).take(size) {
                self.out[lane] = sum;
                if self.exec >> lane & 1 == 1 {
                    sum = op.combine(wide, sum, value) & width;
                }
            }
            if !prefix {
                self.out[first..first + size].fill(sum);
            }
        }
    }
}
