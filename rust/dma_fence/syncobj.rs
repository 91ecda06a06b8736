// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! DRM's sync objects: what userspace knows fences by.

use crate::{
    containers::{
        Chain,
        ChainNode, //
    },
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
    prelude::*,
    sync::aref::ARef, //
};

/// A counted reference to a sync object.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `handle` | yes | no (allocate) | no |
/// | `lookup`, `find_fence` | yes | no | no |
/// | `fence`, `find`, `points` | yes | yes | no |
/// | `replace_fence`, `reset`, `add_point` | yes | yes | no |
/// | drop | yes | yes | no |
///
/// # Examples
///
/// ```ignore
/// let object = SyncObj::new(None)?;
/// let node = ChainNode::new()?;                       // before the commit
/// object.add_point(node, &queue.commit(prepared)?, 1);
/// let handle = unsafe { object.handle(file) }?;
/// ```
///
/// # Invariants
///
/// Points to a sync object, of which it owns a reference.
pub struct SyncObj(NonNull<ffi::DrmSyncobj>);

// SAFETY: Sync objects are counted atomically and used from all threads.
unsafe impl Send for SyncObj {}
// SAFETY: As above.
unsafe impl Sync for SyncObj {}

/// How far a timeline has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Points {
    /// The last point that has a fence; 0 if none has.
    pub submitted: u64,
    /// The last point up to which all have signalled.
    pub signaled: u64,
}

impl SyncObj {
    /// A new object, with a fence or without.
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

    /// A handle of `file` for it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EBUSY` if there are no more handles.
    ///
    /// # Safety
    ///
    /// `file` is an open DRM file.
    pub unsafe fn handle(&self, file: *mut bindings::drm_file) -> Result<u32> {
        let mut handle = 0;
        // SAFETY: By the safety requirements, and the type invariant.
        to_result(unsafe {
            ffi::dma_fence_shim_syncobj_handle(file.cast(), self.0.as_ptr(), &mut handle)
        })?;
        Ok(handle)
    }

    /// The fence that it has now: that of a binary object, or of the last point of a timeline.
    pub fn fence(&self) -> Option<ARef<Fence>> {
        // SAFETY: Valid by the type invariant.
        let fence = unsafe { ffi::dma_fence_shim_syncobj_fence(self.0.as_ptr()) };
        // SAFETY: The function returns a reference.
        NonNull::new(fence).map(|fence| unsafe { Fence::from_raw(fence) })
    }

    /// The fence of a point, or, with 0, the one that it has now.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it has none yet. To wait until it has is userspace's part: that may never be.
    pub fn find(&self, point: u64) -> Result<ARef<Fence>> {
        let fence = self.fence().ok_or(EINVAL)?;
        if point == 0 {
            return Ok(fence);
        }
        Chain::try_from(fence).map_err(|_| EINVAL)?.find(point)
    }

    /// How far the timeline has come; of a binary object both are 0.
    pub fn points(&self) -> Points {
        match self.fence().map(Chain::try_from) {
            Some(Ok(chain)) => Points {
                submitted: chain.seqno(),
                signaled: chain.signaled(),
            },
            _ => Points {
                submitted: 0,
                signaled: 0,
            },
        }
    }

    /// Takes its fence away.
    pub fn reset(&self) {
        // SAFETY: Valid by the type invariant; without a fence there is none any more.
        unsafe { ffi::dma_fence_shim_syncobj_replace(self.0.as_ptr(), ptr::null_mut()) };
    }

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
    ) -> Result<ARef<Fence>> {
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
        let chain = node.into_raw();
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
