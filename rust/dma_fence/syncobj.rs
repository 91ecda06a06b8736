// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! DRM sync objects, binary and timeline: containers of fences for userspace.
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
use core::{
    ffi::c_void,
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

/// A counted reference to a sync object.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `lookup`, `find_fence` | yes | no | no |
/// | `from_raw`, `as_raw` | yes | yes | yes |
/// | `replace_fence`, `add_point` | yes | yes | no |
/// | drop | yes | yes | no |
///
/// # Examples
///
/// ```
/// # use dma_fence::{ChainNode, Fence, SyncObj};
/// # use kernel::{bindings, prelude::*, sync::aref::ARef};
/// # pub fn f(
/// #     file: *mut bindings::drm_file,
/// #     handle: u32,
/// #     commit: impl FnOnce() -> Result<ARef<Fence>>,
/// # ) -> Result {
/// // SAFETY: The file is open.
/// let object = unsafe { SyncObj::lookup(file, handle)? };
/// let node = ChainNode::new()?;                       // may fail
/// let fence = commit()?;
/// object.add_point(node, &fence, 1)?;                 // fails for chains only
/// # Ok(())
/// # }
/// ```
///
/// # Invariants
///
/// Points to a sync object, of which it owns a reference.
pub struct SyncObj(NonNull<ffi::DrmSyncobj>);

// SAFETY: Sync objects have an atomic reference count and may be used from any thread.
unsafe impl Send for SyncObj {}
// SAFETY: The fields of a sync object that may change are protected by its lock.
unsafe impl Sync for SyncObj {}

impl SyncObj {
    /// Returns an owned reference to the sync object at `object`.
    ///
    /// # Safety
    ///
    /// `object` must be a `struct drm_syncobj`, and the caller passes on a reference.
    pub unsafe fn from_raw(object: NonNull<c_void>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(object.cast())
    }

    /// Returns the `struct drm_syncobj`.
    pub fn as_raw(&self) -> *mut c_void {
        self.0.as_ptr().cast()
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
        // SAFETY: `file` is an open DRM file by the safety requirements.
        let object = unsafe { ffi::drm_syncobj_find(file.cast(), handle) };
        let object = NonNull::new(object).ok_or(ENOENT)?;
        // SAFETY: The function returns a reference, or null.
        Ok(unsafe { Self::from_raw(object.cast()) })
    }

    /// Returns the fence of `point` of the object with `handle` of `file`. If `point` is 0, returns
    /// the current fence of the object.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no object, `EINVAL` if it has no such fence yet. Userspace has to wait
    /// for the submission.
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
            ffi::drm_syncobj_find_fence(file.cast(), handle, point, 0, &mut fence)
        })?;
        let fence = NonNull::new(fence).ok_or(EINVAL)?;
        // SAFETY: On success the function returns a reference.
        Ok(unsafe { Fence::from_raw(fence) })
    }

    /// Replaces the object's fence by `fence`.
    pub fn replace_fence(&self, fence: &Fence) {
        // SAFETY: Both are valid by their type invariants. The function takes a reference of its
        // own.
        unsafe { ffi::drm_syncobj_replace_fence(self.0.as_ptr(), fence.as_raw()) };
    }

    /// Adds `point` with `fence` to the timeline. Does not allocate, and fails for chains only.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `fence` is a chain. Chains of chains are freed recursively, and so could
    /// overflow the kernel's stack.
    pub fn add_point(&self, node: ChainNode, fence: &Fence, point: u64) -> Result {
        if fence.is_chain() {
            return Err(EINVAL);
        }
        let chain = node.into_raw();
        // SAFETY: The ownership of the node passes to the function, which takes a reference to the
        // fence of its own.
        unsafe {
            ffi::drm_syncobj_add_point(self.0.as_ptr(), chain.as_ptr(), fence.as_raw(), point)
        };
        Ok(())
    }
}

impl Drop for SyncObj {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns a reference, which is dropped.
        unsafe { ffi::dma_fence_shim_syncobj_put(self.0.as_ptr()) };
    }
}
