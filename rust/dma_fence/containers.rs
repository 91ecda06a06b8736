// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences that are made of fences: arrays and chains.
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
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// A walk over the leaves of a fence, which is its own leaf if it is no container.
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
    pub(crate) fn new(head: &'a Fence) -> Self {
        let mut cursor = ffi::UnwrapCursor::default();
        // SAFETY: The fence is valid by its type invariant; the function initialises the cursor.
        let at = unsafe { ffi::dma_fence_unwrap_first(head.as_raw(), &mut cursor) };
        // INVARIANT: Initialised by the function above.
        Self { head, cursor, at }
    }

    /// Returns the leaf that the walk is at, and whether it is of the last link of a chain, or of
    /// another container.
    pub(crate) fn leaf(&self) -> Option<(ARef<Fence>, bool)> {
        let at = NonNull::new(self.at)?.as_ptr();
        let own = self.cursor.is_at(self.head.as_raw());
        // SAFETY: The leaf is valid until the cursor is moved on, as the cursor has a reference to
        // the container.
        Some((unsafe { Fence::from_ptr(at) }.into(), own))
    }

    /// Goes on to the next leaf.
    pub(crate) fn advance(&mut self) {
        if !self.at.is_null() {
            // SAFETY: By the type invariant, and the cursor is not at the end.
            self.at = unsafe { ffi::dma_fence_unwrap_next(&mut self.cursor) };
        }
    }
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        // At the end of the walk the function has put it.
        if let Some(chain) = NonNull::new(self.cursor.held()) {
            // SAFETY: By the type invariant the cursor owns this reference.
            drop(unsafe { Fence::from_raw(chain) });
        }
    }
}

impl Fence {
    fn ops(&self) -> *const bindings::dma_fence_ops {
        // SAFETY: The fence is valid by the type invariant. Signalling may clear the pointer, which
        // is not followed here; a volatile read is a `READ_ONCE()`.
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

    /// Returns one fence for all of `fences`, which are taken apart first.
    ///
    /// It signals when all have, with the first error of those that have not signalled yet. A
    /// single fence that has not signalled is returned itself; without any the result has
    /// signalled.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dma_fence::Fence;
    /// # use kernel::{prelude::*, sync::aref::ARef};
    /// # pub fn f(vertices: ARef<Fence>, fragments: ARef<Fence>) -> Result<ARef<Fence>> {
    /// // One sync file for a job with two fences.
    /// Fence::merge(&[vertices, fragments])
    /// # }
    /// ```
    pub fn merge(fences: &[ARef<Fence>]) -> Result<ARef<Fence>> {
        let mut raw = KVVec::with_capacity(fences.len(), GFP_KERNEL)?;
        let mut cursors = KVVec::with_capacity(fences.len(), GFP_KERNEL)?;
        for fence in fences {
            raw.push(fence.as_raw(), GFP_KERNEL)?;
            cursors.push(ffi::UnwrapCursor::default(), GFP_KERNEL)?;
        }
        // SAFETY: There are as many valid fences as cursors, and both arrays stay during the call.
        let merged = unsafe {
            ffi::__dma_fence_unwrap_merge(fences.len(), raw.as_mut_ptr(), cursors.as_mut_ptr())
        };
        let merged = NonNull::new(merged).ok_or(ENOMEM)?;
        // SAFETY: The function returns a reference.
        Ok(unsafe { Fence::from_raw(merged) })
    }
}

/// The memory for a link of a chain, that is, for a point on a timeline.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | `link`, drop | yes | yes | no |
///
/// # Invariants
///
/// Points to an uninitialised link, which is owned.
pub struct ChainNode(NonNull<ffi::DmaFenceChain>);

// SAFETY: The memory is owned, and belongs to no thread.
unsafe impl Send for ChainNode {}
// SAFETY: Nothing can be done with a shared node.
unsafe impl Sync for ChainNode {}

impl ChainNode {
    /// Allocates a node.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        // SAFETY: The function allocates memory, and nothing else.
        let chain = unsafe { ffi::dma_fence_shim_chain_alloc() };
        // INVARIANT: Just allocated.
        NonNull::new(chain).map(Self).ok_or(ENOMEM)
    }

    /// Makes the node a link that holds `fence`, after all of `prev`. Takes no memory.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `fence` is a chain: see [`SyncObj::add_point`](crate::SyncObj::add_point).
    pub fn link(self, prev: Option<ARef<Fence>>, fence: ARef<Fence>, seqno: u64) -> Result<Chain> {
        if fence.is_chain() {
            return Err(EINVAL);
        }
        let node = self.into_raw();
        let prev = prev.map_or(ptr::null_mut(), Fence::into_raw);
        // SAFETY: The memory was ours and becomes a fence that begins there. Both references are
        // passed on, and `fence` is no chain.
        let fence = unsafe {
            ffi::dma_fence_chain_init(node.as_ptr(), prev, Fence::into_raw(fence), seqno);
            Fence::from_raw(node.cast())
        };
        // INVARIANT: Just made a link.
        Ok(Chain(fence))
    }

    /// Passes the memory on to the C side.
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

/// A chain, by its last link: a timeline as far as it goes.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `try_from`, `seqno`, `into` | yes | yes | yes |
/// | `find`, `signaled` | yes | yes | no |
///
/// # Examples
///
/// ```
/// # use dma_fence::{ChainNode, Fence};
/// # use kernel::{prelude::*, sync::aref::ARef};
/// # pub fn f(before: ARef<Fence>, fence: ARef<Fence>) -> Result<ARef<Fence>> {
/// let node = ChainNode::new()?;                        // may fail
/// let chain = node.link(Some(before), fence, 7)?;      // allocates nothing
/// let six = chain.find(6)?;                            // signals when all up to 6 have
/// # Ok(six)
/// # }
/// ```
///
/// # Invariants
///
/// The fence is a link of a chain.
#[derive(Clone)]
pub struct Chain(ARef<Fence>);

impl Chain {
    /// Returns the number of the last link.
    pub fn seqno(&self) -> u64 {
        self.0.seqno()
    }

    /// Returns the fence that signals when all up to `seqno` have; with 0 that of the chain.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the chain does not go that far. To wait until it does is userspace's part: that
    /// may never be.
    pub fn find(&self, seqno: u64) -> Result<ARef<Fence>> {
        let mut fence = Fence::into_raw(self.0.clone());
        // SAFETY: The variable is a reference to a fence, which the function may exchange for one
        // to another, or for null.
        let result = to_result(unsafe { ffi::dma_fence_chain_find_seqno(&mut fence, seqno) });
        let Some(found) = NonNull::new(fence) else {
            // The walk has come to the end of the chain: all before has signalled.
            return result.and_then(|()| Fence::stub());
        };
        // SAFETY: The reference that the function has left: on failure the one that it was given.
        let fence = unsafe { Fence::from_raw(found) };
        result.map(|()| fence)
    }

    /// Returns the number up to which all have signalled; 0 if none has.
    pub fn signaled(&self) -> u64 {
        // SAFETY: The fence is a chain by the type invariant.
        unsafe { ffi::dma_fence_shim_chain_signaled(self.0.as_raw()) }
    }
}

impl TryFrom<ARef<Fence>> for Chain {
    type Error = ARef<Fence>;

    /// Returns the fence itself if it is not a chain.
    fn try_from(fence: ARef<Fence>) -> Result<Self, ARef<Fence>> {
        if fence.is_chain() {
            // INVARIANT: As just checked.
            Ok(Self(fence))
        } else {
            Err(fence)
        }
    }
}

impl From<Chain> for ARef<Fence> {
    fn from(chain: Chain) -> Self {
        chain.0
    }
}
