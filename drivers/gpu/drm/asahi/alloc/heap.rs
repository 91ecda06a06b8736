// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Heaps.

use super::object::{
    Chunk,
    GpuBox,
    Shared,
    Target, //
};
use crate::mmu::{
    AddressSpace,
    Ranges,
    Uat, //
};
use agx_abi::{
    uat::Protection,
    Abi, //
};
use core::{
    mem,
    ops::Range, //
};
use kasync::sync::Notify;
use kernel::{
    alloc::kvec::PushError,
    prelude::*,
    sizes::{
        SZ_128K,
        SZ_64K, //
    },
    sync::Arc, //
};

/// Smallest alignment of an object: a cache line of the coprocessor.
const MIN_ALIGN: usize = 0x80;

/// Largest object that may have a part in the heaps' reserve: a queue's list of pages is smaller.
const LARGE: usize = SZ_128K;

/// The configuration of a heap in the kernel's half.
#[derive(Clone)]
pub(super) struct HeapConfig {
    /// The addresses of the heap.
    range: Range<u64>,
    protection: Protection,
    /// Number of bytes by which it grows.
    grain: usize,
}

impl HeapConfig {
    const MIB: usize = 1 << 20;

    /// The configuration of the heap for memory of the firmware alone.
    pub(super) const PRIVATE: Self = Self {
        range: 0xffff_ffa0_0000_0000..0xffff_ffa6_0000_0000,
        protection: Protection::FW_PRIV_RW,
        grain: Self::MIB,
    };
    /// The configuration of the heap for memory of the firmware that the GPU may read.
    pub(super) const GPU_RO: Self = Self {
        range: 0xffff_ffa6_0000_0000..0xffff_ffa8_0000_0000,
        protection: Protection::GPU_RO_FW_PRIV_RW,
        grain: Self::MIB,
    };
    /// The configuration of the heap for memory that host and firmware share.
    pub(super) const SHARED: Self = Self {
        range: 0xffff_ffa8_0000_0000..0xffff_ffaa_0000_0000,
        protection: Protection::FW_SHARED_RW,
        grain: Self::MIB,
    };
    /// The configuration of the heap for memory that host, firmware and GPU share.
    pub(super) const GPU_SHARED: Self = Self {
        range: 0xffff_ffac_0000_0000..0xffff_ffae_0000_0000,
        protection: Protection::GPU_FW_SHARED_RW,
        grain: SZ_64K,
    };
    /// The configuration of the heap for shared memory that the firmware only reads.
    pub(super) const SHARED_RO: Self = Self {
        range: 0xffff_ffaa_0000_0000..0xffff_ffac_0000_0000,
        protection: Protection::FW_SHARED_RO,
        grain: SZ_64K,
    };
}

/// Memory for objects of one protection, in one address space.
///
/// | call | context |
/// |---|---|
/// | all | process, allocates; not in signalling sections |
#[pin_data(PinnedDrop)]
pub(crate) struct Heap {
    pub(super) shared: Arc<Shared>,
    addresses: Arc<Ranges>,
    grain: usize,
    /// Version of the interface of the firmware that the memory is for.
    pub(crate) abi: Abi,
}

impl Heap {
    fn with(
        shared: Arc<Shared>,
        addresses: Arc<Ranges>,
        grain: usize,
        abi: Abi,
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                shared,
                addresses,
                grain,
                abi,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns a heap in the kernel's half. `has_garbage` is notified when there is garbage where
    /// none was.
    pub(super) fn new(
        uat: &Arc<Uat>,
        config: HeapConfig,
        abi: Abi,
        has_garbage: &Arc<Notify>,
    ) -> Result<Arc<Self>> {
        let target = Target::Kernel(uat.clone());
        let shared = Shared::new(target, config.protection, Some(has_garbage))?;
        Self::with(shared, Ranges::new(config.range)?, config.grain, abi)
    }

    /// Returns a heap in a client's half, which takes `addresses` and grows by `grain` bytes.
    pub(crate) fn new_client(
        space: &Arc<AddressSpace>,
        addresses: &Arc<Ranges>,
        protection: Protection,
        grain: usize,
        abi: Abi,
    ) -> Result<Arc<Self>> {
        let shared = Shared::new(Target::Client(space.clone()), protection, None)?;
        Self::with(shared, addresses.clone(), grain, abi)
    }

    /// Returns the bytes of its memory, spare and garbage included.
    pub(crate) fn bytes(&self) -> u64 {
        let chunks = self.shared.chunks.lock();
        chunks.iter().map(|chunk| chunk.size()).sum()
    }

    /// Allocates a zeroed object of `size` bytes, aligned to `align` and at least to
    /// [`MIN_ALIGN`].
    pub(crate) fn alloc(&self, size: usize, align: usize) -> Result<GpuBox> {
        let align = align.max(MIN_ALIGN);
        if size == 0 || !align.is_power_of_two() {
            return Err(EINVAL);
        }
        let size = size.checked_next_multiple_of(MIN_ALIGN).ok_or(EINVAL)?;

        // From the newest chunk on. Others may add one meanwhile. Then one is looked at twice, or
        // the new one is not.
        let mut place = usize::MAX;
        while let Some(chunk) = self.chunk_before(&mut place) {
            match chunk.allocate(size, align) {
                Ok(span) => return GpuBox::new(chunk, span),
                Err(e) if e == ENOSPC => (),
                Err(e) => return Err(e),
            }
        }

        // Threads that find the heap full at the same time allocate a chunk each.
        let size_of_chunk = size.max(self.grain);
        let is_large = size > self.grain.max(LARGE);
        let (shared, addresses) = (&self.shared, &self.addresses);
        let chunk = Chunk::new(shared, addresses, size_of_chunk, align, is_large)?;
        let span = chunk.allocate(size, align)?;
        self.add(chunk.clone())?;
        GpuBox::new(chunk, span)
    }

    /// Returns the last chunk before number `place`, which becomes its number; `None` if there is
    /// none.
    fn chunk_before(&self, place: &mut usize) -> Option<Arc<Chunk>> {
        let chunks = self.shared.chunks.lock();
        *place = chunks.len().min(*place).checked_sub(1)?;
        chunks.get(*place).cloned()
    }

    /// Adds `chunk`. The list grows without the lock.
    fn add(&self, mut chunk: Arc<Chunk>) -> Result {
        let mut larger = KVVec::new();
        loop {
            let room = {
                let mut chunks = self.shared.chunks.lock();
                if larger.capacity() > chunks.capacity() {
                    for old in chunks.drain_all() {
                        // Cannot fail: `larger` has room for all elements of `old`.
                        let _ = larger.push_within_capacity(old);
                    }
                    mem::swap(&mut larger, &mut *chunks);
                }
                match chunks.push_within_capacity(chunk) {
                    Ok(()) => return Ok(()),
                    Err(PushError(back)) => chunk = back,
                }
                chunks.capacity().max(8) * 2
            };
            // Also drops the one that was too small.
            larger = KVVec::with_capacity(room, GFP_KERNEL_ACCOUNT)?;
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Heap {
    fn drop(self: Pin<&mut Self>) {
        // The garbage needs no flush any more: the firmware that has cached it is gone.
        let pile = self.shared.garbage.lock().close();
        drop(pile);
        // (5). Chunks and the list that contains them refer to each other.
        let chunks = mem::replace(&mut *self.shared.chunks.lock(), KVVec::new());
        drop(chunks);
    }
}
