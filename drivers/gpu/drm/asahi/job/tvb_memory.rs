// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The memory of a tiled vertex buffer, in a client's address space.

use crate::alloc::{
    GpuBox,
    Heap, //
};
use agx_abi::buffer::{
    BufferInfo,
    BLOCK_PAGES,
    PAGE_SIZE, //
};
use kernel::prelude::*;

/// Returns what an allocation in a client's address space has failed with: addresses that are used
/// up are as good as memory that is.
pub(crate) fn exhausted(e: Error) -> Error {
    if e == ENOSPC {
        ENOMEM
    } else {
        e
    }
}

/// A block of pages.
pub(super) struct Block {
    memory: GpuBox,
}

impl Block {
    /// Allocates one from `heap`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(heap: &Heap) -> Result<Self> {
        const SIZE: usize = BufferInfo::BLOCK_SIZE_VALUE as usize;
        Ok(Self {
            memory: heap.alloc(SIZE, PAGE_SIZE as usize).map_err(exhausted)?,
        })
    }

    /// Returns its entry in the list of blocks, and those of its pages in the list of pages.
    pub(super) fn entries(&self) -> ([u32; 2], [u32; BLOCK_PAGES as usize]) {
        let first = BufferInfo::page_number(self.memory.va());
        ([first, 0], core::array::from_fn(|i| first + i as u32))
    }
}

/// The memory in which the tiler notes the ends of lists. All scenes of a buffer share it, since
/// their vertex halves run one after the other; the driver in the field does that as well [I].
pub(crate) struct Tpc {
    memory: GpuBox,
}

impl Tpc {
    /// Allocates one of at least `size` bytes from `heap`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(heap: &Heap, size: usize) -> Result<Self> {
        Ok(Self {
            memory: heap.alloc(size, PAGE_SIZE as usize).map_err(exhausted)?,
        })
    }

    /// Returns its size in bytes.
    pub(super) fn size(&self) -> usize {
        self.memory.size()
    }

    /// Returns its address.
    pub(crate) fn va(&self) -> u64 {
        self.memory.va()
    }
}
