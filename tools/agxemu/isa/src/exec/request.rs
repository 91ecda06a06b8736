// SPDX-License-Identifier: MIT OR Apache-2.0

//! What instructions ask of textures, images and the tile.

use super::Lanes;

/// Shape of an image as the instruction states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    D1,
    D1Array,
    D2,
    D2Array,
    D2Ms,
    D3,
    Cube,
    CubeArray,
    D2MsArray,
}

impl Dim {
    /// Returns the shape with this number in the encoding.
    pub fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            0 => Self::D1,
            1 => Self::D1Array,
            2 => Self::D2,
            3 => Self::D2Array,
            4 => Self::D2Ms,
            5 => Self::D3,
            6 => Self::Cube,
            7 => Self::CubeArray,
            8 => Self::D2MsArray,
            _ => return None,
        })
    }

    /// Returns the number of 32-bit words that the coordinates are: the position, then one for
    /// layer or sample.
    ///
    /// A layer is the low half of its register. For [`Dim::D2MsArray`] the low half of the last
    /// register is the sample and the high half the layer.
    pub fn coordinates(self) -> usize {
        match self {
            Self::D1 => 1,
            Self::D1Array | Self::D2 => 2,
            Self::D2Array | Self::D2Ms | Self::D2MsArray | Self::D3 | Self::Cube => 3,
            Self::CubeArray => 4,
        }
    }

    /// Returns components of a gradient.
    pub fn gradient(self) -> usize {
        match self {
            Self::D1 | Self::D1Array => 1,
            Self::D2 | Self::D2Array | Self::D2Ms | Self::D2MsArray => 2,
            Self::D3 | Self::Cube | Self::CubeArray => 3,
        }
    }
}

/// How the level of detail is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LodMode {
    /// From the differences of the coordinates inside each quad.
    Auto,
    /// As `Auto`, then [`Lod::value`] is added.
    Bias,
    /// [`Lod::value`].
    Explicit,
    /// From [`Lod::dx`] and [`Lod::dy`].
    Gradient,
}

/// The level of detail. 16-bit values are half floats for [`TextureOp::Sample`], integers for
/// [`TextureOp::Fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lod {
    pub mode: LodMode,
    /// Bias or level, 16-bit.
    pub value: Lanes,
    /// The level is not below this one, 16-bit.
    pub min: Option<Lanes>,
    /// Derivatives of the coordinates, 32-bit floats, [`Dim::gradient`] of them.
    pub dx: [Lanes; 3],
    pub dy: [Lanes; 3],
}

/// Float coordinates with filtering, or integer texel coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextureOp {
    Sample,
    Fetch,
}

/// A sampler's descriptor: 8 bytes, and 16 bytes of border colour when `extended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    pub bytes: [u8; 24],
    pub extended: bool,
}

/// A texture access of the lanes in `mask`, which share descriptor and sampler.
#[derive(Clone, Debug)]
pub struct TextureRequest {
    pub op: TextureOp,
    pub dim: Dim,
    /// The texture's descriptor, as in memory.
    pub texture: [u8; 24],
    pub sampler: Sampler,
    /// Lanes that want a result.
    pub mask: u32,
    /// Raw registers, [`Dim::coordinates`] of them valid. Lanes outside `mask` hold what their
    /// registers hold, for differences inside a quad.
    pub coordinates: [Lanes; 4],
    pub lod: Lod,
    /// Reference value of a comparison, a 32-bit float.
    pub compare: Option<Lanes>,
    /// Texel offset: a signed nibble per component, x the lowest.
    pub offset: Option<Lanes>,
    /// Four texels of this channel (0 red … 3 alpha) instead of one filtered value.
    pub gather: Option<u8>,
    /// The level of detail is the result, not a texel: channel 0 and 1.
    pub query_lod: bool,
}

/// What the raw 32 bits of a result are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numeric {
    #[default]
    Float,
    Integer,
}

/// Result of a [`TextureRequest`]; only lanes of its mask are read.
#[derive(Clone, Debug)]
pub struct TextureResult {
    pub numeric: Numeric,
    /// Four channels: 32-bit floats or integers.
    pub channels: [Lanes; 4],
    /// Zero where the texel is resident.
    pub residency: Lanes,
}

/// A store of one texel per lane in `mask`, all through the same descriptor.
#[derive(Clone, Debug)]
pub struct ImageWrite {
    pub dim: Dim,
    /// The descriptor for writing (PBE), as in memory.
    pub image: [u8; 24],
    pub mask: u32,
    /// Integer coordinates as in [`TextureRequest::coordinates`].
    pub coordinates: [Lanes; 4],
    pub lod: Lanes,
    /// Four components, 32-bit when `wide`, else 16-bit in the low half.
    pub data: [Lanes; 4],
    pub wide: bool,
    /// Round towards zero when converting.
    pub round_to_zero: bool,
}

/// Where a block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockPlace {
    /// Registers with the corner of the block and the layer, of the lane that stores.
    Explicit([u32; 4]),
    /// At [`Dispatch::corner`]; the register with the layer is the one that states it otherwise.
    Tile(u32),
}

/// Samples that are tested against depth and stencil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleTest {
    /// Samples of each lane.
    pub samples: Lanes,
    /// Depth instead of that of the primitive, a 32-bit float.
    pub depth: Option<Lanes>,
    /// Stencil reference instead of that of the draw, eight bits.
    pub stencil: Option<Lanes>,
}

/// A store of a whole image block out of threadgroup memory.
#[derive(Clone, Debug)]
pub struct BlockWrite {
    pub dim: Dim,
    /// The descriptor for writing (PBE), as in memory.
    pub image: [u8; 24],
    pub place: BlockPlace,
    pub lod: u32,
    /// Byte offset inside a sample's part of the image block.
    pub offset: u32,
    /// Format of the elements in the image block; see [`super::format::Format`].
    pub format: super::format::Format,
    pub round_to_zero: bool,
}
