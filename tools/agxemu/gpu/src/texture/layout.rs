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
    layer: u64,
}

/// Returns the side lengths of the largest tile: as many texels as a page has, the width up to
/// twice the height.
fn largest_tile(bytes: u64) -> [u32; 2] {
    let log = (PAGE / bytes).ilog2();
    [1 << log.div_ceil(2), 1 << (log / 2)]
}

fn minify(size: u32, level: u32) -> u32 {
    (size >> level).max(1)
}

impl Shape {
    fn count(&self) -> u32 {
        if self.mipmapped {
            let longest = self.width.max(self.height).max(self.depth);
            longest.ilog2() + 1
        } else {
            1
        }
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

    fn twiddled(&self, levels: &mut [Level; MAX_LEVELS]) -> u64 {
        let [first_width, first_height] = self.blocks();
        let mut at = 0;
        for (l, level) in (0..self.count()).zip(levels) {
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
        }
        at
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
        let mut at = 0;
        for (l, level) in (0..self.count()).zip(levels) {
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
        }
        at
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(order: Order, bytes: u64, width: u32, height: u32) -> Shape {
        Shape {
            order,
            bytes,
            width,
            height,
            block: [1, 1],
            mipmapped: true,
            page_aligned: true,
            depth: 1,
        }
    }

    #[test]
    fn tiles_are_pages() {
        let sizes = [1, 2, 4, 8, 16, 32, 64].map(largest_tile);
        let want = [
            [128, 128],
            [128, 64],
            [64, 64],
            [64, 32],
            [32, 32],
            [32, 16],
            [16, 16],
        ];
        assert_eq!(sizes, want);
    }

    #[test]
    fn every_texel_has_a_place_of_its_own() {
        let orders = [Order::Tiled, Order::Twiddled];
        for (order, bytes, width, height) in orders.into_iter().flat_map(|o| {
            [
                (o, 4, 130, 70),
                (o, 1, 33, 257),
                (o, 8, 100, 3),
                (o, 16, 1, 1),
            ]
        }) {
            let shape = shape(order, bytes, width, height);
            let layout = shape.layout();
            let mut seen = std::collections::HashSet::new();
            for layer in 0..2u64 {
                for level in 0..shape.count() {
                    for y in 0..minify(height, level) {
                        for x in 0..minify(width, level) {
                            let at = layer * layout.layer + layout.offset(level, x, y);
                            assert_eq!(at % bytes, 0);
                            let end = (layer + 1) * layout.layer;
                            assert!(at + bytes <= end, "{shape:?} {level} {x} {y}");
                            assert!(seen.insert(at), "{shape:?} {layer} {level} {x} {y}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_block_has_a_place_of_its_own() {
        for (order, block, width, height) in
            [Order::Tiled, Order::Twiddled].into_iter().flat_map(|o| {
                [
                    (o, [4, 4], 96, 72),
                    (o, [4, 4], 1000, 700),
                    (o, [12, 10], 900, 333),
                    (o, [5, 4], 3, 2),
                ]
            })
        {
            let shape = Shape {
                block,
                ..shape(order, 16, width, height)
            };
            let layout = shape.layout();
            let mut seen = std::collections::HashSet::new();
            for level in 0..shape.count() {
                for y in 0..minify(height, level).div_ceil(block[1]) {
                    for x in 0..minify(width, level).div_ceil(block[0]) {
                        let at = layout.offset(level, x, y);
                        assert!(at + 16 <= layout.layer, "{shape:?} {level} {x} {y}");
                        assert!(seen.insert(at), "{shape:?} {level} {x} {y}");
                    }
                }
            }
        }
    }

    #[test]
    fn levels_of_a_tiled_image() {
        // 256x256 of four bytes: 4x4 tiles, 2x2, one, then a chain of powers of two.
        let layout = shape(Order::Tiled, 4, 256, 256).layout();
        let starts: Vec<u64> = (0..5).map(|l| layout.offset(l, 0, 0)).collect();
        assert_eq!(starts, [0, 0x40000, 0x50000, 0x54000, 0x55000]);
        // A page of 64x64 texels to the right, and one tile row down.
        assert_eq!(layout.offset(0, 64, 0), 0x4000);
        assert_eq!(layout.offset(0, 0, 64), 0x10000);
        assert_eq!(layout.offset(0, 3, 5), (0b100111) * 4);
        assert_eq!(layout.layer % 0x4000, 0);
    }

    #[test]
    fn squares_follow_each_other() {
        for (order, bytes, width, height) in [
            (Order::Tiled, 4, 130, 70),
            (Order::Tiled, 64, 40, 40),
            (Order::Tiled, 1, 17, 300),
            (Order::Twiddled, 8, 100, 33),
        ] {
            let shape = shape(order, bytes, width, height);
            let layout = shape.layout();
            for level in (0..shape.count()).filter(|&level| layout.has_squares(level)) {
                let [x, y] = [16, minify(height, level) & !15];
                let first = layout.offset(level, x, y);
                for (n, [right, down]) in SQUARE_PLACES.iter().enumerate() {
                    let at = layout.offset(level, x + u32::from(*right), y + u32::from(*down));
                    assert_eq!(at, first + n as u64 * bytes, "{shape:?} {level} {n}");
                }
            }
            assert!(layout.has_squares(0));
        }
        assert!(!shape(Order::Tiled, 4, 100, 8).layout().has_squares(0));
    }

    #[test]
    fn linear_images() {
        let order = Order::Linear {
            stride: 0x200,
            layer: 0x10000,
        };
        let layout = shape(order, 4, 100, 100).layout();
        assert_eq!(layout.layer(), 0x10000);
        assert_eq!(layout.offset(0, 3, 5), 5 * 0x200 + 12);
    }
}
