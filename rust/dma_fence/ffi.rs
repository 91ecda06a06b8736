// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The C side, `shim.c`.

use kernel::{
    bindings::{
        dma_fence,
        dma_fence_ops, //
    },
    ffi::{
        c_int,
        c_void, //
    },
    types::Opaque, //
};

/// `struct drm_syncobj`.
#[repr(transparent)]
pub(crate) struct DrmSyncobj(Opaque<u8>);

/// `struct dma_fence_chain`.
#[repr(transparent)]
pub(crate) struct DmaFenceChain(Opaque<u8>);

unsafe extern "C" {
    pub(crate) fn dma_fence_shim_get(fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_put(fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_is_signaled(fence: *mut dma_fence) -> bool;
    pub(crate) fn dma_fence_shim_is_later(a: *mut dma_fence, b: *mut dma_fence) -> bool;
    pub(crate) fn dma_fence_shim_pin_module();
    pub(crate) fn dma_fence_shim_error(fence: *mut dma_fence) -> c_int;
    pub(crate) fn dma_fence_shim_alloc() -> *mut c_void;
    pub(crate) fn dma_fence_shim_arm(
        fence: *mut dma_fence,
        ops: *const dma_fence_ops,
        context: u64,
        seqno: u64,
    );
    pub(crate) fn dma_fence_shim_finish(fence: *mut dma_fence, error: c_int);
    pub(crate) fn dma_fence_shim_find_fence(
        file: *mut c_void,
        handle: u32,
        point: u64,
        fence: *mut *mut dma_fence,
    ) -> c_int;
    pub(crate) fn dma_fence_shim_syncobj_find(file: *mut c_void, handle: u32) -> *mut DrmSyncobj;
    pub(crate) fn dma_fence_shim_syncobj_put(object: *mut DrmSyncobj);
    pub(crate) fn dma_fence_shim_syncobj_replace(object: *mut DrmSyncobj, fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_chain_alloc() -> *mut DmaFenceChain;
    pub(crate) fn dma_fence_shim_chain_free(chain: *mut DmaFenceChain);
    pub(crate) fn dma_fence_shim_syncobj_add_point(
        object: *mut DrmSyncobj,
        chain: *mut DmaFenceChain,
        fence: *mut dma_fence,
        point: u64,
    );
}
