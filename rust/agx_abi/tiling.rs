// SPDX-License-Identifier: MIT

//! The division of a frame into tiles, and the size of the tiler's memory for that.
//!
//! | unit | size |
//! |---|---|
//! | tile | 32 × 32 pixels |
//! | utile | what the tile buffer holds: a tile, or a half or a quarter of one |
//! | macrotile | a sixteenth of the frame: tiles in multiples of four in each direction |
//!
//! These are the driver's formulas, and what drivers have written on hardware is their source. The
//! emulator has its own and does not call these, so that neither hides the other's mistakes.

use crate::{
    Abi,
    Numbers, //
};

/// Width and height of a tile in pixels.
pub const TILE_SIZE: u32 = 32;
/// Macrotiles of a frame in each direction.
pub const MTILES: u32 = 4;
/// Largest width and height of a frame in pixels.
pub const MAX_SIZE: u32 = 16384;
/// Most layers of a frame.
pub const MAX_LAYERS: u32 = 2048;

/// Bytes of the heap's metadata. The layers' metadata stands behind it, even where there is none.
pub const HEAPMETA_SIZE: u64 = 0x200;

/// Bytes of a utile in the tile map.
const RGN_ENTRY: u32 = 5;
/// Bytes of a utile in the tile pointer cache.
const TPC_ENTRY: u32 = 8;
/// Bytes of a block of the tile buffer.
const TIB_BLOCK: u32 = 2048;
/// Tiles that a block of the tiled vertex buffer is good for. Inferred from what macOS does.
const TILES_PER_TVB_BLOCK: u32 = 128;
/// Utiles that a block of the clusters' first metadata is good for. Inferred from what macOS does.
const UTILES_PER_META1_BLOCK: u32 = 0x1980;

/// The division of a frame into tiles, as the tiler needs it.
///
/// # Examples
///
/// ```
/// use agx_abi::tiling::Tiling;
///
/// let tiling = Tiling::new(800, 600, 1, [32, 32], 1).unwrap();
/// assert_eq!((tiling.tiles_x(), tiling.tiles_y()), (25, 19));
/// assert_eq!(tiling.te_screen(), (18 << 12) | 24);
/// assert!(Tiling::new(0, 600, 1, [32, 32], 1).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    width: u32,
    height: u32,
    layers: u32,
    utile: [u32; 2],
    samples: u32,
    clusters: u32,
    /// Tiles of the frame, and of a macrotile, in each direction.
    tiles: [u32; 2],
    tiles_per_mtile: [u32; 2],
}

impl Tiling {
    /// Returns the tiling of `layers` of `width` × `height` pixels with `samples` each, for a tile
    /// buffer of `utile[0]` × `utile[1]` pixels and one cluster; `None` if there is none.
    pub const fn new(
        width: u32,
        height: u32,
        layers: u32,
        utile: [u32; 2],
        samples: u32,
    ) -> Option<Self> {
        let size = width != 0 && width <= MAX_SIZE && height != 0 && height <= MAX_SIZE;
        let layered = layers != 0 && layers <= MAX_LAYERS;
        let tiled = matches!(utile, [32, 32] | [32, 16] | [16, 16]);
        if !size || !layered || !tiled || !matches!(samples, 1 | 2 | 4) {
            return None;
        }
        let tiles = [width.div_ceil(TILE_SIZE), height.div_ceil(TILE_SIZE)];
        Some(Self {
            width,
            height,
            layers,
            utile,
            samples,
            clusters: 1,
            tiles,
            tiles_per_mtile: [
                tiles[0].div_ceil(MTILES).next_multiple_of(4),
                tiles[1].div_ceil(MTILES).next_multiple_of(4),
            ],
        })
    }

    /// Returns the tiling for `clusters` that share the vertex work.
    pub const fn with_clusters(mut self, clusters: u32) -> Self {
        self.clusters = clusters;
        self
    }

    /// Returns the width in pixels.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Returns the number of layers.
    #[inline]
    pub const fn layers(&self) -> u32 {
        self.layers
    }

    /// Returns the samples of a pixel.
    pub const fn samples(&self) -> u32 {
        self.samples
    }

    /// Returns the tiles from left to right.
    #[inline]
    pub const fn tiles_x(&self) -> u32 {
        self.tiles[0]
    }

    /// Returns the tiles from top to bottom.
    #[inline]
    pub const fn tiles_y(&self) -> u32 {
        self.tiles[1]
    }

    /// Returns the tiles of a layer.
    #[inline]
    pub const fn tiles(&self) -> u32 {
        self.tiles_x() * self.tiles_y()
    }

    /// Returns the tiles of a macrotile from left to right.
    #[inline]
    pub const fn tiles_per_mtile_x(&self) -> u32 {
        self.tiles_per_mtile[0]
    }

    /// Returns the tiles of a macrotile from top to bottom.
    #[inline]
    pub const fn tiles_per_mtile_y(&self) -> u32 {
        self.tiles_per_mtile[1]
    }

    /// Returns the tiles of a macrotile.
    #[inline]
    pub const fn tiles_per_mtile(&self) -> u32 {
        self.tiles_per_mtile_x() * self.tiles_per_mtile_y()
    }

    /// Returns the utiles of a tile from left to right.
    #[inline]
    pub const fn utiles_per_tile_x(&self) -> u32 {
        TILE_SIZE / self.utile[0]
    }

    /// Returns the utiles of a tile from top to bottom.
    #[inline]
    pub const fn utiles_per_tile_y(&self) -> u32 {
        TILE_SIZE / self.utile[1]
    }

    /// Returns the utiles of a tile.
    #[inline]
    pub const fn utiles_per_tile(&self) -> u32 {
        self.utiles_per_tile_x() * self.utiles_per_tile_y()
    }

    /// Returns the utiles of a macrotile from left to right.
    #[inline]
    pub const fn utiles_per_mtile_x(&self) -> u32 {
        self.tiles_per_mtile_x() * self.utiles_per_tile_x()
    }

    /// Returns the utiles of a macrotile from top to bottom.
    #[inline]
    pub const fn utiles_per_mtile_y(&self) -> u32 {
        self.tiles_per_mtile_y() * self.utiles_per_tile_y()
    }

    /// Returns the size of a macrotile's part of the tile map, in words of four bytes.
    pub const fn rgn_size(&self) -> u32 {
        (RGN_ENTRY * self.tiles_per_mtile() * self.utiles_per_tile()).div_ceil(4)
    }

    /// Returns the size of the tile map in bytes, of all layers.
    pub const fn tilemap_size(&self) -> u64 {
        4 * self.rgn_size() as u64 * (MTILES * MTILES) as u64 * self.layers as u64
    }

    /// Returns the size of a macrotile's part of the tile pointer cache, in words of four bytes.
    #[inline]
    pub const fn tpc_stride(&self) -> u32 {
        TPC_ENTRY * self.utiles_per_tile() * self.tiles_per_mtile() / 4
    }

    /// Returns the size of the tile pointer cache in bytes, of all layers and clusters.
    pub const fn tpc_size(&self) -> u64 {
        4 * self.tpc_stride() as u64
            * (MTILES * MTILES) as u64
            * self.layers as u64
            * self.clusters as u64
    }

    /// Returns the size of the layers' metadata in bytes.
    #[inline]
    pub const fn layermeta_size(&self) -> u64 {
        if self.layers > 1 {
            0x100
        } else {
            0
        }
    }

    /// Returns the blocks of a layer in the clusters' first metadata.
    pub const fn meta1_layer_stride(&self) -> u32 {
        if self.clusters > 1 {
            let utiles = self.tiles_x().next_multiple_of(2)
                * self.tiles_y().next_multiple_of(4)
                * self.utiles_per_tile();
            utiles.div_ceil(UTILES_PER_META1_BLOCK)
        } else {
            0
        }
    }

    /// Returns the blocks of the clusters' first metadata in version `abi`.
    #[inline]
    pub const fn meta1_blocks(&self, abi: Abi) -> u32 {
        // The layers share them in one version.
        const OF_EACH_LAYER: Numbers = numbers!(1 | 1 | 0);

        match OF_EACH_LAYER.of(abi) {
            0 => self.meta1_layer_stride(),
            _ => self.meta1_layer_stride() * self.layers,
        }
    }

    /// Returns the blocks that a buffer has to have at least, see
    /// [`crate::buffer::BufferInfo::BLOCK_COUNT`].
    pub const fn min_tvb_blocks(&self) -> u32 {
        let blocks = self
            .tiles()
            .div_ceil(TILES_PER_TVB_BLOCK)
            .next_multiple_of(8);
        let clustered = 7 + 2 * self.layers;
        if self.clusters > 1 && clustered > blocks {
            clustered
        } else {
            blocks
        }
    }

    /// Returns the register for the size of a utile and the number of samples.
    #[inline]
    pub const fn utile_config(&self) -> u32 {
        (self.utile[0] / 16) << 12 | (self.utile[1] / 16) << 14 | self.samples.trailing_zeros()
    }

    /// Returns the blocks of the tile buffer that a utile takes with `sample_size` bytes a sample.
    pub const fn tib_blocks(&self, sample_size: u32) -> u32 {
        (sample_size * self.utile[0] * self.utile[1] * self.samples).div_ceil(TIB_BLOCK)
    }

    /// Returns the register for the size of the frame in tiles.
    #[inline]
    pub const fn te_screen(&self) -> u32 {
        (self.tiles_y() - 1) << 12 | (self.tiles_x() - 1)
    }

    /// Returns the register for the borders of the macrotiles from left to right.
    #[inline]
    pub const fn te_mtile1(&self) -> u32 {
        Self::borders(self.tiles_per_mtile_x())
    }

    /// Returns the register for the borders of the macrotiles from top to bottom.
    #[inline]
    pub const fn te_mtile2(&self) -> u32 {
        Self::borders(self.tiles_per_mtile_y())
    }

    const fn borders(tiles: u32) -> u32 {
        3 * tiles | (2 * tiles) << 9 | tiles << 18
    }

    /// Returns the register for the distance of macrotiles in the tile map: bytes, from bit 24 up.
    pub const fn mtile_stride(&self) -> u64 {
        (4 * self.rgn_size() as u64) << 24
    }

    /// Returns the register for the tiles of fragment commands, in versions that have registers.
    pub const fn fragment_tile_config(&self) -> u64 {
        const CONFIG: u64 = 0x20_0003_6011;
        const LAYERS: u64 = 1 << 32;
        let layers = if self.layers > 1 { LAYERS } else { 0 };
        let utile = ((self.utile_config() & 0xf000) as u64) << 28;
        let tiles = (self.tiles_x() as u64 - 1) << 44 | (self.tiles_y() as u64 - 1) << 53;
        CONFIG | layers | utile | tiles
    }

    /// Returns the register for the number of layers.
    #[inline]
    pub const fn render_target_max(&self) -> u32 {
        if self.layers > 1 {
            0xe000 | (self.layers - 1)
        } else {
            0x8000
        }
    }
}
