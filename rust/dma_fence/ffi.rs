// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Declarations of C functions that bindgen does not see: those of `shim.c`, and those of
//! headers that the kernel crate does not include.
//!
//! These are written by hand, as bindgen sees only the headers that the kernel crate includes: see
//! "Objections and answers" in `Documentation/jobqueue.rst`.
//!
//! C headers: [`include/linux/dma-fence-unwrap.h`](srctree/include/linux/dma-fence-unwrap.h),
//! [`include/drm/drm_syncobj.h`](srctree/include/drm/drm_syncobj.h)

use kernel::{
    bindings::{
        dma_fence,
        dma_fence_ops, //
    },
    ffi::{
        c_char,
        c_int,
        c_uint,
        c_ulong,
        c_void, //
    },
    types::Opaque, //
};

/// The C type `struct drm_syncobj`.
#[repr(transparent)]
pub(crate) struct DrmSyncobj(Opaque<u8>);

/// The C type `struct dma_fence_chain`.
#[repr(transparent)]
pub(crate) struct DmaFenceChain(Opaque<u8>);

/// `struct dma_fence_unwrap`, whose layout `shim.c` asserts.
#[repr(C)]
#[derive(Default)]
pub(crate) struct UnwrapCursor {
    chain: FencePtr,
    array: FencePtr,
    index: c_uint,
}

const _: () = assert!(size_of::<UnwrapCursor>() == 3 * size_of::<*mut c_void>());

#[repr(transparent)]
struct FencePtr(*mut dma_fence);

impl Default for FencePtr {
    fn default() -> Self {
        Self(core::ptr::null_mut())
    }
}

impl UnwrapCursor {
    /// Returns the link of a chain that it is at, or the fence that it was started with; null at
    /// the end.
    pub(crate) fn held(&self) -> *mut dma_fence {
        self.chain.0
    }

    /// Returns whether it is at the fence that it was started with.
    pub(crate) fn is_at(&self, head: *mut dma_fence) -> bool {
        self.chain.0 == head
    }
}

unsafe extern "C" {
    pub(crate) fn dma_fence_unwrap_first(
        head: *mut dma_fence,
        cursor: *mut UnwrapCursor,
    ) -> *mut dma_fence;
    pub(crate) fn dma_fence_unwrap_next(cursor: *mut UnwrapCursor) -> *mut dma_fence;
    pub(crate) fn dma_fence_shim_lock(fence: *mut dma_fence) -> c_ulong;
    pub(crate) fn dma_fence_shim_unlock(fence: *mut dma_fence, flags: c_ulong);
    pub(crate) fn dma_fence_shim_get(fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_put(fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_is_later(a: *mut dma_fence, b: *mut dma_fence) -> bool;
    pub(crate) fn dma_fence_shim_fatal_signal() -> bool;
    #[cfg(CONFIG_LOCKDEP)]
    pub(crate) fn dma_fence_shim_might_wait();
    pub(crate) fn dma_fence_shim_get_module();
    pub(crate) fn dma_fence_shim_put_module();
    pub(crate) fn dma_fence_shim_api_violation(what: *const c_char);
    pub(crate) fn dma_fence_shim_error(fence: *mut dma_fence) -> c_int;
    pub(crate) fn dma_fence_shim_alloc() -> *mut c_void;
    pub(crate) fn dma_fence_shim_alloc_block(size: usize) -> *mut c_void;
    pub(crate) fn dma_fence_shim_arm(
        fence: *mut dma_fence,
        ops: *const dma_fence_ops,
        context: u64,
        seqno: u64,
    );
    pub(crate) fn dma_fence_shim_finish(fence: *mut dma_fence, error: c_int);
    pub(crate) fn drm_syncobj_find_fence(
        file: *mut c_void,
        handle: u32,
        point: u64,
        flags: u64,
        fence: *mut *mut dma_fence,
    ) -> c_int;
    pub(crate) fn drm_syncobj_find(file: *mut c_void, handle: u32) -> *mut DrmSyncobj;
    pub(crate) fn dma_fence_shim_syncobj_put(object: *mut DrmSyncobj);
    pub(crate) fn drm_syncobj_replace_fence(object: *mut DrmSyncobj, fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_chain_alloc() -> *mut DmaFenceChain;
    pub(crate) fn dma_fence_shim_chain_free(chain: *mut DmaFenceChain);
    pub(crate) fn drm_syncobj_add_point(
        object: *mut DrmSyncobj,
        chain: *mut DmaFenceChain,
        fence: *mut dma_fence,
        point: u64,
    );
}
