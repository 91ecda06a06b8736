// SPDX-License-Identifier: MIT OR Apache-2.0

//! Texels in memory and as four channels.

use std::sync::OnceLock;

use agx_isa::exec::format::Format;
use agx_isa::exec::host::Numeric;

use super::compressed::Compressed;

/// What the bits of a channel mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Unorm,
    Snorm,
    Uint,
    Sint,
    Float,
}

/// A pixel format.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    kind: Type,
    /// Bits of each channel, from the lowest of the texel on.
    widths: &'static [u32],
    /// Formats that are not made of fields.
    packed: Option<Format>,
    /// Formats whose texels come in blocks, and can only be read.
    pub compressed: Option<Compressed>,
    srgb: bool,
    /// Bytes of a texel, or of a block of them.
    size: usize,
    /// What bytes stand for, channel by channel, of formats whose channels are bytes.
    bytes: Option<&'static Table>,
}

/// The channels that bytes stand for.
pub type Table = [[u32; 256]; 4];

impl Codec {
    /// Returns the format of a descriptor.
    ///
    /// # Errors
    ///
    /// What is not supported.
    pub fn new(channels: u32, kind: u32, srgb: bool) -> Result<Self, String> {
        let kind = match kind {
            0 => Type::Unorm,
            1 => Type::Snorm,
            2 => Type::Uint,
            3 => Type::Sint,
            4 => Type::Float,
            other => return Err(format!("texture type {other}")),
        };
        let mut packed = None;
        let compressed = Compressed::new(channels, kind == Type::Snorm, srgb);
        // Names start with the lowest bits; that this is so for 0x0d is inferred.
        let widths: &[u32] = match channels {
            _ if compressed.is_some() => &[],
            0x00 => &[8],
            0x09 => &[16],
            0x0a => &[8, 8],
            0x0b => &[5, 6, 5],
            0x0c => &[4, 4, 4, 4],
            0x0d => &[1, 5, 5, 5],
            0x0e => &[5, 5, 5, 1],
            0x21 => &[32],
            0x23 => &[16, 16],
            0x25 => {
                packed = Some(Format::Rg11B10);
                &[11, 11, 10]
            }
            0x26 => &[10, 10, 10, 2],
            0x27 => {
                packed = Some(Format::Rgb9E5);
                &[9, 9, 9, 5]
            }
            0x28 => &[8, 8, 8, 8],
            0x31 => &[32, 32],
            0x32 => &[16, 16, 16, 16],
            0x36 => &[32, 32, 32],
            0x38 => &[32, 32, 32, 32],
            other => return Err(format!("texture channels {other:#x}")),
        };
        let size = match &compressed {
            Some(compressed) => compressed.bytes(),
            None => widths.iter().sum::<u32>() as usize / 8,
        };
        let mut codec = Self {
            kind,
            widths,
            packed,
            compressed,
            srgb,
            size,
            bytes: None,
        };
        if !widths.is_empty() && widths.iter().all(|&width| width == 8) {
            codec.bytes = Some(codec.table());
        }
        Ok(codec)
    }

    /// Returns what bytes stand for, of formats whose channels are bytes.
    pub fn table_of_bytes(&self) -> Option<&'static Table> {
        self.bytes
    }

    /// Returns what bytes stand for; it is worked out once.
    fn table(&self) -> &'static Table {
        static TABLES: [OnceLock<Box<Table>>; 10] = [const { OnceLock::new() }; 10];
        let number = self.kind as usize * 2 + usize::from(self.srgb);
        TABLES[number].get_or_init(|| {
            let mut table = Box::new([[0; 256]; 4]);
            for (channel, values) in table.iter_mut().enumerate() {
                for (byte, value) in (0..).zip(values) {
                    *value = self.channel(byte, channel, 8);
                }
            }
            table
        })
    }

    /// Returns bytes of a texel, or of a block of them.
    pub fn bytes(&self) -> usize {
        self.size
    }

    /// Returns the width and height of what is kept together, in texels.
    pub fn block(&self) -> [u32; 2] {
        self.compressed
            .map_or([1, 1], |compressed| compressed.block())
    }

    /// Returns channels.
    pub fn channels(&self) -> usize {
        match (self.packed, &self.compressed) {
            (Some(format), _) => format.channels(),
            (_, Some(compressed)) => compressed.channels(),
            _ => self.widths.len(),
        }
    }

    /// Returns bits of a channel, where all of them have as many.
    pub fn width(&self) -> Option<u32> {
        let first = *self.widths.first()?;
        self.widths.iter().all(|&w| w == first).then_some(first)
    }

    /// Returns whether texels are words of three channels of floats.
    pub fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    /// Returns whether channels have ten, ten, ten and two bits.
    pub fn is_rgb10a2(&self) -> bool {
        self.widths == [10, 10, 10, 2]
    }

    /// The channels of a border colour that is given channel by channel, each encoded as it would
    /// be in memory but for colours of sRGB, which are linear and have four more bits, and for
    /// floats, which have 16 bits at least.
    pub fn border(&self, words: [u32; 4]) -> [u32; 4] {
        let mut out = [0, 0, 0, self.one()];
        for (channel, &bits) in words.iter().enumerate().take(self.channels()) {
            let width = match &self.compressed {
                Some(compressed) => compressed.border_width(),
                None => self.widths[channel],
            };
            let width = if self.srgb && channel < 3 { 12 } else { width };
            out[channel] = match self.kind {
                Type::Uint | Type::Sint => bits,
                Type::Float if width == 32 => bits,
                Type::Float => Format::F16.unpack(bits & 0xffff, 0, true),
                Type::Unorm => (bits as f32 / ((1u64 << width) - 1) as f32).to_bits(),
                Type::Snorm => {
                    let signed = (bits << (32 - width)) as i32 >> (32 - width);
                    let max = ((1u64 << (width - 1)) - 1) as f32;
                    (signed as f32 / max).max(-1.0).to_bits()
                }
            };
        }
        out
    }

    /// Returns what the words of [`Codec::decode`] are.
    pub fn numeric(&self) -> Numeric {
        match self.kind {
            Type::Uint | Type::Sint => Numeric::Integer,
            _ => Numeric::Float,
        }
    }

    /// Returns whether channels are fractions of their largest value.
    pub fn is_unorm(&self) -> bool {
        self.kind == Type::Unorm
    }

    /// Returns the word of a channel that is one.
    pub fn one(&self) -> u32 {
        match self.numeric() {
            Numeric::Integer => 1,
            Numeric::Float => 1.0f32.to_bits(),
        }
    }

    /// Returns the channels of a texel, as floats or integers; those that it does not have are 0,
    /// 0, 0, 1.
    pub fn decode(&self, bytes: &[u8]) -> [u32; 4] {
        let mut out = [0, 0, 0, self.one()];
        if let Some(table) = self.bytes {
            for ((out, values), &byte) in out.iter_mut().zip(table).zip(bytes) {
                *out = values[usize::from(byte)];
            }
            return out;
        }
        if let Some(format) = self.packed {
            let word = fields(bytes, 0, 32);
            for (channel, out) in out.iter_mut().enumerate().take(format.channels()) {
                *out = format.unpack(word, channel as u32, true);
            }
            return out;
        }
        let mut at = 0;
        for (channel, &width) in self.widths.iter().enumerate() {
            out[channel] = self.channel(fields(bytes, at, width), channel, width);
            at += width;
        }
        out
    }

    fn channel(&self, bits: u32, channel: usize, width: u32) -> u32 {
        let max = ((1u64 << width) - 1) as f32;
        let signed = (bits << (32 - width)) as i32 >> (32 - width);
        let value = match self.kind {
            Type::Uint => return bits,
            Type::Sint => return signed as u32,
            Type::Float if width == 32 => return bits,
            Type::Float => return Format::F16.unpack(bits, 0, true),
            Type::Unorm if self.srgb && width == 8 => {
                return Format::Srgba8.unpack(bits, channel as u32, true)
            }
            Type::Unorm => bits as f32 / max,
            Type::Snorm => {
                let max = ((1u64 << (width - 1)) - 1) as f32;
                (signed as f32 / max).max(-1.0)
            }
        };
        value.to_bits()
    }

    /// A texel of four channels, floats or integers as [`Codec::numeric`] says.
    pub fn encode(&self, channels: [u32; 4], round_to_zero: bool) -> [u8; 16] {
        if let Some(format) = self.packed {
            let format = match (format, round_to_zero) {
                (Format::Rg11B10, true) => Format::Rg11B10Zero,
                (Format::Rgb9E5, true) => Format::Rgb9E5Zero,
                (format, _) => format,
            };
            return join(&[format.pack_word(channels, true)], &[32]);
        }
        let mut values = [0; 4];
        for (channel, &width) in self.widths.iter().enumerate() {
            values[channel] = self.bits(channels[channel], channel, width);
        }
        join(&values, self.widths)
    }

    /// A texel whose channels are given as they are in memory.
    pub fn encode_raw(&self, channels: [u32; 4]) -> [u8; 16] {
        match self.packed {
            Some(_) => join(&channels, &[32]),
            None => join(&channels, self.widths),
        }
    }

    fn bits(&self, value: u32, channel: usize, width: u32) -> u32 {
        let float = f32::from_bits(value);
        let max = ((1u64 << width) - 1) as f32;
        match self.kind {
            // Integers that do not fit are cut off.
            Type::Uint | Type::Sint => value,
            Type::Float if width == 32 => value,
            Type::Float => Format::F16.pack(value, 0, true),
            Type::Unorm if self.srgb && width == 8 => {
                Format::Srgba8.pack(value, channel as u32, true)
            }
            // A float that is no number becomes zero.
            Type::Unorm => (float.clamp(0.0, 1.0) * max).round_ties_even() as u32,
            Type::Snorm => {
                let max = ((1u64 << (width - 1)) - 1) as f32;
                (float.clamp(-1.0, 1.0) * max).round_ties_even() as i32 as u32
            }
        }
    }
}

/// Returns `width` bits from bit `at` on.
fn fields(bytes: &[u8], at: u32, width: u32) -> u32 {
    let mut word = [0; 8];
    let first = at as usize / 8;
    let len = bytes.len().saturating_sub(first).min(8);
    word[..len].copy_from_slice(&bytes[first..first + len]);
    let bits = u64::from_le_bytes(word) >> (at % 8);
    (bits & ((1 << width) - 1)) as u32
}

fn join(values: &[u32], widths: &[u32]) -> [u8; 16] {
    let mut all = 0u128;
    let mut at = 0;
    for (&value, &width) in values.iter().zip(widths) {
        all |= u128::from(u64::from(value) & ((1 << width) - 1)) << at;
        at += width;
    }
    all.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(channels: u32, kind: u32) -> Codec {
        Codec::new(channels, kind, false).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn all_formats_keep_what_they_hold() {
        let one = 1.0f32.to_bits();
        let half = 0.5f32.to_bits();
        for channels in [
            0x00, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x21, 0x23, 0x26, 0x28, 0x31, 0x32, 0x38,
        ] {
            for kind in 0..5 {
                let codec = codec(channels, kind);
                if kind == 4 && !codec.widths.iter().all(|&w| w >= 16) {
                    continue;
                }
                if codec.widths.contains(&1) && kind == 1 {
                    continue;
                }
                let value = match codec.numeric() {
                    Numeric::Integer => [1, 1, 1, 1],
                    Numeric::Float => [one, 0, one, one],
                };
                let bytes = codec.encode(value, false);
                let mut want = value;
                for (channel, want) in want.iter_mut().enumerate() {
                    if channel >= codec.channels() {
                        *want = if channel == 3 { codec.one() } else { 0 };
                    } else if kind == 3 && codec.widths[channel] == 1 {
                        *want = u32::MAX;
                    }
                }
                assert_eq!(codec.decode(&bytes[..codec.bytes()]), want, "{codec:?}");
            }
        }
        let bytes = codec(0x25, 4).encode([half, one, half, 0], false);
        assert_eq!(codec(0x25, 4).decode(&bytes[..4]), [half, one, half, one]);
        let bytes = codec(0x27, 4).encode([half, one, half, 0], false);
        assert_eq!(codec(0x27, 4).decode(&bytes[..4]), [half, one, half, one]);
    }

    #[test]
    fn border_colours() {
        let border = |channels, kind, srgb, words| {
            let codec = Codec::new(channels, kind, srgb).unwrap_or_else(|e| panic!("{e}"));
            codec.border(words).map(f32::from_bits)
        };
        assert_eq!(
            border(0x28, 0, false, [255, 51, 0, 255]),
            [1.0, 0.2, 0.0, 1.0]
        );
        assert_eq!(
            border(0x28, 0, true, [4095, 819, 0, 51]),
            [1.0, 0.2, 0.0, 0.2]
        );
        assert_eq!(
            border(0x0a, 1, false, [0x7f, 0x81, 9, 9]),
            [1.0, -1.0, 0.0, 1.0]
        );
        let half = border(0x32, 4, false, [0x3c00, 0x3800, 0, 0xc000]);
        assert_eq!(half, [1.0, 0.5, 0.0, -2.0]);
        assert_eq!(
            border(0x77, 0, false, [0x3fff, 1, 1, 1]),
            [1.0, 0.0, 0.0, 1.0]
        );
        assert_eq!(codec(0x23, 3).border([5, !0, 7, 7]), [5, !0, 0, 1]);
    }

    #[test]
    fn values_in_memory() {
        let rgba = codec(0x28, 0);
        let texel = [1.0f32, 0.5, -1.0, f32::NAN].map(f32::to_bits);
        assert_eq!(rgba.encode(texel, false)[..4], [255, 128, 0, 0]);
        assert_eq!(f32::from_bits(rgba.decode(&[51, 0, 0, 0])[0]), 0.2);
        let snorm = codec(0x0a, 1);
        assert_eq!(f32::from_bits(snorm.decode(&[0x80, 0x7f])[0]), -1.0);
        assert_eq!(codec(0x09, 3).decode(&[0xff, 0xff])[0], u32::MAX);
        assert_eq!(
            codec(0x0b, 0).encode([1.0f32.to_bits(), 0, 0, 0], false)[..2],
            [31, 0]
        );
        let srgb = Codec::new(0x28, 0, true).unwrap_or_else(|e| panic!("{e}"));
        let half = 0.5f32.to_bits();
        assert_eq!(srgb.encode([half; 4], false)[..4], [188, 188, 188, 128]);
        assert!(Codec::new(0x50, 0, false).is_err());
        assert!(Codec::new(0x28, 5, false).is_err());
    }
}
