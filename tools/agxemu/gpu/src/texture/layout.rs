// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where a texel is in memory.
//!
//! ```text
//!  layer ─► level ─► row of tiles ─► tile ─► Morton order within it ─► sample
//! ```
//!
//! The rules come from Mesa's description of the layouts, which was checked against Metal.

/// Levels of the largest image.
pub const MAX_LEVELS: usize = 16;

/// Bytes that a level, or a layer of linear images, is aligned to.
const LINE: u64 = 128;
/// A page, which is also a tile.
pub const PAGE: u64 = 0x4000;

/// How texels are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Row by row; bytes from one row to the next, and from one layer to the next.
    Linear { stride: u64, layer: u64 },
    /// Morton order over all of a level, in squares of its smaller side.
    Twiddled,
    /// Tiles of a page each.
    Tiled,
}

/// What decides about addresses.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub order: Order,
    /// Bytes of a texel with all its samples, or of a block.
    pub bytes: u64,
    /// Of level 0, in texels.
    pub width: u32,
    pub height: u32,
    /// Of a block of a compressed format; places are those of blocks.
    pub block: [u32; 2],
    /// Whether there is room for all levels, or for the first only.
    pub mipmapped: bool,
    /// Whether a layer starts a page.
    pub page_aligned: bool,
    /// Number of depth slices, which make for more levels in a 3D image.
    pub depth: u32,
    /// Number of levels that are named. A view of a 3D image as one of layers, which has no depth,
    /// names levels that its width and height have not: theirs follow the others.
    pub named: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    offset: u64,
    tile: [u32; 2],
    tiles_per_row: u64,
}

/// Places of all texels of an image.
#[derive(Clone, Debug)]
pub struct Layout {
    order: Order,
    bytes: u64,
    levels: [Level; MAX_LEVELS],
    pub(super) layer: u64,
}

/// Returns the side lengths of the largest tile: as many texels as a page has, the width up to
/// twice the height.
pub(super) fn largest_tile(bytes: u64) -> [u32; 2] {
    let log = (PAGE / bytes).ilog2();
    [1 << log.div_ceil(2), 1 << (log / 2)]
}

pub(super) fn minify(size: u32, level: u32) -> u32 {
    (size >> level).max(1)
}

impl Shape {
    pub(super) fn count(&self) -> u32 {
        if self.mipmapped {
            let longest = self.width.max(self.height).max(self.depth);
            longest.ilog2() + 1
        } else {
            1
        }
    }

    /// Returns the levels that have a place.
    fn levels(&self) -> std::ops::Range<u32> {
        0..self.count().max(self.named)
    }

    /// Works the places out.
    pub fn layout(&self) -> Layout {
        let mut out = Layout {
            order: self.order,
            bytes: self.bytes,
            levels: [Level::default(); MAX_LEVELS],
            layer: 0,
        };
        match self.order {
            Order::Linear { layer, .. } => out.layer = layer,
            Order::Twiddled => {
                let end = self.twiddled(&mut out.levels);
                out.layer = end.next_multiple_of(PAGE);
            }
            Order::Tiled => {
                let end = self.tiled(&mut out.levels);
                let unit = if self.page_aligned { PAGE } else { 1 };
                out.layer = end.next_multiple_of(unit);
            }
        }
        out
    }

    fn is_compressed(&self) -> bool {
        self.block != [1, 1]
    }

    /// Returns the width and height of level 0 in blocks.
    fn blocks(&self) -> [u32; 2] {
        let [width, height] = self.block;
        [self.width.div_ceil(width), self.height.div_ceil(height)]
    }

    /// Returns the end of the levels that a layer has room for, as [`Self::tiled`] does.
    fn twiddled(&self, levels: &mut [Level; MAX_LEVELS]) -> u64 {
        let [first_width, first_height] = self.blocks();
        let (mut at, mut end) = (0, 0);
        for (l, level) in self.levels().zip(levels) {
            let room = |size: u32| u64::from(minify(size.next_power_of_two(), l));
            let side = |size: u32| match self.is_compressed() {
                true => minify(size.next_power_of_two(), l),
                false => minify(size, l).next_power_of_two(),
            };
            let (width, height) = (side(first_width), side(first_height));
            let tile = width.min(height);
            *level = Level {
                offset: at,
                tile: [tile; 2],
                tiles_per_row: u64::from(width / tile),
            };
            let size = room(first_width) * room(first_height) * self.bytes;
            at = (at + size).next_multiple_of(LINE);
            if l < self.count() {
                end = at;
            }
        }
        end
    }

    fn tiled(&self, levels: &mut [Level; MAX_LEVELS]) -> u64 {
        let largest = largest_tile(self.bytes);
        let [first_width, first_height] = self.blocks();
        let fits = |l: u32| {
            // As of an image whose last blocks are full.
            let blocks = |count: u32, side: u32| minify(count * side, l).div_ceil(side);
            blocks(first_width, self.block[0]) >= largest[0]
                && blocks(first_height, self.block[1]) >= largest[1]
        };
        // Levels from here on are powers of two.
        let small = (0..32).find(|&l| !fits(l)).unwrap_or(32);
        let columns = u64::from(first_width.div_ceil(largest[0]));
        let rows = u64::from(first_height.div_ceil(largest[1]));
        let (mut at, mut end) = (0, 0);
        for (l, level) in self.levels().zip(levels) {
            let mut row = minify(self.width, l).div_ceil(self.block[0]);
            let (tile, size) = if l < small {
                let left = columns & ((1 << l) - 1) != 0;
                let bottom = rows & ((1 << l) - 1) != 0;
                let mut tiles = (columns * rows) >> (2 * l);
                tiles += if left { rows >> l } else { 0 };
                tiles += if bottom { columns >> l } else { 0 };
                tiles += u64::from(left && bottom);
                row += u32::from(left && self.is_compressed());
                (largest, tiles * PAGE)
            } else {
                let room = |size: u32| {
                    let first = match self.is_compressed() {
                        true => minify(size.next_power_of_two(), small),
                        false => minify(size, small).next_power_of_two(),
                    };
                    minify(first, l - small)
                };
                let (width, height) = (room(first_width), room(first_height));
                let side = match self.is_compressed() {
                    true => width.min(height),
                    false => minify(first_width.min(first_height), l).next_power_of_two(),
                };
                ([side; 2], u64::from(width) * u64::from(height) * self.bytes)
            };
            *level = Level {
                offset: at,
                tile,
                tiles_per_row: u64::from(row.div_ceil(tile[0])),
            };
            at = (at + size).next_multiple_of(LINE);
            if l < self.count() {
                end = at;
            }
        }
        end
    }
}

/// Returns the bits of `n` on every other place.
fn spread(n: u32) -> u64 {
    let mut n = u64::from(n & 0xffff);
    n = (n | (n << 8)) & 0x00ff_00ff;
    n = (n | (n << 4)) & 0x0f0f_0f0f;
    n = (n | (n << 2)) & 0x3333_3333;
    (n | (n << 1)) & 0x5555_5555
}

/// Number of a texel within a tile, whose sides are given as logarithms: x and y alternate, and
/// what x has more goes on top.
fn morton(x: u32, y: u32, tile: [u32; 2]) -> u64 {
    let side = tile[0].min(tile[1]);
    let low = !(!0 << side);
    let rest = u64::from(x >> side) + u64::from(y >> side);
    spread(x & low) | (spread(y & low) << 1) | rest << (2 * side)
}

/// Side of the squares whose texels follow each other in memory, in texels.
pub const SQUARE: u32 = 16;

/// Place of each texel of a square, in the order of memory.
pub static SQUARE_PLACES: [[u8; 2]; (SQUARE * SQUARE) as usize] = square_places();

const fn square_places() -> [[u8; 2]; (SQUARE * SQUARE) as usize] {
    let mut out = [[0; 2]; (SQUARE * SQUARE) as usize];
    let mut index = 0;
    while index < out.len() {
        let mut bit = 0;
        while bit < 4 {
            out[index][0] |= ((index >> (2 * bit) & 1) << bit) as u8;
            out[index][1] |= ((index >> (2 * bit + 1) & 1) << bit) as u8;
            bit += 1;
        }
        index += 1;
    }
    out
}

impl Layout {
    /// Returns whether the texels of each square of a level follow each other in memory.
    pub fn has_squares(&self, level: u32) -> bool {
        let tile = self.levels[level as usize % MAX_LEVELS].tile;
        !matches!(self.order, Order::Linear { .. }) && tile.iter().all(|&side| side >= SQUARE)
    }

    /// Returns whether the texels of a row follow each other in memory.
    pub fn has_rows(&self) -> bool {
        matches!(self.order, Order::Linear { .. })
    }

    /// Returns bytes from one layer to the next.
    pub fn layer(&self) -> u64 {
        self.layer
    }

    /// Returns how far the texels of a column of a level are from those of the first one.
    pub fn column(&self, level: u32, x: u32) -> u64 {
        match self.order {
            Order::Linear { .. } => u64::from(x) * self.bytes,
            _ => self.within(level, x, 0) * self.bytes,
        }
    }

    /// Returns how far the texels of a row of a level are from those of the first one.
    pub fn row(&self, level: u32, y: u32) -> u64 {
        match self.order {
            Order::Linear { stride, .. } => u64::from(y) * stride,
            _ => self.within(level, 0, y) * self.bytes,
        }
    }

    /// Returns the number of a texel in its level. What x adds to it does not depend on y.
    fn within(&self, level: u32, x: u32, y: u32) -> u64 {
        let Level {
            tile,
            tiles_per_row,
            ..
        } = self.levels[level as usize % MAX_LEVELS];
        // Sides are powers of two; levels that there are not have none.
        let [width, height] = tile.map(|n| n.max(1).ilog2());
        let tiles = u64::from(y >> height) * tiles_per_row + u64::from(x >> width);
        let within = morton(x & !(!0 << width), y & !(!0 << height), [width, height]);
        (tiles << (width + height)) + within
    }

    /// Returns the offset of a texel's first sample from the start of its layer.
    pub fn offset(&self, level: u32, x: u32, y: u32) -> u64 {
        if let Order::Linear { stride, .. } = self.order {
            return u64::from(y) * stride + u64::from(x) * self.bytes;
        }
        let start = self.levels[level as usize % MAX_LEVELS].offset;
        start + self.within(level, x, y) * self.bytes
    }
}
