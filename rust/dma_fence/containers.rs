// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences that contain others: arrays and chains.
//!
//! C headers: [`include/linux/dma-fence-array.h`](srctree/include/linux/dma-fence-array.h),
//! [`include/linux/dma-fence-chain.h`](srctree/include/linux/dma-fence-chain.h),
//! [`include/linux/dma-fence-unwrap.h`](srctree/include/linux/dma-fence-unwrap.h)
//!
//! ```text
//!  chain ──► link 3 ──► link 2 ──► link 1     a timeline; walking it drops signalled links
//!              │          │          │
//!            fence      array      fence       a link holds a fence or an array
//!                      │     │
//!                    fence  fence              leaves: what Leaves yields
//! ```

use crate::{
    fence::{
        ARef,
        Fence, //
    },
    ffi, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// A walk over the leaves of a fence. A fence that is no container is its own only leaf.
///
/// # Invariants
///
/// The cursor is initialised by `dma_fence_unwrap_first()`, and owns the reference to its `chain`.
pub(crate) struct Leaves<'a> {
    head: &'a Fence,
    cursor: ffi::UnwrapCursor,
    /// The leaf that the cursor is at, or null at the end.
    at: *mut bindings::dma_fence,
}

impl<'a> Leaves<'a> {
    /// Starts at the first leaf of `head`.
    pub(crate) fn new(head: &'a Fence) -> Self {
        let mut cursor = ffi::UnwrapCursor::default();
        // SAFETY: The fence is valid by its type invariant. The function initialises the cursor.
        let at = unsafe { ffi::dma_fence_unwrap_first(head.as_raw(), &mut cursor) };
        // INVARIANT: Initialised by the function above.
        Self { head, cursor, at }
    }

    /// Returns the current leaf, and whether its error counts: it does unless it is one of a link
    /// of a chain before the last one.
    pub(crate) fn leaf(&self) -> Option<(ARef<Fence>, bool)> {
        let at = NonNull::new(self.at)?.as_ptr();
        let own = self.cursor.is_at(self.head.as_raw());
        // SAFETY: The cursor has a reference to the container, so the leaf is valid until the
        // cursor is advanced.
        Some((unsafe { Fence::from_ptr(at) }.into(), own))
    }

    /// Advances to the next leaf.
    pub(crate) fn advance(&mut self) {
        if !self.at.is_null() {
            // SAFETY: By the type invariant the cursor is initialised. It is not at the end.
            self.at = unsafe { ffi::dma_fence_unwrap_next(&mut self.cursor) };
        }
    }
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        // Null at the end of the walk, where the C function has dropped the reference.
        if let Some(chain) = NonNull::new(self.cursor.held()) {
            // SAFETY: By the type invariant the cursor owns this reference.
            drop(unsafe { Fence::from_raw(chain) });
        }
    }
}

impl Fence {
    fn ops(&self) -> *const bindings::dma_fence_ops {
        // SAFETY: The fence is valid by the type invariant. Signalling may clear the pointer at the
        // same time, so it is read once (`READ_ONCE()`), and it is not dereferenced.
        unsafe { (&raw const (*self.as_raw()).ops).read_volatile() }
    }

    /// Returns whether the fence is an array or a chain.
    #[inline]
    pub fn is_container(&self) -> bool {
        self.is_chain() || self.ops() == &raw const bindings::dma_fence_array_ops
    }

    /// Returns whether the fence is a chain.
    #[inline]
    pub fn is_chain(&self) -> bool {
        self.ops() == &raw const bindings::dma_fence_chain_ops
    }
}

/// The memory of a chain's link, that is, of a point on a timeline.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | drop | yes | yes | no |
///
/// # Invariants
///
/// Points to an uninitialised link, which is owned.
pub struct ChainNode(NonNull<ffi::DmaFenceChain>);

// SAFETY: The memory is owned, and is not tied to a thread.
unsafe impl Send for ChainNode {}
// SAFETY: A shared node gives no access to the memory.
unsafe impl Sync for ChainNode {}

impl ChainNode {
    /// Allocates a node.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        // SAFETY: The function only allocates memory, and may be called in process context.
        let chain = unsafe { ffi::dma_fence_shim_chain_alloc() };
        // INVARIANT: The link was allocated above.
        NonNull::new(chain).map(Self).ok_or(ENOMEM)
    }

    /// Returns the memory, which the caller owns.
    pub(crate) fn into_raw(self) -> NonNull<ffi::DmaFenceChain> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for ChainNode {
    fn drop(&mut self) {
        // SAFETY: The memory is owned, and not initialised.
        unsafe { ffi::dma_fence_shim_chain_free(self.0.as_ptr()) };
    }
}
