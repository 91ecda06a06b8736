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
    sizes::SZ_64K,
    sync::Arc, //
};

/// Smallest alignment of an object: a cache line of the coprocessor.
const MIN_ALIGN: usize = 0x80;

/// The configuration of a heap.
#[derive(Clone)]
pub(crate) struct HeapConfig {
    /// Its addresses.
    pub(crate) range: Range<u64>,
    pub(crate) protection: Protection,
    /// Number of bytes by which it grows.
    pub(crate) grain: usize,
}

impl HeapConfig {
    const MIB: usize = 1 << 20;

    pub(super) const PRIVATE: Self = Self {
        range: 0xffff_ffa0_0000_0000..0xffff_ffa6_0000_0000,
        protection: Protection::FW_PRIV_RW,
        grain: Self::MIB,
    };
    pub(super) const GPU_RO: Self = Self {
        range: 0xffff_ffa6_0000_0000..0xffff_ffa8_0000_0000,
        protection: Protection::GPU_RO_FW_PRIV_RW,
        grain: Self::MIB,
    };
    pub(super) const SHARED: Self = Self {
        range: 0xffff_ffa8_0000_0000..0xffff_ffaa_0000_0000,
        protection: Protection::FW_SHARED_RW,
        grain: Self::MIB,
    };
    pub(super) const GPU_SHARED: Self = Self {
        range: 0xffff_ffac_0000_0000..0xffff_ffae_0000_0000,
        protection: Protection::GPU_FW_SHARED_RW,
        grain: SZ_64K,
    };
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
    fn with_target(
        target: Target,
        config: HeapConfig,
        abi: Abi,
        has_garbage: Option<&Arc<Notify>>,
    ) -> Result<Arc<Self>> {
        let shared = Shared::new(target, config.protection, has_garbage)?;
        let addresses = Ranges::new(config.range)?;
        Arc::pin_init(
            pin_init!(Self {
                shared,
                addresses,
                grain: config.grain,
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
        Self::with_target(Target::Kernel(uat.clone()), config, abi, Some(has_garbage))
    }

    /// Returns a heap in a client's half.
    pub(crate) fn new_client(
        space: &Arc<AddressSpace>,
        config: HeapConfig,
        abi: Abi,
    ) -> Result<Arc<Self>> {
        Self::with_target(Target::Client(space.clone()), config, abi, None)
    }

    /// Allocates a zeroed object of `size` bytes, aligned to `align` and at least to
    /// [`MIN_ALIGN`].
    pub(crate) fn alloc(&self, size: usize, align: usize) -> Result<GpuBox> {
        let align = align.max(MIN_ALIGN);
        if size == 0 || !align.is_power_of_two() {
            return Err(EINVAL);
        }
        let size = size.checked_next_multiple_of(MIN_ALIGN).ok_or(EINVAL)?;

        // Others may add one meanwhile. Then one is looked at twice, or the new one is not.
        let mut place = self.shared.chunks.lock().len();
        while place > 0 {
            place -= 1;
            let Some(chunk) = self.shared.chunks.lock().get(place).cloned() else {
                continue;
            };
            match chunk.allocate(size, align) {
                Ok(span) => return GpuBox::new(chunk, span),
                Err(e) if e == ENOSPC => (),
                Err(e) => return Err(e),
            }
        }

        // Threads that find the heap full at the same time allocate a chunk each.
        let (size_of_chunk, is_large) = (size.max(self.grain), size > self.grain);
        let (shared, addresses) = (&self.shared, &self.addresses);
        let chunk = Chunk::new(shared, addresses, size_of_chunk, align, is_large)?;
        let span = chunk.allocate(size, align)?;
        self.add(chunk.clone())?;
        GpuBox::new(chunk, span)
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
        // Chunks and the list that contains them refer to each other.
        let chunks = mem::replace(&mut *self.shared.chunks.lock(), KVVec::new());
        drop(chunks);
    }
}
