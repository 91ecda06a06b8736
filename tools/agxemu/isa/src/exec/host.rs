// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the interpreter asks of its surroundings: memory, textures, images.

use super::{Dispatch, Lanes, LANES};

pub use super::request::*;

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
