// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The numbers by which the tiler splits a framebuffer.
//!
//! ```text
//!   framebuffer ── macrotiles, 4 × 4 ── tiles of 32 × 32 pixels ── utiles, 1, 2 or 4 a tile
//! ```
//!
//! The tilemap has a list for each tile of each of the 16 macrotiles, and the tail pointer cache
//! the place where each of the lists ends. All formulas are those of the driver in the field; no
//! source says why they are as they are [I].

use super::render::Framebuffer;

/// Width and height of a tile in pixels.
const TILE: u32 = 32;
/// Macrotiles in a row and in a column.
const MACROTILES: u32 = 4;
/// Bytes of a tile's entry in a region of the tilemap.
const REGION_ENTRY: u32 = 5;
/// Bytes of a tile's entry in the tail pointer cache.
const TPC_ENTRY: u32 = 8;
/// Tiles that a block of the tiled vertex buffer is enough for, at the least.
const TILES_PER_BLOCK: u32 = 128;
/// Bytes that the hardware allocates the tile buffer in.
const TIB_BLOCK: u32 = 2048;
/// Bytes of what the tiler keeps for each layer, if there are several.
const LAYERMETA_SIZE: u64 = 0x100;
/// Tiles that a block of the first metadata of clusters is for.
const META1_TILES: u32 = 0x1980;

/// The numbers for a framebuffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
    framebuffer: Framebuffer,
    /// Clusters that work on it; 1 if they do not share the work.
    clusters: u32,
    /// Tiles in a row and in a column.
    pub(crate) tiles: (u32, u32),
    /// Utiles in a row and in a column of a tile.
    pub(crate) utiles: (u32, u32),
    /// Tiles in a row and in a column of a macrotile.
    pub(crate) macrotile: (u32, u32),
}

impl Tiling {
    /// Returns the numbers for `framebuffer` on `clusters` clusters.
    pub(crate) const fn new(framebuffer: Framebuffer, clusters: u32) -> Self {
        let tiles = (
            (framebuffer.width as u32).div_ceil(TILE),
            (framebuffer.height as u32).div_ceil(TILE),
        );
        Self {
            framebuffer,
            clusters,
            tiles,
            utiles: (
                TILE / framebuffer.utile.0 as u32,
                TILE / framebuffer.utile.1 as u32,
            ),
            macrotile: (macrotile(tiles.0), macrotile(tiles.1)),
        }
    }

    /// Returns the number of clusters that share the work, or 1.
    pub(crate) const fn clusters(&self) -> u32 {
        self.clusters
    }

    /// Returns the number of tiles.
    pub(crate) const fn tile_count(&self) -> u32 {
        self.tiles.0 * self.tiles.1
    }

    /// Returns the number of tiles of a macrotile.
    pub(crate) const fn tiles_per_macrotile(&self) -> u32 {
        self.macrotile.0 * self.macrotile.1
    }

    const fn utiles_per_macrotile(&self) -> u32 {
        self.tiles_per_macrotile() * self.utiles.0 * self.utiles.1
    }

    const fn layers(&self) -> u64 {
        self.framebuffer.layers as u64
    }

    /// Returns the size of a region, the lists of one macrotile, in words.
    pub(crate) const fn region_words(&self) -> u32 {
        (REGION_ENTRY * self.utiles_per_macrotile()).div_ceil(4)
    }

    /// Returns the size of the tilemap in bytes.
    pub(crate) const fn tilemap_size(&self) -> u64 {
        4 * self.region_words() as u64 * (MACROTILES * MACROTILES) as u64 * self.layers()
    }

    /// Returns the distance between macrotiles in the tail pointer cache, in words.
    pub(crate) const fn tpc_stride_words(&self) -> u32 {
        TPC_ENTRY * self.utiles_per_macrotile() / 4
    }

    /// Returns the size of the tail pointer cache in bytes.
    pub(crate) const fn tpc_size(&self) -> u64 {
        let macrotiles = (MACROTILES * MACROTILES) as u64;
        4 * self.tpc_stride_words() as u64 * macrotiles * self.layers() * self.clusters as u64
    }

    /// Returns the size in bytes of what is kept for each layer.
    pub(crate) const fn layermeta_size(&self) -> u64 {
        if self.is_layered() {
            LAYERMETA_SIZE
        } else {
            0
        }
    }

    /// Returns how many blocks the tiled vertex buffer needs for this to go on at all.
    pub(crate) const fn min_blocks(&self) -> u32 {
        let blocks = self.tile_count().div_ceil(TILES_PER_BLOCK);
        let blocks = blocks.next_multiple_of(8);
        let for_layers = 7 + 2 * self.framebuffer.layers as u32;
        if self.clusters > 1 && blocks < for_layers {
            for_layers
        } else {
            blocks
        }
    }

    /// Returns the distance of layers in the first metadata of the clusters, in its blocks; 0 if
    /// they do not share the work.
    pub(crate) const fn meta1_layer_stride(&self) -> u32 {
        if self.clusters <= 1 {
            return 0;
        }
        let tiles = self.tiles.0.next_multiple_of(2) * self.tiles.1.next_multiple_of(4);
        (tiles * self.utiles.0 * self.utiles.1).div_ceil(META1_TILES)
    }

    /// Returns how many blocks the first metadata of the clusters has.
    pub(crate) const fn meta1_blocks(&self) -> u32 {
        self.meta1_layer_stride() * self.framebuffer.layers as u32
    }

    /// Returns whether there is more than one layer.
    pub(crate) const fn is_layered(&self) -> bool {
        self.framebuffer.layers > 1
    }

    /// Returns what the registers say of size and samples of a utile.
    pub(crate) const fn utile_config(&self) -> u32 {
        let (width, height) = self.framebuffer.utile;
        (width as u32 / 16) << 12
            | (height as u32 / 16) << 14
            | (self.framebuffer.samples as u32).trailing_zeros()
    }

    /// Returns the size of a utile in the tile buffer, in the hardware's blocks.
    pub(crate) const fn tib_blocks(&self) -> u32 {
        self.framebuffer.tile_bytes().div_ceil(TIB_BLOCK)
    }

    /// Returns the value of the register `TE_SCREEN`.
    pub(crate) const fn te_screen(&self) -> u32 {
        (self.tiles.1 - 1) << 12 | (self.tiles.0 - 1)
    }

    /// Returns the values of the registers `TE_MTILE1` and `TE_MTILE2`.
    pub(crate) const fn te_mtile(&self) -> [u32; 2] {
        const fn steps(tiles: u32) -> u32 {
            (3 * tiles) | (2 * tiles) << 9 | tiles << 18
        }
        [steps(self.macrotile.0), steps(self.macrotile.1)]
    }

    /// Returns the size of a macrotile in utiles, first the rows.
    pub(crate) const fn mtile_utiles(&self) -> (u16, u16) {
        (
            (self.macrotile.1 * self.utiles.1) as u16,
            (self.macrotile.0 * self.utiles.0) as u16,
        )
    }

    /// Returns the distance of macrotiles in the tilemap, as the fragment half wants it.
    pub(crate) const fn mtile_stride(&self) -> u64 {
        (4 * self.region_words() as u64) << 24
    }

    /// Returns the word that says how many layers there are.
    pub(crate) const fn layers_word(&self) -> u32 {
        if self.is_layered() {
            0xe000 | (self.framebuffer.layers as u32 - 1)
        } else {
            0x8000
        }
    }
}

const fn macrotile(tiles: u32) -> u32 {
    tiles.div_ceil(MACROTILES).next_multiple_of(4)
}

#[cfg(test)]
#[path = "tiling_tests.rs"]
mod tests;
