// SPDX-License-Identifier: MIT OR Apache-2.0

//! What follows from the size of a frame: the numbers that the tiler is given.
//!
//! The driver has formulas of its own in `agx_abi::tiling`. These are not made from them, so that a
//! mistake in one is a difference to the other.

use agxemu_gpu::render::Frame;

/// Width and height of a tile in pixels.
const TILE: u32 = 32;
/// Macrotiles in a row and in a column.
const ACROSS: u32 = 4;
/// Macrotiles of a layer.
const MACROTILES: u64 = 16;

/// The tiler's numbers of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Tiles to the right and downwards.
    pub tiles: [u32; 2],
    /// Tiles of a macrotile, to the right and downwards.
    pub macrotile: [u32; 2],
    /// Utiles of a macrotile, to the right and downwards.
    pub utiles: [u32; 2],
    layers: u32,
    /// Clusters that share the vertex work.
    clusters: u32,
}

impl Tiling {
    /// Works them out for `frame`, the vertex work of which so many clusters share.
    pub fn of(frame: &Frame, clusters: u32) -> Self {
        let tiles = [frame.width, frame.height].map(covering);
        // The sides of macrotiles are multiples of four tiles, the smallest of which four cover the
        // frame.
        let macrotile = tiles.map(|tiles| {
            let mut side = 4;
            while ACROSS * side < tiles {
                side += 4;
            }
            side
        });
        let utiles = [0, 1].map(|i| macrotile[i] * TILE / frame.utile[i]);
        Self {
            tiles,
            macrotile,
            utiles,
            layers: frame.layers,
            clusters,
        }
    }

    fn utiles_of_a_macrotile(&self) -> u32 {
        self.utiles[0] * self.utiles[1]
    }

    /// Returns the words of a macrotile in the tile map: five bytes a utile, up to a whole word.
    pub fn region_words(&self) -> u32 {
        (self.utiles_of_a_macrotile() * 5 + 3) / 4
    }

    /// Returns the bytes of the tile map.
    pub fn tile_map(&self) -> u64 {
        u64::from(self.layers) * MACROTILES * u64::from(self.region_words()) * 4
    }

    /// Returns the words of a macrotile in the tile pointer cache: two a utile.
    pub fn cache_words(&self) -> u32 {
        self.utiles_of_a_macrotile() * 2
    }

    /// Returns the bytes of the tile pointer cache.
    pub fn cache(&self) -> u64 {
        let of_a_cluster = u64::from(self.layers) * MACROTILES * u64::from(self.cache_words()) * 4;
        of_a_cluster * u64::from(self.clusters)
    }

    /// Returns the blocks of a layer in the clusters' first metadata: each is for 0x1980 utiles, of
    /// tiles in pairs to the right and in fours downwards.
    pub fn layer_blocks(&self) -> u32 {
        if self.clusters == 1 {
            return 0;
        }
        let [x, y] = self.tiles;
        let tiles = (x + x % 2) * ((y + 3) & !3);
        let of_a_tile = self.utiles_of_a_macrotile() / (self.macrotile[0] * self.macrotile[1]);
        (tiles * of_a_tile + 0x197f) / 0x1980
    }

    /// Returns the blocks of all layers, which share them or have as many each.
    pub fn cluster_blocks(&self, of_each: bool) -> u32 {
        match of_each {
            true => self.layer_blocks() * self.layers,
            false => self.layer_blocks(),
        }
    }

    /// Returns the bytes of the layers' metadata.
    pub fn layer_metadata(&self) -> u64 {
        u64::from(self.layers > 1) * 0x100
    }

    /// Returns the number of tiles in a layer.
    pub fn count(&self) -> u32 {
        self.tiles[0] * self.tiles[1]
    }

    /// Returns the register with the last tile of each direction.
    pub fn screen(&self) -> u32 {
        let [x, y] = self.tiles.map(|tiles| tiles - 1);
        x + (y << 12)
    }

    /// Returns the registers with the first tiles of the macrotiles behind the first, nine bits
    /// each; the last macrotile lowest.
    pub fn borders(&self) -> [u32; 2] {
        self.macrotile
            .map(|side| (side << 18) | ((side * 2) << 9) | (side * 3))
    }

    /// Returns the register with what fragment commands are told of tiles, where they are told in
    /// registers.
    pub fn fragment_config(&self) -> u64 {
        let [x, y] = self.tiles.map(|tiles| u64::from(tiles - 1));
        // Of a tile of 32 pixels, 16 are the unit.
        let [across, down] = [0, 1].map(|i| u64::from(2 * self.macrotile[i] / self.utiles[i]));
        let utile = across << 40 | down << 42;
        let layers = u64::from(self.layers > 1) << 32;
        y << 53 | x << 44 | utile | 1 << 37 | layers | 0x3_6011
    }

    /// Returns the register with the distance of macrotiles in the tile map.
    pub fn stride(&self) -> u64 {
        u64::from(self.region_words()) << 26
    }

    /// Blocks of 128 KiB that a buffer must have: one for 128 tiles, in eights. Clusters need two
    /// for each layer, and seven.
    pub fn blocks(&self) -> u32 {
        let mut blocks = 8;
        while u64::from(blocks) * 128 < u64::from(self.count()) {
            blocks += 8;
        }
        match self.clusters {
            1 => blocks,
            _ => blocks.max(7 + 2 * self.layers),
        }
    }
}

/// Returns the tiles that cover `pixels`.
fn covering(pixels: u32) -> u32 {
    (pixels - 1) / TILE + 1
}

/// Blocks of 2 KiB that a utile of `frame` takes in the tile buffer.
pub fn tile_buffer_blocks(frame: &Frame) -> u32 {
    let bytes = u64::from(frame.utile[0])
        * u64::from(frame.utile[1])
        * u64::from(frame.samples)
        * u64::from(frame.sample_size);
    ((bytes + 2047) >> 11) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use agx_abi::tiling::Tiling as Driver;
    use agx_abi::Abi;

    fn frame(width: u32, height: u32, layers: u32, utile: [u32; 2], samples: u32) -> Frame {
        Frame {
            width,
            height,
            layers,
            samples,
            utile,
            sample_size: 8,
            ppp_control: 0x202,
            sample_positions: 0x88,
        }
    }

    #[test]
    fn numbers_that_were_worked_out_by_hand() {
        let t = Tiling::of(&frame(800, 600, 3, [32, 16], 2), 1);
        assert_eq!(
            (t.tiles, t.macrotile, t.utiles),
            ([25, 19], [8, 8], [8, 16])
        );
        assert_eq!((t.region_words(), t.tile_map()), (160, 160 * 4 * 16 * 3));
        assert_eq!((t.cache_words(), t.cache()), (256, 256 * 4 * 16 * 3));
        assert_eq!((t.screen(), t.borders()), ((18 << 12) | 24, [0x20_2018; 2]));
        assert_eq!(
            (t.stride(), t.blocks(), t.layer_metadata()),
            (640 << 24, 8, 0x100)
        );
        assert_eq!(tile_buffer_blocks(&frame(1, 1, 1, [32, 32], 4)), 16);
    }

    /// Each formula against the one that the driver uses.
    #[test]
    fn the_drivers_formulas_say_the_same() {
        let sizes = (0..15).flat_map(|bit| [-1, 0, 1].map(|d| (1 << bit) + d));
        let sizes: Vec<u32> = sizes
            .filter(|n| (1..=16384).contains(n))
            .map(|n| n as u32)
            .collect();
        for &width in &sizes {
            for &height in &sizes {
                for (layers, utile, samples, clusters) in [
                    (1, [32, 32], 1, 1),
                    (2, [32, 16], 2, 1),
                    (2048, [16, 16], 4, 1),
                    (1, [32, 32], 1, 8),
                    (3, [16, 16], 4, 2),
                    (20, [32, 16], 2, 4),
                ] {
                    let f = frame(width, height, layers, utile, samples);
                    let (t, d) = (
                        Tiling::of(&f, clusters),
                        Driver::new(width, height, layers, utile, samples)
                            .unwrap()
                            .with_clusters(clusters),
                    );
                    let what = format!("{width}x{height}x{layers}");
                    assert_eq!(t.count(), d.tiles(), "{what}");
                    assert_eq!(
                        t.macrotile,
                        [d.tiles_per_mtile_x(), d.tiles_per_mtile_y()],
                        "{what}"
                    );
                    assert_eq!(
                        t.utiles,
                        [d.utiles_per_mtile_x(), d.utiles_per_mtile_y()],
                        "{what}"
                    );
                    assert_eq!(
                        (t.region_words(), t.tile_map()),
                        (d.rgn_size(), d.tilemap_size()),
                        "{what}"
                    );
                    assert_eq!(
                        (t.cache_words(), t.cache()),
                        (d.tpc_stride(), d.tpc_size()),
                        "{what}"
                    );
                    assert_eq!(
                        (t.screen(), t.borders()),
                        (d.te_screen(), [d.te_mtile1(), d.te_mtile2()]),
                        "{what}"
                    );
                    assert_eq!(
                        (t.stride(), t.blocks()),
                        (d.mtile_stride(), d.min_tvb_blocks()),
                        "{what}"
                    );
                    assert_eq!(
                        (t.layer_blocks(), t.cluster_blocks(true)),
                        (d.meta1_layer_stride(), d.meta1_blocks(Abi::G13V12_3)),
                        "{what}"
                    );
                    assert_eq!(
                        (t.cluster_blocks(false), t.fragment_config()),
                        (d.meta1_blocks(Abi::G14XV13_5), d.fragment_tile_config()),
                        "{what}"
                    );
                    assert_eq!(t.layer_metadata(), d.layermeta_size(), "{what}");
                    assert_eq!(tile_buffer_blocks(&f), d.tib_blocks(8), "{what}");
                }
            }
        }
    }
}
