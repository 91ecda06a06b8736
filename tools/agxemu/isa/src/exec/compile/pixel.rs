// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interpolation at the centre of pixels, as [`crate::exec::fragment`] does it.

use agx_lanes::Double;

use super::translate::Translator;
use crate::exec::fragment::{COEFFICIENTS, REGION};
use crate::exec::op::{Iterate, Src};

impl Translator<'_, '_> {
    /// Returns where the pixels' centres are in their region, from the left (0) or the top (1).
    fn centre(&mut self, axis: usize) -> Double {
        self.double_once(axis, |this| {
            let body = &mut *this.body;
            let pixel = body.pixel(axis);
            let mask = body.constant(REGION - 1);
            let pixel = body.and(pixel, mask);
            let corner = body.float_from_signed(pixel);
            let half = body.constant(0.5f32.to_bits());
            let centre = body.float_add(corner, half);
            body.double(centre)
        })
    }

    /// Returns the value of a coefficient register.
    fn interpolated(&mut self, number: u32) -> Double {
        let number = number as usize % COEFFICIENTS;
        self.double_once(2 + number, |this| {
            let (x, y) = (this.centre(0), this.centre(1));
            let body = &mut *this.body;
            let [a, b, c] = [0, 1, 2].map(|part| {
                let part = body.plane(number, part);
                body.double(part)
            });
            let (right, down) = (body.double_mul(a, x), body.double_mul(b, y));
            let row = body.double_add(down, c);
            body.double_add(right, row)
        })
    }

    /// Interpolates coefficient registers.
    pub fn iterate(&mut self, it: &Iterate) {
        let first = match it.coefficient {
            Src::Immediate(number) => number,
            // Not plain, so that no run has it.
            _ => return,
        };
        let divisor = it.divisor.map(|number| self.interpolated(number.into()));
        for k in 0..it.count.into() {
            let mut value = self.interpolated(first.wrapping_add(k));
            if let Some(divisor) = divisor {
                value = self.body.double_div(value, divisor);
            }
            let value = self.body.single(value);
            let value = self.finish_float(value, false);
            let value = match it.dst.wide {
                true => value,
                false => self.narrow(value),
            };
            self.write(it.dst.dst(k), value);
        }
    }
}
