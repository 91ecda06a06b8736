// SPDX-License-Identifier: MIT OR Apache-2.0

//! Metadata of compressed images: which squares of texels lie in memory as they are.
//!
//! Each square of 16×16 samples has eight bytes, one for each part of it; which byte is whose is
//! inferred, and does not matter as long as all are alike. A square is raw, or of one colour, which
//! drivers write themselves to clear; nothing else is known, and nothing else is written here. A
//! square without a known code is read as if it were raw, which is inferred.
//!
//! ```text
//!          written in part: all 256 samples first
//!  solid ─────────────────────────────────────────► raw
//!    ▲                                               │ ▲
//!    └──── written by the driver's clear ────────────┘ └─ written
//! ```

/// Side of a square, in samples.
const SIDE: u32 = 16;

/// Levels that the metadata of a level 0 of the largest size has.
const MAX_LEVELS: usize = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Level {
    offset: u64,
    /// Bits of the coordinates that alternate.
    bits: u32,
    /// Whether the squares of this level have a meaning: small levels have none.
    used: bool,
}

/// Where the metadata is, and what its codes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    base: u64,
    /// Bytes from one layer to the next.
    layer: u64,
    levels: [Level; MAX_LEVELS],
    /// Base 2 logarithm of width and height of a square in pixels.
    side: [u32; 2],
    raw: u64,
    solid: u64,
}

/// What a square is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Raw,
    Solid,
}

impl Metadata {
    /// Returns the metadata at `base` of an image of `width` by `height` pixels with these samples
    /// of `bytes` each, and this number of levels.
    pub fn new(
        base: u64,
        [width, height]: [u32; 2],
        samples: u32,
        bytes: usize,
        levels: u32,
    ) -> Self {
        // Samples lie beside each other as pixels do.
        let stretch = match samples {
            4 => [1, 1],
            2 => [0, 1],
            _ => [0, 0],
        };
        let stretched = |pixels: [u32; 2]| [pixels[0] << stretch[0], pixels[1] << stretch[1]];
        let [stretched_width, stretched_height] = stretched([width, height]);
        let smaller = stretched_width.min(stretched_height);
        // The room of a level goes by sizes that are rounded up, its squares by its own size.
        let mut room = stretched([width, height]).map(|n| n.next_multiple_of(SIDE));
        let larger = room[0].max(room[1]);
        let mut out = [Level::default(); MAX_LEVELS];
        let mut at = 0;
        for (l, level) in (0..levels).zip(&mut out) {
            if larger >> l < SIDE {
                break;
            }
            let squares = stretched([width, height].map(|n| (n >> l).max(1)));
            let squares = squares.map(|n| n.div_ceil(SIDE));
            *level = Level {
                offset: at,
                bits: squares[0].min(squares[1]).next_power_of_two().ilog2(),
                used: smaller >> l >= SIDE,
            };
            let padded = room.map(|n| u64::from(n.next_power_of_two().div_ceil(SIDE)));
            at += (padded[0] * padded[1] * 8).next_multiple_of(128);
            room = room.map(|n| n.div_ceil(2));
        }
        let (raw, solid) = match bytes {
            1 => (0x1f, 0x60),
            2 => (0x3f, 0x01),
            4 => (0x7f, 0x03),
            _ => (0xff, 0x07),
        };
        Self {
            base,
            layer: at,
            levels: out,
            side: stretch.map(|shift| SIDE.ilog2() - shift),
            raw: raw * 0x0101_0101_0101_0101,
            solid: solid * 0x0101_0101_0101_0101,
        }
    }

    /// Says how far apart the layers are.
    pub fn with_layer_stride(self, layer: u64) -> Self {
        Self { layer, ..self }
    }

    /// Returns width and height of a square in pixels.
    pub fn square(&self) -> [u32; 2] {
        self.side.map(|log| 1 << log)
    }

    /// Returns the bytes that say of a square that it is raw.
    pub fn raw(&self) -> [u8; 8] {
        self.raw.to_le_bytes()
    }

    /// Returns what eight bytes say.
    pub fn state(&self, bytes: [u8; 8]) -> State {
        if u64::from_le_bytes(bytes) == self.solid {
            State::Solid
        } else {
            State::Raw
        }
    }

    /// Returns the address of the eight bytes of the square that a pixel is in; none where squares
    /// have no meaning.
    pub fn entry(&self, level: u32, layer: u32, x: u32, y: u32) -> Option<u64> {
        let Level { offset, bits, used } = self.levels.get(level as usize)?;
        if !used {
            return None;
        }
        let (x, y) = (x >> self.side[0], y >> self.side[1]);
        let low = (1 << bits) - 1;
        let mut index = 0;
        for bit in 0..*bits {
            index |= u64::from(x >> bit & 1) << (2 * bit);
            index |= u64::from(y >> bit & 1) << (2 * bit + 1);
        }
        // Only the longer side has more bits.
        index += u64::from((x | y) & !low) << bits;
        let at = self.base.wrapping_add(*offset).wrapping_add(8 * index);
        Some(at.wrapping_add(u64::from(layer).wrapping_mul(self.layer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_in_morton_order() {
        // 5 by 3 squares: two bits of each alternate, then x goes on.
        let metadata = Metadata::new(0x1000, [80, 48], 1, 4, 1);
        let index = |x: u32, y: u32| {
            let at = metadata.entry(0, 0, x * 16 + 15, y * 16);
            (at.expect("an entry") - 0x1000) / 8
        };
        assert_eq!(
            [index(0, 0), index(1, 0), index(0, 1), index(1, 1)],
            [0, 1, 2, 3]
        );
        assert_eq!(
            [index(2, 0), index(3, 2), index(4, 0), index(4, 2)],
            [4, 13, 16, 24]
        );
    }

    #[test]
    fn every_square_has_eight_bytes_of_its_own() {
        for (size, samples) in [([200, 70], 1), ([16, 300], 2), ([129, 129], 4)] {
            let metadata = Metadata::new(0, size, samples, 4, 4);
            let [width, height] = metadata.square();
            let mut seen = std::collections::HashSet::new();
            for layer in 0..2 {
                for level in 0..4 {
                    for y in (0..(size[1] >> level).max(1)).step_by(height as usize) {
                        for x in (0..(size[0] >> level).max(1)).step_by(width as usize) {
                            let Some(at) = metadata.entry(level, layer, x, y) else {
                                continue;
                            };
                            assert!(seen.insert(at), "{size:?} {layer} {level} {x} {y}");
                            assert!(at < u64::from(layer + 1) * metadata.layer);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn levels_end_with_their_smaller_side() {
        let metadata = Metadata::new(0, [64, 32], 1, 4, 7);
        // 4x2 squares, 2x1, then 16x8 which has room but no meaning.
        assert_eq!(metadata.entry(1, 0, 0, 0), Some(128));
        assert_eq!(metadata.entry(1, 0, 16, 0), Some(136));
        assert_eq!(metadata.entry(2, 0, 0, 0), None);
        assert_eq!(metadata.layer, 3 * 128);
    }

    /// Returns which of the squares of a level, row by row, has which eight bytes.
    fn indices(size: [u32; 2], level: u32) -> Vec<u64> {
        let metadata = Metadata::new(0, size, 1, 4, 9);
        let start = metadata.levels[level as usize].offset;
        let [columns, rows] = size.map(|n| (n >> level).div_ceil(SIDE));
        (0..rows)
            .flat_map(|y| (0..columns).map(move |x| [x * SIDE, y * SIDE]))
            .map(|[x, y]| (metadata.entry(level, 0, x, y).expect("an entry") - start) / 8)
            .collect()
    }

    #[test]
    fn squares_of_a_level_go_by_its_own_size() {
        // 16x64: one column. Half of 48x128, which 33x128 is rounded up to, has two.
        assert_eq!(indices([33, 128], 1), [0, 1, 2, 3]);
        // 128x32: eight columns of two.
        let rows = [[0, 1, 4, 5, 8, 9, 12, 13], [2, 3, 6, 7, 10, 11, 14, 15]];
        assert_eq!(indices([256, 65], 1), rows.as_flattened());
        assert_eq!(indices([256, 65], 2), [0, 1, 2, 3]);
    }

    #[test]
    fn room_ends_with_the_last_level_that_is_rounded_down_to_a_square() {
        let layer = |size| Metadata::new(0, size, 1, 4, 10).layer;
        // 64², 32², 16², 8², 4², 2² squares; the next level has fewer than 16 texels.
        assert_eq!(layer([1000, 1000]), 43776);
        assert_eq!(layer([1024, 1024]), 43776 + 128);
    }

    #[test]
    fn a_level_has_codes_if_the_image_is_large_enough_for_it() {
        // 15x15, though half of 32 is a square.
        assert_eq!(Metadata::new(0, [31, 31], 1, 4, 5).entry(1, 0, 0, 0), None);
        assert!(Metadata::new(0, [32, 32], 1, 4, 6)
            .entry(1, 0, 0, 0)
            .is_some());
    }

    #[test]
    fn samples_make_squares_smaller() {
        assert_eq!(Metadata::new(0, [64, 64], 2, 4, 1).square(), [16, 8]);
        assert_eq!(Metadata::new(0, [64, 64], 4, 4, 1).square(), [8, 8]);
        // Eight by eight pixels of four samples are one square.
        assert!(Metadata::new(0, [8, 8], 4, 4, 1)
            .entry(0, 0, 7, 7)
            .is_some());
    }

    #[test]
    fn codes_depend_on_the_size() {
        for (bytes, raw, solid) in [
            (1, 0x1f, 0x60),
            (2, 0x3f, 1),
            (4, 0x7f, 3),
            (8, 255, 7),
            (16, 255, 7),
        ] {
            let metadata = Metadata::new(0, [64, 64], 1, bytes, 1);
            assert_eq!(metadata.raw(), [raw; 8]);
            assert_eq!(metadata.state([raw; 8]), State::Raw);
            assert_eq!(metadata.state([solid; 8]), State::Solid);
            assert_eq!(metadata.state([0; 8]), State::Raw);
        }
    }
}
