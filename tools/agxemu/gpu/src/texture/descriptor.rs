// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptors: textures for reading, PBE for writing, samplers.

use agx_isa::exec::host::Sampler as SamplerBytes;

use super::layout::{Layout, Order, Shape, PAGE};
use super::metadata::Metadata;
use super::texel::Codec;

/// Fields by their bits, both ends included.
struct Bits([u8; 24]);

impl Bits {
    fn get(&self, low: u32, high: u32) -> u64 {
        let mut word = [0; 16];
        let first = (low / 8) as usize;
        let len = (24 - first).min(16);
        word[..len].copy_from_slice(&self.0[first..first + len]);
        let value = u128::from_le_bytes(word) >> (low % 8);
        (value & ((1 << (high - low + 1)) - 1)) as u64
    }

    fn small(&self, low: u32, high: u32) -> u32 {
        self.get(low, high) as u32
    }

    fn flag(&self, bit: u32) -> bool {
        self.get(bit, bit) != 0
    }

    /// Returns the order of texels, from what both kinds of descriptors have in the same place.
    fn order(&self, stride: u64) -> Result<Order, String> {
        match self.get(4, 5) {
            0 => {
                // The last bit of the stride says whether there is a third word.
                let units = match self.flag(127) {
                    true => self.get(139, 165) + 1,
                    false => 0,
                };
                let layer = units * 128;
                Ok(Order::Linear { stride, layer })
            }
            1 => Ok(Order::Twiddled),
            2 => Ok(Order::Tiled),
            other => Err(format!("texture layout {other}")),
        }
    }
}

/// An image as a descriptor shows it.
#[derive(Clone, Debug)]
pub struct Image {
    pub address: u64,
    pub codec: Codec,
    pub layout: Layout,
    /// Of level 0.
    pub width: u32,
    pub height: u32,
    /// Layers of an array, faces of cubes, slices of a 3D image.
    pub layers: u32,
    pub first_level: u32,
    pub last_level: u32,
    pub samples: u32,
    pub is_3d: bool,
    /// The address is that of a page map.
    pub sparse: bool,
    /// What says which of the texels lie in memory as they are, of compressed images.
    pub metadata: Option<Metadata>,
    /// For textures, where each channel comes from (4 is one, 5 is zero); for writing, what goes
    /// into each channel of memory.
    pub swizzle: [u8; 4],
}

/// Returns shapes with more than one sample.
fn is_multisampled(dimension: u64) -> bool {
    matches!(dimension, 4 | 8)
}

/// Returns cubes and arrays of them.
fn is_cube(dimension: u64) -> bool {
    matches!(dimension, 6 | 7)
}

const D3: u64 = 5;

impl Shape {
    /// Returns the metadata at `address`. It has room for all levels, like the texels, however many
    /// the descriptor names: that is inferred from what drivers allocate.
    fn metadata(&self, address: u64, samples: u32, bytes: usize) -> Metadata {
        let count = self.width.max(self.height).ilog2() + 1;
        let levels = if self.mipmapped { count } else { 1 };
        let size = [self.width, self.height];
        Metadata::new(address, size, samples, bytes, levels)
    }
}

impl Image {
    /// From a texture descriptor.
    ///
    /// # Errors
    ///
    /// What of it is not supported.
    pub fn texture(bytes: &[u8; 24]) -> Result<Self, String> {
        let b = Bits(*bytes);
        let dimension = b.get(0, 3);
        let sparse = match b.get(104, 105) {
            0 => false,
            3 => true,
            other => return Err(format!("texture mode {other}")),
        };
        let codec = Codec::new(b.small(6, 12), b.small(13, 15), b.flag(108))?;
        let samples = match (is_multisampled(dimension), b.flag(64)) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 4,
        };
        let order = b.order((b.get(110, 126) + 1) * 16)?;
        let linear = matches!(order, Order::Linear { .. });
        if linear && sparse {
            return Err("sparse texture row by row".to_owned());
        }
        let layers = match linear {
            true if b.flag(127) => b.small(128, 138) + 1,
            true => 1,
            false => b.small(110, 123) + 1,
        };
        // Of cubes, the number of cubes is stated.
        let layers = layers * if is_cube(dimension) { 6 } else { 1 };
        let (first_level, last_level) = (b.small(56, 59), b.small(60, 63));
        let is_3d = dimension == D3;
        let shape = Shape {
            order,
            bytes: codec.bytes() as u64 * u64::from(samples),
            width: b.small(28, 41) + 1,
            height: b.small(42, 55) + 1,
            block: codec.block(),
            mipmapped: last_level > 0 || b.flag(102),
            page_aligned: !linear && b.flag(126),
            depth: if is_3d { layers } else { 1 },
            named: last_level + 1,
        };
        let metadata = (b.flag(103) && !linear && !sparse && codec.compressed.is_none())
            .then(|| shape.metadata(b.get(128, 191) << 4, samples, codec.bytes()));
        Ok(Self {
            address: b.get(66, 101) << 4,
            codec,
            metadata,
            layout: shape.layout(),
            width: shape.width,
            height: shape.height,
            layers,
            first_level,
            last_level: last_level.max(first_level),
            samples,
            is_3d,
            sparse,
            swizzle: [16, 19, 22, 25].map(|low| b.get(low, low + 2) as u8),
        })
    }

    /// From a descriptor for writing.
    ///
    /// # Errors
    ///
    /// What of it is not supported.
    pub fn target(bytes: &[u8; 24]) -> Result<Self, String> {
        let b = Bits(*bytes);
        let dimension = b.get(0, 3);
        if b.get(60, 61) != 0 {
            return Err(format!("image mode {}", b.get(60, 61)));
        }
        if b.flag(53) || b.flag(54) {
            return Err("rotated or flipped image".to_owned());
        }
        let codec = Codec::new(b.small(6, 12), b.small(13, 15), b.flag(125))?;
        if let Some(compressed) = codec.compressed {
            return Err(format!("write to {compressed:?}"));
        }
        let samples = match (is_multisampled(dimension), b.flag(56)) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 4,
        };
        let order = b.order(b.get(104, 124) + 4)?;
        let linear = matches!(order, Order::Linear { .. });
        let (levels, layers) = match linear {
            true if b.flag(127) => (1, b.small(128, 138) + 1),
            true => (1, 1),
            false => (b.small(104, 107) + 1, b.small(108, 121) + 1),
        };
        let level = if linear { 0 } else { b.small(100, 103) };
        let is_3d = dimension == D3;
        let shape = Shape {
            order,
            bytes: codec.bytes() as u64 * u64::from(samples),
            width: b.small(24, 37) + 1,
            height: b.small(38, 51) + 1,
            block: [1, 1],
            mipmapped: levels > 1 || b.flag(58),
            page_aligned: !linear && b.flag(124),
            depth: if is_3d { layers } else { 1 },
            named: levels,
        };
        let metadata = (b.flag(59) && !linear)
            .then(|| shape.metadata(b.get(128, 191) << 4, samples, codec.bytes()));
        Ok(Self {
            address: b.get(64, 99) << 4,
            codec,
            metadata,
            layout: shape.layout(),
            width: shape.width,
            height: shape.height,
            layers,
            first_level: level,
            last_level: level,
            samples,
            is_3d,
            sparse: false,
            swizzle: [16, 18, 20, 22].map(|low| b.get(low, low + 1) as u8),
        })
    }

    /// Returns width, height and depth of a level.
    pub fn size(&self, level: u32) -> [u32; 3] {
        let side = |n: u32| (n >> level.min(31)).max(1);
        let depth = if self.is_3d {
            side(self.layers)
        } else {
            self.layers
        };
        [side(self.width), side(self.height), depth]
    }

    /// Returns where a texel is, or the block that it is in; none outside the image.
    pub fn place(&self, level: u32, x: u32, y: u32, layer: u32, sample: u32) -> Option<Place> {
        let [width, height, layers] = self.size(level);
        let inside = x < width && y < height && layer < layers && sample < self.samples;
        if !inside || level > self.last_level {
            return None;
        }
        let [block_width, block_height] = self.codec.block();
        let (column, row) = (x / block_width, y / block_height);
        let within = self.layout.offset(level, column, row);
        let within = within + u64::from(sample) * self.codec.bytes() as u64;
        let stride = self.layout.layer();
        if !self.sparse {
            return Some(Place::At(self.address + u64::from(layer) * stride + within));
        }
        // A layer starts a folio of the map.
        let folio = u64::from(layer) * stride.div_ceil(FOLIO * PAGE) + within / (FOLIO * PAGE);
        let entry = 2 * FOLIO * folio + within / PAGE % FOLIO;
        Some(Place::Mapped {
            entry: self.address + entry * 4,
            offset: within % PAGE,
        })
    }
}

/// Where a texel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address.
    At(u64),
    /// In the page that an entry of the page map names.
    Mapped { entry: u64, offset: u64 },
}

impl Place {
    /// Returns the address of what is not sparse.
    pub fn address(self) -> Option<u64> {
        match self {
            Self::At(address) => Some(address),
            Self::Mapped { .. } => None,
        }
    }
}

/// Pages that a folio of a page map is for. A folio has room for twice as many entries of four
/// bytes.
const FOLIO: u64 = 256;

/// Returns the page that an entry of a page map names, if it is enabled.
pub fn mapped(entry: u32) -> Option<u64> {
    let page = u64::from(entry & 0x03ff_ffff) * PAGE;
    (entry >> 31 == 1).then_some(page)
}

/// How a coordinate outside the image is brought inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    Edge,
    Repeat,
    Mirror,
    Border,
    /// As `Edge`, but the coordinate goes up to the edge itself, so that half of the border is
    /// mixed in.
    Clamp,
    MirrorEdge,
}

/// How a value becomes one of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mip {
    None,
    Nearest,
    Linear,
}

/// A sampler.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    pub min_lod: f32,
    pub max_lod: f32,
    /// Samples at most of a footprint that is longer than it is wide.
    pub max_anisotropy: u32,
    pub mag_linear: bool,
    pub min_linear: bool,
    pub mip: Mip,
    pub wrap: [Wrap; 3],
    pub pixel_coordinates: bool,
    /// Number of the comparison.
    pub compare: u32,
    /// The border's channels, in the order that those of texels have in memory: the texture's
    /// swizzle is behind it. That this is so for colours without a place of their own is
    /// inferred, from Mesa's replacement for opaque black.
    pub border: [u32; 4],
    pub seamful: bool,
}

impl Sampler {
    /// From its descriptor, for a texture of `codec`.
    ///
    /// # Errors
    ///
    /// What of it is not supported.
    pub fn new(sampler: &SamplerBytes, codec: &Codec) -> Result<Self, String> {
        let b = Bits(sampler.bytes);
        let linear = |low: u32| match b.get(low, low + 1) {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("sampler filter {other}")),
        };
        let wrap = |low: u32| match b.get(low, low + 2) {
            0 => Ok(Wrap::Edge),
            1 => Ok(Wrap::Repeat),
            2 => Ok(Wrap::Mirror),
            3 => Ok(Wrap::Border),
            4 => Ok(Wrap::Clamp),
            5 => Ok(Wrap::MirrorEdge),
            other => Err(format!("sampler wrap mode {other}")),
        };
        let word = |n: usize| {
            let at = 8 + 4 * n;
            let bytes = &sampler.bytes[at..at + 4];
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        let one = codec.one();
        Ok(Self {
            min_lod: b.get(0, 9) as f32 / 64.0,
            max_lod: b.get(10, 19) as f32 / 64.0,
            max_anisotropy: 1 << b.small(20, 22).min(4),
            mag_linear: linear(23)?,
            min_linear: linear(25)?,
            mip: match b.get(27, 28) {
                0 => Mip::None,
                1 => Mip::Nearest,
                2 => Mip::Linear,
                other => return Err(format!("sampler mip filter {other}")),
            },
            wrap: [wrap(29)?, wrap(32)?, wrap(35)?],
            pixel_coordinates: b.flag(38),
            compare: b.small(39, 41),
            border: match b.get(55, 56) {
                0 => [0; 4],
                1 => [0, 0, 0, one],
                2 => [one; 4],
                _ if sampler.extended => codec.border(std::array::from_fn(word)),
                _ => return Err("border colour without a place for it".to_owned()),
            },
            seamful: b.flag(57),
        })
    }
}
