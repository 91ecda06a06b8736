// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernels that convert between integers and floats.
//!
//! Values out of range go to the nearest integer and NaN to zero. That is inferred: no document
//! says what hardware does with them.

use super::float::{flush, rint};
use super::kernel::kernels;

/// Returns the source with its denormals flushed, as an integer: to nearest even, or towards zero.
#[inline(always)]
fn rounded<const NEAREST: bool, const NATIVE: bool>(a: u32) -> f32 {
    let x = f32::from_bits(flush(a));
    if NEAREST {
        rint::<NATIVE>(x)
    } else {
        x
    }
}

/// Returns the nearest 32-bit float of an exact value, or the next one towards zero.
#[inline(always)]
fn to_float<const NEAREST: bool>(exact: f64) -> u32 {
    let near = exact as f32;
    if NEAREST {
        return near.to_bits();
    }
    let too_large = f64::from(near).abs() > exact.abs();
    near.to_bits() - u32::from(too_large)
}

kernels! {
    /// Float to unsigned 16-bit integer.
    f_to_u16<NEAREST: bool> |a, _, _, _, _| {
        let x = rounded::<NEAREST, NATIVE>(a);
        let low = if x > 0.0 { x } else { 0.0 };
        (if low < 65535.0 { low } else { 65535.0 }) as i32 as u32
    };
    /// Float to signed 16-bit integer, sign-extended.
    f_to_s16<NEAREST: bool> |a, _, _, _, _| {
        let x = rounded::<NEAREST, NATIVE>(a);
        let low = if x > -32768.0 { x } else { -32768.0 };
        let both = if low < 32767.0 { low } else { 32767.0 };
        (if x.is_nan() { 0.0 } else { both }) as i32 as u32
    };
    /// Float to unsigned 32-bit integer.
    f_to_u32<NEAREST: bool> |a, _, _, _, _| rounded::<NEAREST, NATIVE>(a) as u32;
    /// Float to signed 32-bit integer.
    f_to_s32<NEAREST: bool> |a, _, _, _, _| rounded::<NEAREST, NATIVE>(a) as i32 as u32;
    /// Unsigned integer, of which `p` bits count, to float.
    u_to_f<NEAREST: bool> |a, _, _, _, k| to_float::<NEAREST>(f64::from(a & k.p));
    /// Signed integer, whose sign is at `32 - q`, to float.
    s_to_f<NEAREST: bool> |a, _, _, _, k| {
        let value = ((a << (k.q & 31)) as i32) >> (k.q & 31);
        to_float::<NEAREST>(f64::from(value))
    };
}
