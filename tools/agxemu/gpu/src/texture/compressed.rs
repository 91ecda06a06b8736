// SPDX-License-Identifier: MIT OR Apache-2.0

//! Block-compressed formats: BC, ETC2 with EAC, ASTC.

use std::fmt;

use agx_isa::exec::format::Format;

use super::astc::{self, Channel};

/// Texels of the largest block.
const MOST: usize = 144;

/// The texels of a block, as 32-bit floats, row by row.
pub type Texels = [[u32; 4]; MOST];

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bc(u8),
    EtcRgb,
    EtcRgba,
    EtcRgb1,
    Eac(u8),
    Astc,
}

/// A format whose texels come in blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Compressed {
    kind: Kind,
    signed: bool,
    srgb: bool,
    width: u8,
    height: u8,
}

impl fmt::Debug for Compressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}x{}", self.kind, self.width, self.height)
    }
}

impl Compressed {
    /// Returns the format with this number, if it is one of these.
    pub fn new(channels: u32, signed: bool, srgb: bool) -> Option<Self> {
        const ASTC: [(u8, u8); 14] = [
            (4, 4),
            (5, 4),
            (5, 5),
            (6, 5),
            (6, 6),
            (8, 5),
            (8, 6),
            (8, 8),
            (10, 5),
            (10, 6),
            (10, 8),
            (10, 10),
            (12, 10),
            (12, 12),
        ];
        let four = (4, 4);
        let (kind, (width, height)) = match channels {
            0x58 => (Kind::EtcRgb, four),
            0x59 => (Kind::EtcRgba, four),
            0x5a => (Kind::EtcRgb1, four),
            0x5b => (Kind::Eac(1), four),
            0x5c => (Kind::Eac(2), four),
            0x60..=0x6d => (Kind::Astc, ASTC[channels as usize - 0x60]),
            0x74..=0x78 => (Kind::Bc(channels as u8 - 0x73), four),
            // The signed one comes first; the type of both is float.
            0x79 | 0x7a => (Kind::Bc(6), four),
            0x7b => (Kind::Bc(7), four),
            _ => return None,
        };
        Some(Self {
            kind,
            signed: signed || channels == 0x79,
            srgb,
            width,
            height,
        })
    }

    /// Returns the width and height of a block, in texels.
    pub fn block(&self) -> [u32; 2] {
        [self.width.into(), self.height.into()]
    }

    /// Returns bytes of a block.
    pub fn bytes(&self) -> usize {
        match self.kind {
            Kind::Bc(1 | 4) | Kind::EtcRgb | Kind::EtcRgb1 | Kind::Eac(1) => 8,
            _ => 16,
        }
    }

    /// Returns bits of a channel of a border colour; 16 are a float.
    pub fn border_width(&self) -> u32 {
        match self.kind {
            Kind::Bc(4 | 5) => 14,
            Kind::Bc(6) => 16,
            Kind::Eac(_) => 11,
            _ => 8,
        }
    }

    /// Returns channels that are in memory.
    pub fn channels(&self) -> usize {
        match self.kind {
            Kind::Bc(4) | Kind::Eac(1) => 1,
            Kind::Bc(5) | Kind::Eac(_) => 2,
            Kind::Bc(6) | Kind::EtcRgb => 3,
            _ => 4,
        }
    }

    /// Returns all texels of a block of [`Compressed::bytes`].
    pub fn decode(&self, block: &[u8]) -> Texels {
        let mut out = [[0, 0, 0, 1.0f32.to_bits()]; MOST];
        let mut bytes = [0; 64];
        match self.kind {
            Kind::Bc(1) => bcdec_rs::bc1(block, &mut bytes, 16),
            Kind::Bc(2) => bcdec_rs::bc2(block, &mut bytes, 16),
            Kind::Bc(3) => bcdec_rs::bc3(block, &mut bytes, 16),
            Kind::Bc(4) => {
                let mut red = [0.0; 16];
                bcdec_rs::bc4_float(block, &mut red, 4, self.signed);
                channels(&mut out, &red, 1);
                return out;
            }
            Kind::Bc(5) => {
                let mut both = [0.0; 32];
                bcdec_rs::bc5_float(block, &mut both, 8, self.signed);
                channels(&mut out, &both, 2);
                return out;
            }
            Kind::Bc(6) => {
                let mut halves = [0; 48];
                bcdec_rs::bc6h_half(block, &mut halves, 12, self.signed);
                let all = halves.map(|h| f32::from_bits(Format::F16.unpack(h.into(), 0, true)));
                channels(&mut out, &all, 3);
                return out;
            }
            Kind::Bc(_) => bcdec_rs::bc7(block, &mut bytes, 16),
            Kind::Eac(count) => {
                for (channel, half) in block.chunks_exact(8).enumerate().take(count.into()) {
                    for (texel, value) in out.iter_mut().zip(eac(half, self.signed)) {
                        texel[channel] = value.to_bits();
                    }
                }
                return out;
            }
            Kind::EtcRgb | Kind::EtcRgba | Kind::EtcRgb1 => return self.etc(block),
            Kind::Astc => return self.astc(block),
        }
        for (texel, from) in out.iter_mut().zip(bytes.chunks_exact(4)) {
            *texel = self.colour([from[0], from[1], from[2], from[3]]);
        }
        out
    }

    fn etc(&self, block: &[u8]) -> Texels {
        // Blue is in the lowest byte.
        let mut words = [0; MOST];
        match self.kind {
            Kind::EtcRgb => texture2ddecoder::decode_etc2_rgb_block(block, &mut words),
            Kind::EtcRgba => texture2ddecoder::decode_etc2_rgba8_block(block, &mut words),
            _ => texture2ddecoder::decode_etc2_rgba1_block(block, &mut words),
        }
        words.map(|word| match (self.kind, word.to_le_bytes()) {
            // What shows through is black; the decoder leaves its colour.
            (Kind::EtcRgb1, [.., 0]) => [0; 4],
            (_, [b, g, r, a]) => self.colour([r, g, b, a]),
        })
    }

    fn astc(&self, block: &[u8]) -> Texels {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(block);
        // The colour of what is no block.
        let none = [255, 0, 255, 255].map(Channel::Byte);
        let texels = astc::decode(bytes, self.block(), self.srgb).unwrap_or([none; MOST]);
        texels.map(|texel| {
            let bytes = texel.map(|value| match value {
                Channel::Byte(byte) => byte,
                Channel::Half(_) => 0,
            });
            let mut colour = self.colour(bytes);
            for (to, value) in colour.iter_mut().zip(texel) {
                if let Channel::Half(half) = value {
                    *to = Format::F16.unpack(half.into(), 0, true);
                }
            }
            colour
        })
    }

    fn colour(&self, rgba: [u8; 4]) -> [u32; 4] {
        let format = match self.srgb {
            true => Format::Srgba8,
            false => Format::Unorm8,
        };
        let mut channel = 0;
        rgba.map(|byte| {
            channel += 1;
            format.unpack(byte.into(), channel - 1, true)
        })
    }
}

/// The first `count` channels of 16 texels.
fn channels(out: &mut Texels, values: &[f32], count: usize) {
    for (texel, from) in out.iter_mut().zip(values.chunks_exact(count)) {
        for (to, value) in texel.iter_mut().zip(from) {
            *to = value.to_bits();
        }
    }
}

/// What an EAC table adds, for the eight indices.
const EAC: [[i32; 8]; 16] = [
    [-3, -6, -9, -15, 2, 5, 8, 14],
    [-3, -7, -10, -13, 2, 6, 9, 12],
    [-2, -5, -8, -13, 1, 4, 7, 12],
    [-2, -4, -6, -13, 1, 3, 5, 12],
    [-3, -6, -8, -12, 2, 5, 7, 11],
    [-3, -7, -9, -11, 2, 6, 8, 10],
    [-4, -7, -8, -11, 3, 6, 7, 10],
    [-3, -5, -8, -11, 2, 4, 7, 10],
    [-2, -6, -8, -10, 1, 5, 7, 9],
    [-2, -5, -8, -10, 1, 4, 7, 9],
    [-2, -4, -8, -10, 1, 3, 7, 9],
    [-2, -5, -7, -10, 1, 4, 6, 9],
    [-3, -4, -7, -10, 2, 3, 6, 9],
    [-1, -2, -3, -10, 0, 1, 2, 9],
    [-4, -6, -8, -9, 3, 5, 7, 8],
    [-3, -5, -7, -9, 2, 4, 6, 8],
];

/// Returns the 16 values of eight bytes of EAC, which have 11 bits: base, multiplier and table,
/// then three bits for each texel, column by column from the highest bits on.
fn eac(block: &[u8], signed: bool) -> [f32; 16] {
    let all = block.iter().fold(0u64, |all, &b| all << 8 | u64::from(b));
    let multiplier = match (all >> 52 & 15) as i32 {
        0 => 1,
        m => m * 8,
    };
    let table = EAC[(all >> 48 & 15) as usize];
    let mut out = [0.0; 16];
    for (n, index) in (0..16).map(|n| (n, (all >> (45 - 3 * n) & 7) as usize)) {
        let add = table[index] * multiplier;
        out[n % 4 * 4 + n / 4] = if signed {
            let base = i32::from(block[0] as i8).max(-127) * 8;
            (base + add).clamp(-1023, 1023) as f32 / 1023.0
        } else {
            let base = i32::from(block[0]) * 8 + 4;
            (base + add).clamp(0, 2047) as f32 / 2047.0
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texel: [u32; 4]) -> [f32; 4] {
        texel.map(f32::from_bits)
    }

    fn first(channels: u32, signed: bool, block: &[u8]) -> [f32; 4] {
        let format = Compressed::new(channels, signed, false).unwrap();
        assert_eq!(format.bytes(), block.len());
        values(format.decode(block)[0])
    }

    #[test]
    fn blocks_of_one_colour() {
        // Red of 565, all indices zero.
        let bc1 = [0x00, 0xf8, 0, 0, 0, 0, 0, 0];
        assert_eq!(first(0x74, false, &bc1), [1.0, 0.0, 0.0, 1.0]);
        let mut bc3 = [0; 16];
        bc3[0] = 0x33;
        bc3[8..].copy_from_slice(&bc1);
        assert_eq!(first(0x76, false, &bc3), [1.0, 0.0, 0.0, 0.2]);
        let bc4 = [0x7f, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(first(0x77, true, &bc4), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(first(0x77, false, &bc4)[0], 127.0 / 255.0);
        // ASTC: void extent, half red and no alpha.
        let mut astc = [0xff; 16];
        astc[..2].copy_from_slice(&[0xfc, 0xfd]);
        astc[8..].copy_from_slice(&[0, 0x80, 0, 0, 0, 0, 0, 0]);
        for channels in 0x60..=0x6d {
            let got = first(channels, false, &astc);
            assert_eq!(got, [128.0 / 255.0, 0.0, 0.0, 0.0], "{channels:#x}");
        }
        // ETC2: individual mode, base colours 0xf00 and no difference but that of table 0, index 0.
        let etc = [0xff, 0x00, 0x00, 0x00, 0, 0, 0, 0];
        assert_eq!(
            first(0x58, false, &etc),
            [1.0, 2.0 / 255.0, 2.0 / 255.0, 1.0]
        );
    }

    /// The third texel of the first row is none, in differential mode.
    #[test]
    fn what_shows_through_is_black() {
        let block = [0x8b, 0xe2, 0xd6, 0xb0, 0x85, 0x4e, 0xaa, 0xdd];
        for srgb in [false, true] {
            let texels = Compressed::new(0x5a, false, srgb).unwrap().decode(&block);
            assert_eq!(values(texels[2]), [0.0; 4]);
            assert_eq!(values(texels[0])[3], 1.0);
        }
    }

    /// What comes behind digits of base three is no part of them.
    #[test]
    fn packed_digits_end_with_zeros() {
        let block = [
            0x43, 0x48, 0x4f, 0x18, 0x0c, 0x31, 0xc8, 0x30, 0x03, 0x0d, 0x75, 0x5d, 0xf3, 0x4e,
            0x92, 0x02,
        ];
        let texels = Compressed::new(0x60, false, false).unwrap().decode(&block);
        let alpha = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 67, 67, 0, 73];
        let got: Vec<_> = texels[..16]
            .iter()
            .map(|texel| (f32::from_bits(texel[3]) * 255.0).round() as u32)
            .collect();
        assert_eq!(got, alpha);
    }

    #[test]
    fn astc_has_colours_above_one() {
        let block = [
            0x51, 0x48, 0x4f, 0x04, 0xa0, 0x4a, 0xf5, 0x1f, 0, 0, 0, 0, 0x40, 0xfd, 0xad, 0x01,
        ];
        assert_eq!(first(0x60, false, &block), [76.0, 76.0, 76.0, 1.0]);
        // It has none with sRGB.
        let srgb = Compressed::new(0x60, false, true).unwrap();
        assert_eq!(values(srgb.decode(&block)[0]), [1.0, 0.0, 1.0, 1.0]);
        // Void extent, of half floats.
        let mut block = [0xff; 16];
        block[..2].copy_from_slice(&[0xfc, 0xff]);
        block[8..].copy_from_slice(&[0, 0x44, 0, 0xc0, 0, 0, 0, 0x3c]);
        assert_eq!(first(0x6d, false, &block), [4.0, -2.0, 0.0, 1.0]);
    }

    #[test]
    fn eac_has_eleven_bits() {
        // Multiplier zero: steps of one. The first texel has index 0 (-3), the one below it index 7
        // (+14).
        let block = [100, 0x00, 0x1c, 0, 0, 0, 0, 0];
        let format = Compressed::new(0x5b, false, false).unwrap();
        let texels = format.decode(&block);
        assert_eq!(values(texels[0])[0], 801.0 / 2047.0);
        assert_eq!(values(texels[4])[0], 818.0 / 2047.0);
        assert_eq!(values(texels[1]), [801.0 / 2047.0, 0.0, 0.0, 1.0]);
        let both = [block, [0x80, 0x10, 0, 0, 0, 0, 0, 0]].concat();
        let signed = first(0x5c, true, &both);
        assert_eq!(signed[..2], [797.0 / 1023.0, -1.0]);
    }

    #[test]
    fn only_colours_are_srgb() {
        let format = Compressed::new(0x75, false, true).unwrap();
        let mut block = [0; 16];
        block[..8].fill(0x88);
        block[8..10].copy_from_slice(&0x7befu16.to_le_bytes());
        let texel = values(format.decode(&block)[0]);
        assert!((texel[0] - 0.2).abs() < 0.01, "{texel:?}");
        assert_eq!(texel[3], 136.0 / 255.0);
    }

    /// A guest may put anything into a block.
    #[test]
    fn any_block_can_be_decoded() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let all = (0..0x80).filter_map(|channels| Compressed::new(channels, false, true));
        for format in all {
            let [width, height] = format.block();
            assert!((width * height) as usize <= MOST);
            for n in 0..500 {
                let mut block = [next(), next()].map(u64::to_le_bytes).concat();
                if n % 2 == 0 {
                    // Low modes of BC6H, BC7 and ASTC.
                    block[0] = (n / 2) as u8;
                }
                for signed in [false, true] {
                    let format = Compressed { signed, ..format };
                    let texels = format.decode(&block[..format.bytes()]);
                    let bad = |texel: &[u32; 4]| values(*texel).iter().any(|v| v.is_nan());
                    assert!(!texels.iter().any(bad), "{format:?} {block:02x?}");
                }
            }
        }
    }
}
