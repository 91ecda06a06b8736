// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the interpreter asks of its surroundings: memory, textures, images.

use super::{Dispatch, Lanes, LANES};

/// An access that the page tables refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFault {
    /// The address that was refused, not necessarily the first of the access.
    pub va: u64,
    pub write: bool,
    /// A value of the host's own, for example the level at which the walk ended.
    pub code: u32,
}

/// A [`MemoryFault`] and the lane that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneFault {
    pub lane: u8,
    pub fault: MemoryFault,
}

/// What an atomic access does with the value in memory; the old value is its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtomicOp {
    Add,
    Sub,
    Exchange,
    /// Writes the operand when memory equals `compare`.
    CompareExchange,
    UnsignedMin,
    SignedMin,
    UnsignedMax,
    SignedMax,
    And,
    Or,
    Xor,
}

impl AtomicOp {
    /// Returns the new value for a 32-bit access.
    pub fn apply(self, old: u32, operand: u32, compare: u32) -> u32 {
        match self {
            Self::Add => old.wrapping_add(operand),
            Self::Sub => old.wrapping_sub(operand),
            Self::Exchange => operand,
            Self::CompareExchange if old == compare => operand,
            Self::CompareExchange => old,
            Self::UnsignedMin => old.min(operand),
            Self::SignedMin => (old as i32).min(operand as i32) as u32,
            Self::UnsignedMax => old.max(operand),
            Self::SignedMax => (old as i32).max(operand as i32) as u32,
            Self::And => old & operand,
            Self::Or => old | operand,
            Self::Xor => old ^ operand,
        }
    }
}

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

/// What a SIMD group sees of the machine. One per host thread.
///
/// `Err` of any function stops the group with [`super::FaultKind::Memory`]. Soft faults (a load of
/// an unmapped page gives zero) are the host's business: it returns `Ok`.
pub trait Host {
    /// Whether [`Host::trace`] is called; the code for it vanishes otherwise.
    const TRACE: bool = false;

    /// Reads memory.
    ///
    /// # Errors
    ///
    /// When a byte of it may not be read; `out` is unspecified then.
    fn load(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault>;

    /// Writes memory.
    ///
    /// # Errors
    ///
    /// When a byte of it may not be written; nothing has been written then.
    fn store(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault>;

    /// Reads code; returns how many bytes there are, at least two.
    ///
    /// # Errors
    ///
    /// When not even the first two bytes may be read.
    fn fetch(&mut self, va: u64, out: &mut [u8]) -> Result<usize, MemoryFault>;

    /// Changes `width` (4 or 8) bytes at once with regard to all other threads, returns the old.
    ///
    /// # Errors
    ///
    /// When the bytes may not be read and written.
    fn atomic(
        &mut self,
        va: u64,
        width: u8,
        op: AtomicOp,
        operand: u64,
        compare: u64,
    ) -> Result<u64, MemoryFault>;

    /// Reads `size` (at most 16) bytes for each lane in `mask`, to `out[lane * size..]`.
    ///
    /// # Errors
    ///
    /// As [`Host::load`], for the first lane that may not read.
    fn load_lanes(
        &mut self,
        va: &[u64; LANES],
        mask: u32,
        size: usize,
        out: &mut [u8; LANES * 16],
    ) -> Result<(), LaneFault> {
        if let Some((first, end)) = contiguous(va, mask, size) {
            // When it fails, the loop below finds the lane.
            let bytes = &mut out[first * size..end * size];
            if self.load(va[first], bytes).is_ok() {
                return Ok(());
            }
        }
        for lane in bits(mask) {
            let bytes = &mut out[lane * size..(lane + 1) * size];
            let done = self.load(va[lane], bytes);
            done.map_err(|fault| LaneFault::new(lane, fault))?;
        }
        Ok(())
    }

    /// Writes `size` (at most 16) bytes for each lane in `mask`, from `data[lane * size..]`. Where
    /// lanes write to the same byte, the highest lane wins.
    ///
    /// # Errors
    ///
    /// As [`Host::store`], for the first lane that may not write; lower lanes have written.
    fn store_lanes(
        &mut self,
        va: &[u64; LANES],
        mask: u32,
        size: usize,
        data: &[u8; LANES * 16],
    ) -> Result<(), LaneFault> {
        if let Some((first, end)) = contiguous(va, mask, size) {
            let bytes = &data[first * size..end * size];
            if self.store(va[first], bytes).is_ok() {
                return Ok(());
            }
        }
        for lane in bits(mask) {
            let bytes = &data[lane * size..(lane + 1) * size];
            let done = self.store(va[lane], bytes);
            done.map_err(|fault| LaneFault::new(lane, fault))?;
        }
        Ok(())
    }

    /// Samples or fetches from a texture.
    ///
    /// # Errors
    ///
    /// When the texture's memory may not be read, or the descriptor is not supported.
    fn texture(
        &mut self,
        request: &TextureRequest,
        result: &mut TextureResult,
    ) -> Result<(), HostFault>;

    /// Writes texels.
    ///
    /// # Errors
    ///
    /// When the image's memory may not be written, or the descriptor is not supported.
    fn image_write(&mut self, request: &ImageWrite) -> Result<(), HostFault>;

    /// Writes an image block; `local` is the threadgroup memory, laid out as
    /// [`super::Tile::address`] says.
    ///
    /// # Errors
    ///
    /// When the image's memory may not be written, or the descriptor is not supported.
    fn block_write(
        &mut self,
        request: &BlockWrite,
        dispatch: &Dispatch,
        local: &[u8],
    ) -> Result<(), HostFault>;

    /// Tests samples of the fragment group that runs, updates depth and stencil, counts, and
    /// returns those of them that pass.
    ///
    /// # Errors
    ///
    /// When there is nothing to test against.
    fn test(&mut self, _test: &SampleTest) -> Result<Lanes, HostFault> {
        Err(HostFault::Unsupported(
            "depth test outside of rendering".to_owned(),
        ))
    }

    /// Stores `values` to the words `index` of the records that the lanes in `mask` write.
    ///
    /// # Errors
    ///
    /// Outside of a vertex program, and for a word beyond the record.
    fn store_outputs(
        &mut self,
        _index: &Lanes,
        _values: &Lanes,
        _mask: u32,
    ) -> Result<(), HostFault> {
        Err(HostFault::Unsupported("no vertex program".into()))
    }

    /// Returns a special register that is the machine's and not the thread's; `None` is a fault.
    fn special(&mut self, _sr: u8) -> Option<u32> {
        None
    }

    /// Called before each instruction if [`Host::TRACE`].
    fn trace(&mut self, _pc: u64, _bytes: &[u8], _exec: u32) {}
}

/// Why a texture or image access failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFault {
    Memory(LaneFault),
    /// Something that the host does not carry out; the text says what.
    Unsupported(String),
}

impl From<LaneFault> for HostFault {
    fn from(fault: LaneFault) -> Self {
        Self::Memory(fault)
    }
}

impl LaneFault {
    /// Returns the fault of a lane.
    pub fn new(lane: usize, fault: MemoryFault) -> Self {
        let lane = lane as u8;
        Self { lane, fault }
    }
}

/// Returns the numbers of the bits that are set, lowest first.
pub fn bits(mask: u32) -> impl Iterator<Item = usize> {
    let mut left = mask;
    std::iter::from_fn(move || {
        let lane = left.trailing_zeros() as usize;
        left &= left.wrapping_sub(1);
        (lane < LANES).then_some(lane)
    })
}

/// The lanes of `mask`, as first and end, when they have no gap and access memory without gap.
pub fn contiguous(va: &[u64; LANES], mask: u32, size: usize) -> Option<(usize, usize)> {
    if mask == 0 {
        return None;
    }
    let first = mask.trailing_zeros() as usize;
    let end = LANES - mask.leading_zeros() as usize;
    if mask.count_ones() as usize != end - first {
        return None;
    }
    let base = va[first].wrapping_sub((first * size) as u64);
    // Without early exit, so that it becomes vector code.
    let mut wrong = 0;
    for (lane, &va) in va.iter().enumerate() {
        let differs = va ^ base.wrapping_add((lane * size) as u64);
        wrong |= if mask >> lane & 1 == 1 { differs } else { 0 };
    }
    // A range that wraps around the end of the address space is left to the single accesses.
    let sane = va[first]
        .checked_add(((end - first) * size) as u64)
        .is_some();
    (wrong == 0 && sane).then_some((first, end))
}
