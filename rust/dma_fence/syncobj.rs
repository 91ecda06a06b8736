// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! DRM's sync objects: what userspace knows fences by.

use crate::{
    fence::Fence,
    ffi, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// A counted reference to a sync object.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `lookup`, `find_fence` | yes | no | no |
/// | `replace_fence`, `add_point` | yes | yes | no |
/// | drop | yes | yes | no |
///
/// # Invariants
///
/// Points to a sync object, of which it owns a reference.
pub struct SyncObj(NonNull<ffi::DrmSyncobj>);

// SAFETY: Sync objects are counted atomically and used from all threads.
unsafe impl Send for SyncObj {}
// SAFETY: As above.
unsafe impl Sync for SyncObj {}

impl SyncObj {
    /// The object with `handle` of `file`. `ENOENT` if there is none.
    ///
    /// # Safety
    ///
    /// `file` is an open DRM file.
    pub unsafe fn lookup(file: *mut bindings::drm_file, handle: u32) -> Result<Self> {
        // SAFETY: By the safety requirements.
        let object = unsafe { ffi::dma_fence_shim_syncobj_find(file.cast(), handle) };
        // INVARIANT: The C function returns a reference.
        NonNull::new(object).map(Self).ok_or(ENOENT)
    }

    /// The fence of the object with `handle` of `file`: that of `point` of a timeline, or, with 0, that of a
    /// binary object. `ENOENT` if there is no object, `EINVAL` if it has no such fence yet: waiting for one to be
    /// submitted is userspace's part.
    ///
    /// # Safety
    ///
    /// `file` is an open DRM file.
    pub unsafe fn find_fence(
        file: *mut bindings::drm_file,
        handle: u32,
        point: u64,
    ) -> Result<Fence> {
        let mut fence = ptr::null_mut();
        // SAFETY: By the safety requirements.
        to_result(unsafe {
            ffi::dma_fence_shim_find_fence(file.cast(), handle, point, &mut fence)
        })?;
        let fence = NonNull::new(fence).ok_or(EINVAL)?;
        // SAFETY: On success the function returns a reference to a fence.
        Ok(unsafe { Fence::from_raw(fence) })
    }

    /// Makes `fence` the object's.
    pub fn replace_fence(&self, fence: &Fence) {
        // SAFETY: Both are valid by their invariants; the function takes a reference of its own.
        unsafe { ffi::dma_fence_shim_syncobj_replace(self.0.as_ptr(), fence.as_raw()) };
    }

    /// Makes `fence` the one of `point`.
    pub fn add_point(&self, node: ChainNode, fence: &Fence, point: u64) {
        let chain = node.0;
        core::mem::forget(node);
        // SAFETY: The function takes over the chain node, which was ours, and a reference to the fence of its own.
        unsafe {
            ffi::dma_fence_shim_syncobj_add_point(
                self.0.as_ptr(),
                chain.as_ptr(),
                fence.as_raw(),
                point,
            )
        };
    }
}

impl Drop for SyncObj {
    fn drop(&mut self) {
        // SAFETY: Gives back the reference that it owns.
        unsafe { ffi::dma_fence_shim_syncobj_put(self.0.as_ptr()) };
    }
}

/// The memory for a point on a timeline.
///
/// # Invariants
///
/// Points to an uninitialised chain node that nobody else has.
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
}

impl Drop for ChainNode {
    fn drop(&mut self) {
        // SAFETY: It is ours, and not initialised, so it was not published.
        unsafe { ffi::dma_fence_shim_chain_free(self.0.as_ptr()) };
    }
}
