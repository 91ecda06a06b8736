// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions as the interpreter runs them: operands resolved, hints dropped.

use super::format::Format;
use super::host::{AtomicOp, Dim, LodMode, TextureOp};
use super::kernel::Kernel;

/// A source, as raw bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Src {
    /// 32-bit register.
    Word(u8),
    /// Low half of a 32-bit register.
    Low(u8),
    /// High half of a 32-bit register.
    High(u8),
    /// Low half, sign-extended.
    LowSigned(u8),
    /// High half, sign-extended.
    HighSigned(u8),
    /// 64-bit register pair; only where [`Wide`] reads.
    Pair(u8),
    /// 32 bits of the uniforms from this half on.
    UniformWord(u16),
    UniformHalf(u16),
    UniformSigned(u16),
    Immediate(u32),
}

/// A destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dst {
    Word(u8),
    Low(u8),
    High(u8),
    Pair(u8),
}

/// A kernel and what it works on.
#[derive(Clone, Copy, Debug)]
pub struct Alu {
    pub kernel: Kernel,
    pub dst: Dst,
    /// Sources in use, the first of `src`.
    pub count: u8,
    /// What makes 32-bit floats of those sources that are half floats.
    pub widen: [Option<Kernel>; 3],
    /// Rounds the result to 16 bits, for 32-bit float operations.
    pub narrow: Option<Kernel>,
    pub src: [Src; 4],
    pub and: [u32; 3],
    pub xor: [u32; 3],
    pub p: u32,
    pub q: u32,
}

/// `a + (b << shift)` or `a * b + (c << shift)` where 32 bits are not enough.
#[derive(Clone, Copy, Debug)]
pub struct Wide {
    pub dst: Dst,
    pub a: WideSrc,
    pub b: WideSrc,
    /// Absent for an addition.
    pub factor: Option<WideSrc>,
    pub shift: u8,
    pub negate: bool,
    /// Clamp to these bounds.
    pub clamp: Option<(i64, i64)>,
}

/// A source of a [`Wide`].
#[derive(Clone, Copy, Debug)]
pub struct WideSrc {
    pub src: Src,
    /// 32-bit sources are sign-extended.
    pub signed: bool,
}

/// What the mask instructions do with r0l.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    If,
    Else,
    While,
}

/// A 64-bit base address.
#[derive(Clone, Copy, Debug)]
pub enum Base {
    /// Register pair.
    Pair(u8),
    /// Four halves of the uniforms.
    Uniform(u16),
}

/// An index in memory.
#[derive(Clone, Copy, Debug)]
pub enum Index {
    Immediate(i64),
    Register { word: u8, signed: bool },
}

/// Consecutive registers of a memory access.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// In halves.
    pub first: u8,
    pub wide: bool,
    /// Channels, which take consecutive registers.
    pub mask: u8,
}

/// A base in threadgroup memory.
#[derive(Clone, Copy, Debug)]
pub struct LocalAddress {
    pub base: Src,
    pub index: LocalIndex,
}

/// An index in threadgroup memory, in elements.
#[derive(Clone, Copy, Debug)]
pub enum LocalIndex {
    Immediate(i16),
    Half(u8),
}

/// Where a texture's or image's descriptor is.
#[derive(Clone, Copy, Debug)]
pub enum Descriptor {
    State(u8),
    /// Number of the state register, in a 16-bit register.
    Indexed(Src),
    /// In memory: base in the uniforms, offset in a 32-bit register.
    Bindless {
        base: u16,
        offset: u8,
    },
}

/// Where the coordinates of a texture or an image are.
///
/// Integers may be in 16-bit registers, which follow each other as those of 32 bits do. That sample
/// and layer, which share a 32-bit register, then have a register each is inferred.
#[derive(Clone, Copy, Debug)]
pub struct Coordinates {
    /// First register, in halves.
    pub first: u8,
    /// Registers have 16 bits.
    pub narrow: bool,
    /// Number of 32-bit words that the coordinates are.
    pub words: u8,
    /// The last word is two values.
    pub packed: bool,
    /// Number of words, from the first on, that come from half floats.
    pub floats: u8,
}

impl Coordinates {
    /// Returns the number of registers.
    pub fn registers(&self) -> u8 {
        self.words + u8::from(self.narrow && self.packed)
    }
}

/// A texture access.
#[derive(Clone, Copy, Debug)]
pub struct Texture {
    pub op: TextureOp,
    pub dim: Dim,
    pub dst: Registers,
    pub texture: Descriptor,
    /// Number of a state register, or a 16-bit register with it.
    pub sampler: Src,
    pub coordinates: Coordinates,
    pub lod: LodMode,
    pub lod_min: bool,
    /// The level's operand, in halves, and whether it is a uniform.
    pub lod_at: u16,
    pub lod_uniform: bool,
    /// Reference and offset registers, in halves.
    pub extra: u8,
    pub compare: bool,
    pub offset: bool,
    pub gather: Option<u8>,
    pub query_lod: bool,
    pub sparse: bool,
}

/// A store of texels.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    pub dim: Dim,
    pub image: Descriptor,
    pub coordinates: Coordinates,
    pub lod: Src,
    /// First source register in halves.
    pub src: u8,
    pub wide: bool,
    pub round_to_zero: bool,
    /// A block out of threadgroup memory instead, in this format; whether its place is stated.
    pub block: Option<(Format, bool)>,
}

/// An access to the image block.
#[derive(Clone, Copy, Debug)]
pub struct TileAccess {
    pub regs: Registers,
    pub format: Format,
    /// First of two halves with the position; without, it is that of the lane's pixel.
    pub position: Option<u8>,
    pub samples: Src,
    pub offset: u16,
}

/// Where in its pixel a value is interpolated.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    Centre,
    /// The sample of this number.
    Sample(Src),
    /// The centre, or what of the pixel is covered.
    Centroid,
}

/// Coefficient registers that are read.
#[derive(Clone, Copy, Debug)]
pub struct Iterate {
    pub dst: Registers,
    pub count: u8,
    /// Number of the first.
    pub coefficient: Src,
    /// Number of the one that the others are divided by.
    pub divisor: Option<u8>,
    pub place: Place,
}

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReduceOp {
    And,
    Or,
    Xor,
    FloatAdd,
    FloatMul,
    FloatMin,
    FloatMax,
    Add,
    SignedMin,
    SignedMax,
    UnsignedMin,
    UnsignedMax,
}

/// What a lane of a quad or group takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShuffleOp {
    QuadAbsolute,
    QuadXor,
    SimdAbsolute,
}

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Nop,
    Alu(Alu),
    Wide(Wide),
    GetSr {
        dst: Dst,
        sr: u8,
    },
    Difference {
        alu: Alu,
        vertical: bool,
    },
    Branch {
        what: Branch,
        n: u8,
        condition: Alu,
    },
    PopExec {
        n: u8,
    },
    JumpAny(i32),
    JumpNone(i32),
    Call(i32),
    CallRegister(u8),
    Return(u8),
    Stop,
    Trap,
    Barrier,
    Device {
        store: bool,
        regs: Registers,
        base: Base,
        index: Index,
        format: Format,
        shift: u8,
    },
    Atomic {
        op: AtomicOp,
        dst: Option<u8>,
        src: u8,
        base: Base,
        index: Index,
    },
    Local {
        store: bool,
        regs: Registers,
        address: LocalAddress,
        format: Format,
    },
    LocalAtomic {
        op: AtomicOp,
        dst: Option<u8>,
        src: u8,
        address: LocalAddress,
    },
    UniformStore {
        first: u16,
        src: u8,
        count: u8,
    },
    TextureState {
        number: u8,
        base: u16,
        offset: Index,
    },
    SamplerState {
        number: u8,
        base: u16,
        offset: Index,
    },
    Ballot {
        dst: Dst,
        condition: Alu,
        simd: bool,
    },
    Shuffle {
        dst: Dst,
        src: Src,
        index: Src,
        op: ShuffleOp,
    },
    Reduce {
        dst: Dst,
        src: Src,
        wide: bool,
        op: ReduceOp,
        simd: bool,
        prefix: bool,
    },
    StackAdjust(i32),
    Stack {
        store: bool,
        regs: Registers,
        offset: Index,
        format: Format,
    },
    Texture(Texture),
    Image(Image),
    Tile {
        store: bool,
        access: TileAccess,
    },
    Iterate(Iterate),
    LoadCoefficients(Iterate),
    SampleMask {
        target: Src,
        live: Src,
    },
    DepthStencil {
        target: Src,
        /// Depth and stencil reference that replace those of the primitive.
        values: [Option<Src>; 2],
    },
    /// Register `word` to word `index` of a vertex's record.
    StVar {
        word: u8,
        index: Src,
    },
}

/// An instruction and its length in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Inst {
    pub op: Op,
    pub length: u8,
}
