// SPDX-License-Identifier: MIT OR Apache-2.0

//! ASTC blocks, of both profiles: a colour of two endpoints for each texel, with weights of a grid.

use super::astc_ends::{endpoints, Ends};
use super::astc_integers::{bits_of, sequence, Quantity, QUANTITIES};

/// Texels of the largest block.
const MOST: usize = 144;

/// A channel of a texel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A value from 0 to 1.
    Byte(u8),
    /// A 16-bit float.
    Half(u16),
}

/// The texels of a block, row by row.
pub type Texels = [[Channel; 4]; MOST];

/// Bits of a block from `start` on, at most 32.
fn field(block: u128, start: u32, count: u32) -> u32 {
    (block >> start) as u32 & ((1u64 << count) - 1) as u32
}

/// A grid of weights.
struct Grid {
    width: u32,
    height: u32,
    /// Each point has two weights.
    dual: bool,
    quantity: Quantity,
}

impl Grid {
    /// Returns what the eleven bits of a mode say, unless they are reserved.
    fn new(mode: u32) -> Option<Self> {
        let at = |start: u32, count: u32| mode >> start & ((1u32 << count) - 1);
        let (a, b) = (at(5, 2), at(7, 2));
        let (mut dual, mut high) = (at(10, 1) == 1, at(9, 1) == 1);
        let (range, (width, height)) = if at(0, 2) != 0 {
            let size = match at(2, 2) {
                0 => (b + 4, a + 2),
                1 => (b + 8, a + 2),
                2 => (a + 2, b + 8),
                _ if b & 2 == 0 => (a + 2, b + 6),
                _ => ((b & 1) + 2, a + 2),
            };
            (at(0, 2), size)
        } else {
            let size = match (b, a) {
                (0, _) => (12, a + 2),
                (1, _) => (a + 2, 12),
                (2, _) => {
                    (dual, high) = (false, false);
                    (a + 6, at(9, 2) + 6)
                }
                (_, 0) => (6, 10),
                (_, 1) => (10, 6),
                _ => return None,
            };
            (at(2, 2), size)
        };
        let range = (range << 1 | at(4, 1)).checked_sub(2)?;
        Some(Self {
            width,
            height,
            dual,
            quantity: QUANTITIES[(range + if high { 6 } else { 0 }) as usize],
        })
    }

    fn planes(&self) -> u32 {
        1 + u32::from(self.dual)
    }

    fn weights(&self) -> u32 {
        self.width * self.height * self.planes()
    }

    /// Returns the weight, of 64, of a texel of a block of this size.
    fn at(&self, weights: &[u32], [x, y]: [u32; 2], [width, height]: [u32; 2], plane: u32) -> u32 {
        let place = |at: u32, size: u32, points: u32| {
            let scale = (1024 + size / 2) / (size - 1);
            (scale * at * (points - 1) + 32) >> 6
        };
        let (s, t) = (place(x, width, self.width), place(y, height, self.height));
        let (fs, ft) = (s & 15, t & 15);
        let both = (fs * ft + 8) >> 4;
        let parts = [16 + both - fs - ft, fs - both, ft - both, both];
        let first = (s >> 4) + (t >> 4) * self.width;
        let points = [first, first + 1, first + self.width, first + self.width + 1];
        let sum = points.iter().zip(parts).map(|(&point, part)| {
            let weight = weights.get((point * self.planes() + plane) as usize);
            weight.copied().unwrap_or(0) * part
        });
        (sum.sum::<u32>() + 8) >> 4
    }
}

/// Returns the partition that a texel is in.
fn partition(seed: u32, [x, y]: [u32; 2], count: u32, small: bool) -> usize {
    let (x, y) = if small { (x * 2, y * 2) } else { (x, y) };
    let seed = seed + (count - 1) * 1024;
    let mut hash = seed;
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(0xeede_0891);
    hash ^= hash >> 5;
    hash = hash.wrapping_add(hash << 16);
    hash ^= hash >> 7;
    hash ^= hash >> 3;
    hash ^= hash << 6;
    hash ^= hash >> 17;
    let (long, short) = (
        if seed & 2 != 0 { 4 } else { 5 },
        if count == 3 { 6 } else { 5 },
    );
    let (odd, even) = match seed & 1 {
        1 => (long, short),
        _ => (short, long),
    };
    let squared = |n: u32, shift: u32| {
        let part = hash >> (4 * n) & 15;
        part * part >> shift
    };
    let value = |n: u32| {
        let slope = squared(2 * n, odd) * x + squared(2 * n + 1, even) * y;
        slope.wrapping_add(hash >> (14 - 4 * n)) & 63
    };
    let values = [
        value(0),
        value(1),
        if count < 3 { 0 } else { value(2) },
        if count < 4 { 0 } else { value(3) },
    ];
    let most = *values.iter().max().unwrap_or(&0);
    values.iter().position(|&v| v == most).unwrap_or(0)
}

/// Returns the nearest of eight bits to a value of sixteen.
fn byte(value: u32) -> Channel {
    Channel::Byte(((value * 255 + 32767) / 65535) as u8)
}

/// Returns a block of one colour, unless its extent is none.
fn void_extent(block: u128) -> Option<[Channel; 4]> {
    let extents = [0, 1, 2, 3].map(|n| field(block, 12 + 13 * n, 13));
    let [left, right, top, bottom] = extents;
    let is_void = left >= right || top >= bottom;
    if field(block, 10, 2) != 3 || extents != [0x1fff; 4] && is_void {
        return None;
    }
    let values = [64, 80, 96, 112].map(|start| field(block, start, 16));
    if field(block, 9, 1) == 0 {
        return Some(values.map(byte));
    }
    // Neither infinite nor no number.
    let finite = values.iter().all(|value| value & 0x7c00 != 0x7c00);
    finite.then_some(values.map(|value| Channel::Half(value as u16)))
}

/// Returns the colour between two endpoints' values.
fn between(ends: [u32; 2], hdr: bool, srgb: bool, weight: u32) -> Channel {
    let [low, high] = ends.map(|end| match (hdr, srgb) {
        (true, _) => end << 4,
        (_, true) => end << 8 | 0x80,
        _ => end << 8 | end,
    });
    let value = (low * (64 - weight) + high * weight + 32) >> 6;
    match (hdr, srgb) {
        (true, _) => {}
        (_, true) => return Channel::Byte((value >> 8) as u8),
        _ => return byte(value),
    }
    // The upper five bits are an exponent, and the others are nearly a logarithm.
    let mantissa = value & 0x7ff;
    let mantissa = match mantissa {
        ..512 => 3 * mantissa,
        512..1536 => 4 * mantissa - 512,
        _ => 5 * mantissa - 2048,
    };
    Channel::Half(((value >> 11 << 10) + (mantissa >> 3)).min(0x7bff) as u16)
}

/// Returns the texels of a block of this size, unless it is none.
pub fn decode(block: [u8; 16], size: [u32; 2], srgb: bool) -> Option<Texels> {
    let block = u128::from_le_bytes(block);
    if field(block, 0, 9) == 0x1fc {
        let colour = void_extent(block)?;
        let half = matches!(colour[0], Channel::Half(_));
        return (!(srgb && half)).then_some([colour; MOST]);
    }
    let grid = Grid::new(field(block, 0, 11))?;
    let weight_bits = bits_of(grid.quantity, grid.weights());
    if grid.width > size[0] || grid.height > size[1] || grid.weights() > 64 {
        return None;
    }
    let count = field(block, 11, 2) + 1;
    if !(24..=96).contains(&weight_bits) || count == 4 && grid.dual {
        return None;
    }
    let mut high = 128 - weight_bits;
    let mut modes = [field(block, 13, 4); 4];
    let mut low = 17;
    if count > 1 {
        low = 29;
        let all = field(block, 23, 6);
        modes = [all >> 2; 4];
        if let Some(class) = (all & 3).checked_sub(1) {
            let more = 3 * count - 4;
            high -= more;
            let all = all >> 2 | field(block, high, more) << 4;
            for (n, mode) in (0..count).zip(&mut modes) {
                let form = all >> (count + 2 * n) & 3;
                *mode = (class + (all >> n & 1)) << 2 | form;
            }
        }
    }
    let modes = &modes[..count as usize];
    let second = grid.dual.then(|| {
        high -= 2;
        field(block, high, 2)
    });
    let values: u32 = modes.iter().map(|mode| (mode >> 2) * 2 + 2).sum();
    let room = high.checked_sub(low)?;
    if values > 18 || bits_of(QUANTITIES[4], values) > room {
        return None;
    }
    let quantity = *QUANTITIES.iter().rfind(|&&q| bits_of(q, values) <= room)?;
    let mut colours = [0; 18];
    sequence(block >> low, quantity, &mut colours[..values as usize]);
    colours = colours.map(|value| quantity.colour(value));
    let mut from = &colours[..];
    let mut ends = [Ends::default(); 4];
    for (ends, &mode) in ends.iter_mut().zip(modes) {
        let (these, others) = from.split_at(((mode >> 2) * 2 + 2) as usize);
        *ends = endpoints(mode, these);
        from = others;
        if srgb && (ends.hdr || ends.hdr_alpha) {
            return None;
        }
    }
    let mut weights = [0; 64];
    let weights = &mut weights[..grid.weights() as usize];
    sequence(block.reverse_bits(), grid.quantity, weights);
    for weight in weights.iter_mut() {
        *weight = grid.quantity.weight(*weight);
    }
    let mut texels = [[Channel::Byte(0); 4]; MOST];
    let small = size[0] * size[1] < 31;
    for (n, texel) in (0..size[0] * size[1]).zip(&mut texels) {
        let at = [n % size[0], n / size[0]];
        let ends = match count {
            1 => ends[0],
            _ => ends[partition(field(block, 13, 10), at, count, small)],
        };
        let first = grid.at(weights, at, size, 0);
        for (channel, to) in (0..4).zip(texel.iter_mut()) {
            let weight = match second {
                Some(second) if second == channel => grid.at(weights, at, size, 1),
                _ => first,
            };
            let hdr = if channel == 3 {
                ends.hdr_alpha
            } else {
                ends.hdr
            };
            let values = [0, 1].map(|end: usize| ends.values[end][channel as usize]);
            *to = between(values, hdr, srgb, weight);
        }
    }
    Some(texels)
}
