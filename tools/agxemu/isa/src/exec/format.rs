// SPDX-License-Identifier: MIT OR Apache-2.0

//! Formats of memory accesses.

use std::sync::LazyLock;

use super::{half, Lanes};

/// How an element lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    I8,
    I16,
    I32,
    F16,
    Unorm8,
    Snorm8,
    Unorm16,
    Snorm16,
    Rgb10A2,
    Srgba8,
    Rg11B10,
    Rgb9E5,
    /// As `Rg11B10`, stores round towards zero.
    Rg11B10Zero,
    /// As `Rgb9E5`, stores round towards zero.
    Rgb9E5Zero,
}

impl Format {
    /// Returns the format with this number in the encoding.
    pub fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            0 => Self::I8,
            1 => Self::I16,
            2 => Self::I32,
            3 => Self::F16,
            4 => Self::Unorm8,
            5 => Self::Snorm8,
            6 => Self::Unorm16,
            7 => Self::Snorm16,
            8 => Self::Rgb10A2,
            10 => Self::Srgba8,
            12 => Self::Rg11B10,
            13 => Self::Rgb9E5,
            14 => Self::Rg11B10Zero,
            15 => Self::Rgb9E5Zero,
            _ => return None,
        })
    }

    /// Returns bytes of one element in memory; packed formats are one element of all channels.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::Unorm8 | Self::Snorm8 | Self::Srgba8 => 1,
            Self::I16 | Self::F16 | Self::Unorm16 | Self::Snorm16 => 2,
            _ => 4,
        }
    }

    /// Returns channels that one element holds.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb10A2 => 4,
            Self::Rg11B10 | Self::Rgb9E5 | Self::Rg11B10Zero | Self::Rgb9E5Zero => 3,
            _ => 1,
        }
    }
}

#[inline(always)]
fn each(values: &mut Lanes, f: impl Fn(u32) -> u32) {
    for value in values {
        *value = f(*value);
    }
}

/// Returns the bits `low..low + count` of a word.
fn field(word: u32, low: u32, count: u32) -> u32 {
    word >> low & ((1 << count) - 1)
}

/// Returns values 0…255 of an sRGB channel as linear ones, by the formula of the standard.
fn from_srgb(value: u32) -> f32 {
    static TABLE: LazyLock<[f32; 256]> = LazyLock::new(|| {
        std::array::from_fn(|value| {
            let x = value as f64 / 255.0;
            let linear = if x <= 0.04045 {
                x / 12.92
            } else {
                ((x + 0.055) / 1.055).powf(2.4)
            };
            linear as f32
        })
    });
    TABLE[value as usize & 0xff]
}

fn to_srgb(value: f32) -> u32 {
    let x = f64::from(unit(value));
    let coded = if x <= 0.003_130_8 {
        x * 12.92
    } else {
        1.055 * x.powf(1.0 / 2.4) - 0.055
    };
    (coded * 255.0).round_ties_even() as u32
}

/// Clamped to 0…1, NaN to 0.
#[inline(always)]
fn unit(value: f32) -> f32 {
    let high = if value < 1.0 { value } else { 1.0 };
    if value > 0.0 {
        high
    } else {
        0.0
    }
}

/// Returns the nearest integer, the even one of two; for magnitudes below 2⁵¹. The addition rounds,
/// so that loops over lanes are no loops of calls.
#[inline(always)]
fn nearest(value: f64) -> i64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (value + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()) as i64
}

#[inline(always)]
fn unorm(value: f32, max: u32) -> u32 {
    nearest(f64::from(unit(value)) * f64::from(max)) as u32
}

fn snorm(value: f32, max: u32) -> u32 {
    let bounded = if value.is_nan() {
        0.0
    } else {
        value.clamp(-1.0, 1.0)
    };
    nearest(f64::from(bounded) * f64::from(max)) as u32
}

/// Returns a float without sign, of 5 bits of exponent and `bits` of mantissa.
fn small_float(value: f32, bits: u32, to_zero: bool) -> u32 {
    let infinity = 0x1f << bits;
    if value.is_nan() {
        return infinity | 1 << (bits - 1);
    }
    if value <= 0.0 {
        return 0;
    }
    if value.is_infinite() {
        return infinity;
    }
    // In units of the last place: for denormals that is fixed, else it follows the exponent.
    let exponent = ((value.to_bits() >> 23) as i32 - 127).max(-14);
    let ulp = f64::powi(2.0, exponent - bits as i32);
    let places = f64::from(value) / ulp;
    let places = if to_zero {
        places.trunc()
    } else {
        places.round_ties_even()
    } as u32;
    // Denormals have no leading one to take away; carries go on to the exponent by themselves.
    let coded = ((exponent + 14) as u32) * (1 << bits) + places;
    let largest = if to_zero { infinity - 1 } else { infinity };
    coded.min(largest)
}

/// Three floats with one exponent.
fn shared_exponent(rgb: [f32; 3], to_zero: bool) -> u32 {
    let largest = f32::from_bits(0x477f_8000); // 511/512 · 2^16
    let bounded = rgb.map(|v| if v > 0.0 { v.min(largest) } else { 0.0 });
    let max = bounded.iter().fold(0.0f32, |a, &b| a.max(b));
    let round = |v: f64| if to_zero { v.trunc() } else { v.round_ties_even() } as u32;
    let mut exponent = ((max.to_bits() >> 23) as i32 - 127).max(-16) + 16;
    let places = |v: f32, exponent: i32| round(f64::from(v) / f64::powi(2.0, exponent - 24));
    if places(max, exponent) > 511 {
        exponent += 1;
    }
    let [r, g, b] = bounded.map(|v| places(v, exponent).min(511));
    r | g << 9 | b << 18 | (exponent as u32) << 27
}

impl Format {
    /// Returns whether registers hold the very bits of memory, with zeroes above.
    pub fn raw(self, wide: bool) -> bool {
        match self {
            Self::I8 | Self::I16 | Self::I32 => true,
            Self::F16 => !wide,
            _ => false,
        }
    }

    /// [`Format::unpack`] of all lanes.
    pub(super) fn unpack_lanes(self, values: &mut Lanes, channel: u32, wide: bool) {
        // Loops of one format each: what is frequent.
        match (self, wide) {
            (Self::Unorm8, true) => each(values, |v| Self::Unorm8.unpack(v, 0, true)),
            (Self::Unorm8, false) => {
                // A division and a conversion of each lane take longer.
                static TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
                    std::array::from_fn(|bits| Format::Unorm8.unpack(bits as u32, 0, false))
                });
                let table = &*TABLE;
                each(values, |v| table[v as usize & 0xff]);
            }
            (Self::F16, true) => each(values, half::widen),
            _ => each(values, |v| self.unpack(v, channel, wide)),
        }
    }

    /// [`Format::pack`] of all lanes.
    pub(super) fn pack_lanes(self, values: &mut Lanes, channel: u32, wide: bool) {
        match (self, wide) {
            (Self::Unorm8, true) => each(values, |v| Self::Unorm8.pack(v, 0, true)),
            (Self::Unorm8, false) => each(values, |v| Self::Unorm8.pack(v, 0, false)),
            (Self::F16, true) => each(values, half::texel),
            _ => each(values, |v| self.pack(v, channel, wide)),
        }
    }

    /// Returns the value for a register of 32 (`wide`) or 16 bits, of one channel of an element.
    #[inline(always)]
    pub fn unpack(self, bits: u32, channel: u32, wide: bool) -> u32 {
        let value = match self {
            Self::I8 | Self::I16 | Self::I32 => return bits,
            Self::F16 if !wide => return bits,
            Self::F16 => return half::widen(bits),
            Self::Srgba8 if channel < 3 => from_srgb(bits & 0xff),
            Self::Unorm8 | Self::Srgba8 => bits as f32 / 255.0,
            Self::Snorm8 => (bits as i8 as f32).max(-127.0) / 127.0,
            Self::Unorm16 => bits as f32 / 65535.0,
            Self::Snorm16 => (bits as i16 as f32).max(-32767.0) / 32767.0,
            Self::Rgb10A2 if channel == 3 => field(bits, 30, 2) as f32 / 3.0,
            Self::Rgb10A2 => field(bits, channel * 10, 10) as f32 / 1023.0,
            Self::Rg11B10 | Self::Rg11B10Zero => {
                let half = match channel {
                    2 => field(bits, 22, 10) << 5,
                    _ => field(bits, channel * 11, 11) << 4,
                };
                f32::from_bits(half::widen(half))
            }
            Self::Rgb9E5 | Self::Rgb9E5Zero => {
                let exponent = field(bits, 27, 5) as i32;
                field(bits, channel * 9, 9) as f32 * f32::powi(2.0, exponent - 24)
            }
        };
        let bits = value.to_bits();
        if wide {
            bits
        } else {
            half::texel(bits)
        }
    }

    /// Returns the bits in memory of one channel, of formats that are not packed.
    #[inline(always)]
    pub fn pack(self, value: u32, channel: u32, wide: bool) -> u32 {
        let float = f32::from_bits(if wide { value } else { half::widen(value) });
        match self {
            Self::F16 if wide => half::texel(value),
            Self::Srgba8 if channel < 3 => to_srgb(float),
            Self::Unorm8 | Self::Srgba8 => unorm(float, 255),
            Self::Snorm8 => snorm(float, 127) & 0xff,
            Self::Unorm16 => unorm(float, 65535),
            Self::Snorm16 => snorm(float, 32767) & 0xffff,
            _ => value,
        }
    }

    /// The word of all channels, of packed formats.
    pub fn pack_word(self, texel: [u32; 4], wide: bool) -> u32 {
        let [r, g, b, a] = texel.map(|v| f32::from_bits(if wide { v } else { half::widen(v) }));
        match self {
            Self::Rgb10A2 => {
                unorm(r, 1023) | unorm(g, 1023) << 10 | unorm(b, 1023) << 20 | unorm(a, 3) << 30
            }
            Self::Rg11B10 | Self::Rg11B10Zero => {
                let zero = self == Self::Rg11B10Zero;
                let [r, g] = [r, g].map(|v| small_float(v, 6, zero));
                r | g << 11 | small_float(b, 5, zero) << 22
            }
            Self::Rgb9E5 => shared_exponent([r, g, b], false),
            Self::Rgb9E5Zero => shared_exponent([r, g, b], true),
            _ => texel[0],
        }
    }
}
