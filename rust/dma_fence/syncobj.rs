// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! DRM sync objects, binary and timeline: userspace's handles of fences.
//!
//! C header: [`include/drm/drm_syncobj.h`](srctree/include/drm/drm_syncobj.h)

use crate::{
    containers::ChainNode,
    fence::{
        ARef,
        Fence, //
    },
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
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | `lookup`, `find_fence` | yes | no | no |
/// | `fence` | yes | yes | no |
/// | `replace_fence`, `add_point` | yes | yes | no |
/// | drop | yes | yes | no |
///
/// # Examples
///
/// ```
/// # use dma_fence::{ChainNode, Fence, SyncObj};
/// # use kernel::{prelude::*, sync::aref::ARef};
/// # pub fn f(commit: impl FnOnce() -> Result<ARef<Fence>>) -> Result<SyncObj> {
/// let object = SyncObj::new(None)?;
/// let node = ChainNode::new()?;                       // may fail
/// let fence = commit()?;
/// object.add_point(node, &fence, 1)?;                 // fails for chains only
/// # Ok(object)
/// # }
/// ```
///
/// # Invariants
///
/// Points to a sync object, of which it owns a reference.
pub struct SyncObj(NonNull<ffi::DrmSyncobj>);

// SAFETY: Sync objects are counted atomically and may be used from any thread.
unsafe impl Send for SyncObj {}
// SAFETY: All of a sync object that changes is protected by its lock.
unsafe impl Sync for SyncObj {}

impl SyncObj {
    /// Creates an object, with a fence or without.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(fence: Option<&Fence>) -> Result<Self> {
        let fence = fence.map_or(ptr::null_mut(), Fence::as_raw);
        let mut object = ptr::null_mut();
        // SAFETY: The fence is valid, or null; the function takes a reference of its own.
        to_result(unsafe { ffi::dma_fence_shim_syncobj_new(fence, &mut object) })?;
        // INVARIANT: On success the function returns a reference.
        NonNull::new(object).map(Self).ok_or(ENOMEM)
    }

    /// Returns the fence that the object has now, which is that of the last point of a timeline.
    pub fn fence(&self) -> Option<ARef<Fence>> {
        // SAFETY: The object is valid by the type invariant.
        let fence = unsafe { ffi::dma_fence_shim_syncobj_fence(self.0.as_ptr()) };
        // SAFETY: The function returns a reference, or null.
        NonNull::new(fence).map(|fence| unsafe { Fence::from_raw(fence) })
    }

    /// Returns the object with `handle` of `file`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none.
    ///
    /// # Safety
    ///
    /// `file` must be an open DRM file.
    pub unsafe fn lookup(file: *mut bindings::drm_file, handle: u32) -> Result<Self> {
        // SAFETY: By the safety requirements.
        let object = unsafe { ffi::dma_fence_shim_syncobj_find(file.cast(), handle) };
        // INVARIANT: The function returns a reference, or null.
        NonNull::new(object).map(Self).ok_or(ENOENT)
    }

    /// Returns the fence of `point`, or, with 0, the fence that the object with `handle` of `file`
    /// has now.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no object, `EINVAL` if it has no such fence yet: to wait until there is
    /// one is userspace's part.
    ///
    /// # Safety
    ///
    /// `file` must be an open DRM file.
    pub unsafe fn find_fence(
        file: *mut bindings::drm_file,
        handle: u32,
        point: u64,
    ) -> Result<ARef<Fence>> {
        let mut fence = ptr::null_mut();
        // SAFETY: By the safety requirements; the function writes the variable.
        to_result(unsafe {
            ffi::dma_fence_shim_find_fence(file.cast(), handle, point, &mut fence)
        })?;
        let fence = NonNull::new(fence).ok_or(EINVAL)?;
        // SAFETY: On success the function returns a reference.
        Ok(unsafe { Fence::from_raw(fence) })
    }

    /// Makes `fence` the object's.
    pub fn replace_fence(&self, fence: &Fence) {
        // SAFETY: Both are valid by their type invariants; the function takes a reference of its
        // own.
        unsafe { ffi::dma_fence_shim_syncobj_replace(self.0.as_ptr(), fence.as_raw()) };
    }

    /// Makes `fence` that of `point`. Takes no memory, and cannot fail for a fence that is no
    /// chain.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `fence` is a chain. Chains of chains are freed recursively, by as many calls as
    /// there are levels, and so would overflow the kernel's stack.
    pub fn add_point(&self, node: ChainNode, fence: &Fence, point: u64) -> Result {
        if fence.is_chain() {
            return Err(EINVAL);
        }
        let chain = node.into_raw();
        // SAFETY: The function takes over the node, which was ours, and takes a reference to the
        // fence of its own.
        unsafe {
            ffi::dma_fence_shim_syncobj_add_point(
                self.0.as_ptr(),
                chain.as_ptr(),
                fence.as_raw(),
                point,
            )
        };
        Ok(())
    }
}

impl Drop for SyncObj {
    fn drop(&mut self) {
        // SAFETY: Gives back the reference that it owns.
        unsafe { ffi::dma_fence_shim_syncobj_put(self.0.as_ptr()) };
    }
}
