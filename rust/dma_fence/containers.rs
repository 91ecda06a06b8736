// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences that are made of fences: arrays and chains, taken apart and put together.
//!
//! ```text
//!  chain ──► link 3 ──► link 2 ──► link 1        a timeline; links whose fences have signalled are dropped on the way
//!              │          │          │
//!            fence      array      fence          a link holds a fence or an array, an array holds neither
//!                      │     │
//!                    fence  fence                 the leaves: what Leaves yields
//! ```

use crate::{
    fence::Fence,
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
    prelude::*,
    sync::aref::ARef, //
};

/// The fences that a fence is made of; itself, if it is no container.
///
/// # Invariants
///
/// The cursor has been through `dma_fence_unwrap_first`, and owns what that says it owns: a reference to its `chain`.
pub(crate) struct Leaves<'a> {
    head: &'a Fence,
    cursor: ffi::UnwrapCursor,
    /// What the cursor is at, or null at the end.
    at: *mut bindings::dma_fence,
}

impl<'a> Leaves<'a> {
    pub(crate) fn new(head: &'a Fence) -> Self {
        let mut cursor = ffi::UnwrapCursor::default();
        // SAFETY: The fence is valid; the cursor is ours, and written by this.
        let at = unsafe { ffi::dma_fence_unwrap_first(head.as_raw(), &mut cursor) };
        // INVARIANT: As just done.
        Self { head, cursor, at }
    }

    /// The leaf that it is at, and whether that belongs to the container's own end, not to an earlier link of a chain.
    pub(crate) fn leaf(&self) -> Option<(ARef<Fence>, bool)> {
        let at = NonNull::new(self.at)?.as_ptr();
        let own = self.cursor.is_at(self.head.as_raw());
        // SAFETY: The leaf is valid as long as the cursor, which has a reference to what holds it, is not moved on.
        Some((unsafe { Fence::from_ptr(at) }.into(), own))
    }

    /// Goes on to the next leaf.
    pub(crate) fn advance(&mut self) {
        if !self.at.is_null() {
            // SAFETY: By the type invariant, and not at its end.
            self.at = unsafe { ffi::dma_fence_unwrap_next(&mut self.cursor) };
        }
    }
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        // At the end the walk has given it back.
        if let Some(chain) = NonNull::new(self.cursor.held()) {
            // SAFETY: By the type invariant the cursor owns this reference.
            drop(unsafe { Fence::from_raw(chain) });
        }
    }
}

impl Fence {
    /// Whether it is an array or a chain.
    pub fn is_container(&self) -> bool {
        // SAFETY: Valid by the type invariant; the pointer is changed atomically, and not followed.
        let ops = unsafe { (&raw const (*self.as_raw()).ops).read_volatile() };
        ops == &raw const bindings::dma_fence_array_ops
            || ops == &raw const bindings::dma_fence_chain_ops
    }

    /// One fence for all of `fences`, which are taken apart first: it signals when they all have, with the first error of those that have
    /// not yet. A single one that has not signalled is that itself; without any it is one that has signalled.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Examples
    ///
    /// ```ignore
    /// // What a client gets as one sync file.
    /// let all = Fence::merge(&[vertices, fragments])?;
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
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | `link`, drop | yes | yes | no |
///
/// # Invariants
///
/// Points to an uninitialised link that nobody else has.
pub struct ChainNode(NonNull<ffi::DmaFenceChain>);

// SAFETY: It is memory.
unsafe impl Send for ChainNode {}
// SAFETY: As above.
unsafe impl Sync for ChainNode {}

impl ChainNode {
    /// Allocates it.
    pub fn new() -> Result<Self> {
        // SAFETY: No requirements.
        let chain = unsafe { ffi::dma_fence_shim_chain_alloc() };
        // INVARIANT: Just allocated.
        NonNull::new(chain).map(Self).ok_or(ENOMEM)
    }

    /// Makes it a link that holds `fence`, before which comes all of `prev`. Takes no memory.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `fence` is a chain itself: those come before a link, not into it.
    pub fn link(self, prev: Option<ARef<Fence>>, fence: ARef<Fence>, seqno: u64) -> Result<Chain> {
        // SAFETY: Valid by the type invariant.
        if unsafe { ffi::dma_fence_shim_is_chain(fence.as_raw()) } {
            return Err(EINVAL);
        }
        let node = self.into_raw();
        let prev = prev.map_or(ptr::null_mut(), Fence::into_raw);
        // SAFETY: The memory was ours and becomes a fence that begins there; both references are passed on. Not a chain.
        let fence = unsafe {
            ffi::dma_fence_chain_init(node.as_ptr(), prev, Fence::into_raw(fence), seqno);
            Fence::from_raw(node.cast())
        };
        // INVARIANT: As just made.
        Ok(Chain(fence))
    }

    /// The memory, to be passed on.
    pub(crate) fn into_raw(self) -> NonNull<ffi::DmaFenceChain> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for ChainNode {
    fn drop(&mut self) {
        // SAFETY: It is ours, and not initialised, so it was not published.
        unsafe { ffi::dma_fence_shim_chain_free(self.0.as_ptr()) };
    }
}

/// A chain, by its last link: a timeline as far as it goes.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `try_from`, `seqno`, `into` | yes | yes | yes |
/// | `find`, `signaled` | yes | yes | no |
///
/// # Examples
///
/// ```ignore
/// let node = ChainNode::new()?;                        // may fail
/// let chain = node.link(Some(before), fence, 7)?;      // allocates nothing
/// let six = chain.find(6)?;                            // signals when all up to 6 have
/// ```
///
/// # Invariants
///
/// The fence is a link of a chain.
#[derive(Clone)]
pub struct Chain(ARef<Fence>);

impl Chain {
    /// How far it goes: the number of the last link.
    pub fn seqno(&self) -> u64 {
        self.0.seqno()
    }

    /// The fence that signals when all up to `seqno` have; with 0 the chain's own.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it does not go that far. To wait until it does is not for the kernel: that may never be.
    pub fn find(&self, seqno: u64) -> Result<ARef<Fence>> {
        let mut fence = Fence::into_raw(self.0.clone());
        // SAFETY: A reference to a fence, which on success is exchanged for one to another.
        let result = to_result(unsafe { ffi::dma_fence_chain_find_seqno(&mut fence, seqno) });
        let Some(found) = NonNull::new(fence) else {
            // The walk has come to the chain's end: all that was before has signalled.
            return result.and_then(|()| Fence::stub());
        };
        // SAFETY: As above; on failure it is the one that it was.
        let fence = unsafe { Fence::from_raw(found) };
        result.map(|()| fence)
    }

    /// The number up to which all have signalled; 0 if none has.
    pub fn signaled(&self) -> u64 {
        // SAFETY: A chain, by the type invariant.
        unsafe { ffi::dma_fence_shim_chain_signaled(self.0.as_raw()) }
    }
}

impl TryFrom<ARef<Fence>> for Chain {
    type Error = ARef<Fence>;

    /// Gives the fence back if it is not a chain.
    fn try_from(fence: ARef<Fence>) -> Result<Self, ARef<Fence>> {
        // SAFETY: Valid by the type invariant.
        if unsafe { ffi::dma_fence_shim_is_chain(fence.as_raw()) } {
            // INVARIANT: As just seen.
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
