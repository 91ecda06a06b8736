// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The heaps in the kernel's half, and garbage: memory that may be reused only after a flush of the
//! firmware's cache.

use super::{
    heap::{
        Heap,
        HeapConfig, //
    },
    object::Pile, //
};
use crate::mmu::Uat;
use agx_abi::{
    uat::clients_have_kernel_half,
    Abi, //
};
use core::mem;
use kasync::sync::Notify;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Objects that the firmware may still have in its cache.
///
/// They may be dropped once the firmware has flushed its cache after they were taken.
#[must_use = "dropping it says that the firmware has cleaned its cache"]
pub(crate) struct Garbage {
    piles: [Pile; 2],
}

impl Garbage {
    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.piles.iter().all(|pile| pile.count == 0)
    }
}

/// The heaps in the kernel's half.
#[derive(Clone)]
pub(crate) struct Heaps {
    /// The firmware's own, cached by it.
    pub(crate) private: Arc<Heap>,
    /// Shared with the firmware.
    pub(crate) shared: Arc<Heap>,
    /// Read-only for the firmware.
    pub(crate) shared_ro: Arc<Heap>,
    /// The firmware's, cached by it, and for the GPU to read.
    pub(crate) gpu_ro: Arc<Heap>,
    /// Shared by firmware and GPU, which reaches it in clients' contexts as well. Only where those
    /// have the kernel's half.
    pub(crate) gpu_shared: Option<Arc<Heap>>,
    /// Notified when there is garbage where none was.
    pub(crate) has_garbage: Arc<Notify>,
    /// Version of the firmware's interface.
    pub(crate) abi: Abi,
}

impl Heaps {
    /// Returns heaps for a firmware with interface `abi`.
    pub(crate) fn new(uat: &Arc<Uat>, abi: Abi) -> Result<Self> {
        let has_garbage = Arc::new(Notify::new(), GFP_KERNEL)?;
        let heap = |config| Heap::new(uat, config, abi, &has_garbage);
        Ok(Self {
            private: heap(HeapConfig::PRIVATE)?,
            shared: heap(HeapConfig::SHARED)?,
            shared_ro: heap(HeapConfig::SHARED_RO)?,
            gpu_ro: heap(HeapConfig::GPU_RO)?,
            gpu_shared: match clients_have_kernel_half(abi) {
                true => Some(heap(HeapConfig::GPU_SHARED)?),
                false => None,
            },
            has_garbage,
            abi,
        })
    }

    /// Returns whether there is so much garbage that it should be collected.
    #[inline]
    pub(crate) fn is_garbage_due(&self) -> bool {
        self.private.shared.is_garbage_due() || self.gpu_ro.shared.is_garbage_due()
    }

    /// Takes all garbage so far.
    pub(crate) fn take_garbage(&self) -> Garbage {
        Garbage {
            piles: [&self.private, &self.gpu_ro].map(|heap| heap.shared.take_garbage()),
        }
    }

    /// Puts garbage back after a flush that failed.
    ///
    /// It is not reused before a later flush; the collector is told. If there is none it is dropped
    /// with the heaps, whose memory is leaked unless the firmware has confirmed that it sleeps.
    pub(crate) fn put_back(&self, garbage: Garbage) {
        for (heap, mut pile) in [&self.private, &self.gpu_ro].into_iter().zip(garbage.piles) {
            while let Some(mut object) = pile.first.take() {
                pile.first = object.next.take();
                let (rejected, _) = heap.shared.discard(object);
                // The heap is being dropped, which is not done with garbage under way; better to
                // lose it than to free it.
                mem::forget(rejected);
            }
        }
        // An object that comes after these is not the first one, and so does not notify.
        self.has_garbage.notify_one();
    }
}
