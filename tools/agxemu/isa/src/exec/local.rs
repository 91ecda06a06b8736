// SPDX-License-Identifier: MIT OR Apache-2.0

//! Threadgroup memory and scratch memory.

use super::format::Format;
use super::host::{bits, contiguous, AtomicOp};
use super::memory::runs;
use super::op::{Dst, Index, LocalAddress, LocalIndex, Registers, Src};
use super::run::unsupported;
use super::{compute, FaultKind, Group, Shared, LANES};

/// The largest scratch memory of a lane, in words: more than the hardware's allocator can give.
const MAX_SCRATCH: i64 = 131_072;

/// Returns the range of `size` bytes at an address, if it lies in memory of `length` bytes.
fn range(va: u64, size: usize, length: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(va).ok()?;
    let end = start.checked_add(size)?;
    (end <= length).then_some(start..end)
}

/// Returns the fault of an access outside of threadgroup memory. That it ends the job, rather than
/// read zero, is inferred.
fn outside(lane: usize, address: u64) -> Box<FaultKind> {
    let lane = lane as u8;
    Box::new(FaultKind::Local { lane, address })
}

impl Group {
    /// Addresses of an access to threadgroup memory, to `self.va`; `size` is that of an element.
    pub(super) fn local_address(&mut self, shared: &Shared, address: &LocalAddress, size: usize) {
        let mut tmp = [0; LANES];
        let base = compute::read(&self.regs, shared, address.base, &mut tmp);
        let mut tmp = [0; LANES];
        let index = match address.index {
            LocalIndex::Immediate(index) => &[i32::from(index) as u32; LANES],
            LocalIndex::Half(half) => {
                let word = half / 2;
                let src = if half & 1 == 0 {
                    Src::Low(word)
                } else {
                    Src::High(word)
                };
                compute::read(&self.regs, shared, src, &mut tmp)
            }
        };
        for lane in 0..LANES {
            let offset = (i64::from(index[lane] as i32) * size as i64) as u64;
            self.va[lane] = u64::from(base[lane]).wrapping_add(offset);
        }
    }

    /// Loads from threadgroup memory at `self.va`.
    pub(super) fn local_load(
        &mut self,
        local: &[u8],
        regs: Registers,
        format: Format,
    ) -> Result<(), Box<FaultKind>> {
        let mut n = 0;
        for (first, count) in runs(if format.channels() > 1 { 1 } else { regs.mask }) {
            self.move_addresses(first, format);
            let size = format.size() * count as usize;
            self.local_gather(local, size)?;
            self.unpack(regs, format, first, count, &mut n);
            self.move_addresses(first.wrapping_neg(), format);
        }
        Ok(())
    }

    fn local_gather(&mut self, local: &[u8], size: usize) -> Result<(), Box<FaultKind>> {
        if let Some((first, end)) = contiguous(&self.va, self.exec, size) {
            if let Some(range) = range(self.va[first], (end - first) * size, local.len()) {
                self.buffer[first * size..end * size].copy_from_slice(&local[range]);
                return Ok(());
            }
        }
        for lane in bits(self.exec) {
            let va = self.va[lane];
            let range = range(va, size, local.len()).ok_or_else(|| outside(lane, va))?;
            self.buffer[lane * size..][..size].copy_from_slice(&local[range]);
        }
        Ok(())
    }

    /// Stores to threadgroup memory at `self.va`.
    pub(super) fn local_store(
        &mut self,
        local: &mut [u8],
        regs: Registers,
        format: Format,
    ) -> Result<(), Box<FaultKind>> {
        let mut n = 0;
        for (first, count) in runs(if format.channels() > 1 { 1 } else { regs.mask }) {
            self.move_addresses(first, format);
            let size = format.size() * count as usize;
            self.pack(regs, format, first, count, &mut n);
            self.local_scatter(local, size)?;
            self.move_addresses(first.wrapping_neg(), format);
        }
        Ok(())
    }

    fn local_scatter(&mut self, local: &mut [u8], size: usize) -> Result<(), Box<FaultKind>> {
        if let Some((first, end)) = contiguous(&self.va, self.exec, size) {
            if let Some(range) = range(self.va[first], (end - first) * size, local.len()) {
                local[range].copy_from_slice(&self.buffer[first * size..end * size]);
                return Ok(());
            }
        }
        for lane in bits(self.exec) {
            let va = self.va[lane];
            let range = range(va, size, local.len()).ok_or_else(|| outside(lane, va))?;
            local[range].copy_from_slice(&self.buffer[lane * size..][..size]);
        }
        Ok(())
    }

    /// Atomic accesses to threadgroup memory at `self.va`; groups of a threadgroup take turns.
    pub(super) fn local_atomic(
        &mut self,
        local: &mut [u8],
        op: AtomicOp,
        dst: Option<u8>,
        src: u8,
    ) -> Result<(), Box<FaultKind>> {
        for lane in bits(self.exec) {
            let va = self.va[lane];
            let range = range(va, 4, local.len()).ok_or_else(|| outside(lane, va))?;
            let (operand, compare) = self.atomic_operands(op, src, lane);
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&local[range.clone()]);
            let old = u32::from_le_bytes(bytes);
            let new = op.apply(old, operand, compare);
            local[range].copy_from_slice(&new.to_le_bytes());
            self.out[lane] = old;
        }
        if let Some(word) = dst {
            self.commit(Dst::Word(word));
        }
        Ok(())
    }

    /// Gives the program more scratch memory, or takes some back.
    pub(super) fn stack_adjust(&mut self, words: i32) -> Result<(), Box<FaultKind>> {
        let size = self.stack + i64::from(words);
        if !(0..=MAX_SCRATCH).contains(&size) {
            return Err(unsupported(format!("scratch memory of {size} words")));
        }
        self.stack = size;
        Ok(())
    }

    /// Accesses scratch memory, which is addressed in bytes.
    pub(super) fn stack_access(
        &mut self,
        store: bool,
        regs: Registers,
        offset: Index,
        format: Format,
    ) -> Result<(), Box<FaultKind>> {
        for lane in 0..LANES {
            self.va[lane] = match offset {
                Index::Immediate(offset) => offset as u64,
                Index::Register { word, signed } => {
                    match (self.regs[usize::from(word)][lane], signed) {
                        (offset, true) => offset as i32 as u64,
                        (offset, false) => offset.into(),
                    }
                }
            };
        }
        let mut n = 0;
        for (first, count) in runs(if format.channels() > 1 { 1 } else { regs.mask }) {
            self.move_addresses(first, format);
            let size = format.size() * count as usize;
            if store {
                self.pack(regs, format, first, count, &mut n);
            }
            for lane in bits(self.exec) {
                self.scratch_bytes(store, lane, size)?;
            }
            if !store {
                self.unpack(regs, format, first, count, &mut n);
            }
            self.move_addresses(first.wrapping_neg(), format);
        }
        Ok(())
    }

    /// Moves one lane's bytes between `self.buffer` and its scratch memory.
    fn scratch_bytes(
        &mut self,
        store: bool,
        lane: usize,
        size: usize,
    ) -> Result<(), Box<FaultKind>> {
        let address = self.va[lane];
        let Some(range) = range(address, size, self.stack as usize * 4) else {
            let lane = lane as u8;
            return Err(Box::new(FaultKind::Scratch { lane, address }));
        };
        // What is not touched takes no memory of the host.
        let words = range.end.div_ceil(4);
        if self.scratch.len() < words {
            self.scratch.resize(words, [0; LANES]);
        }
        let buffer = &mut self.buffer[lane * size..][..size];
        if range.start & 3 == 0 && size & 3 == 0 {
            let words = &mut self.scratch[range.start / 4..range.end / 4];
            for (bytes, word) in buffer.chunks_exact_mut(4).zip(words) {
                match store {
                    true => {
                        word[lane] = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
                    }
                    false => bytes.copy_from_slice(&word[lane].to_le_bytes()),
                }
            }
            return Ok(());
        }
        for (byte, at) in buffer.iter_mut().zip(range) {
            let word = &mut self.scratch[at / 4][lane];
            let shift = at % 4 * 8;
            match store {
                true => *word = *word & !(0xff << shift) | u32::from(*byte) << shift,
                false => *byte = (*word >> shift) as u8,
            }
        }
        Ok(())
    }
}
