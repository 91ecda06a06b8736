// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The C side, `shim.c`.

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

/// `struct drm_syncobj`.
#[repr(transparent)]
pub(crate) struct DrmSyncobj(Opaque<u8>);

/// `struct dma_fence_chain`.
#[repr(transparent)]
pub(crate) struct DmaFenceChain(Opaque<u8>);

/// `struct dma_resv`. The kernel's own has fields that make warnings.
#[repr(transparent)]
pub(crate) struct DmaResv(Opaque<u8>);

/// `struct file`, likewise.
#[repr(transparent)]
pub(crate) struct File(Opaque<u8>);

/// `struct ww_acquire_ctx`.
#[repr(transparent)]
pub(crate) struct WwAcquireCtx(Opaque<u8>);

/// `struct dma_fence_unwrap`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct UnwrapCursor {
    chain: FencePtr,
    array: FencePtr,
    index: c_uint,
}

#[repr(transparent)]
struct FencePtr(*mut dma_fence);

impl Default for FencePtr {
    fn default() -> Self {
        Self(core::ptr::null_mut())
    }
}

impl UnwrapCursor {
    /// The link of a chain that it is at, or what else it was started with; null at the end.
    pub(crate) fn held(&self) -> *mut dma_fence {
        self.chain.0
    }

    /// Whether it is at what it was started with.
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
    pub(crate) fn __dma_fence_unwrap_merge(
        count: usize,
        fences: *mut *mut dma_fence,
        cursors: *mut UnwrapCursor,
    ) -> *mut dma_fence;
    pub(crate) fn dma_fence_chain_init(
        chain: *mut DmaFenceChain,
        prev: *mut dma_fence,
        fence: *mut dma_fence,
        seqno: u64,
    );
    pub(crate) fn dma_fence_chain_find_seqno(fence: *mut *mut dma_fence, seqno: u64) -> c_int;
    pub(crate) fn dma_fence_shim_lock(fence: *mut dma_fence) -> c_ulong;
    pub(crate) fn dma_fence_shim_unlock(fence: *mut dma_fence, flags: c_ulong);
    pub(crate) fn dma_fence_shim_is_chain(fence: *mut dma_fence) -> bool;
    pub(crate) fn dma_fence_shim_chain_signaled(fence: *mut dma_fence) -> u64;
    pub(crate) fn dma_fence_shim_get(fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_put(fence: *mut dma_fence);
    pub(crate) fn dma_fence_shim_is_later(a: *mut dma_fence, b: *mut dma_fence) -> bool;
    pub(crate) fn dma_fence_shim_get_module();
    pub(crate) fn dma_fence_shim_put_module();
    pub(crate) fn dma_fence_shim_api_violation(what: *const c_char);
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
    pub(crate) fn dma_fence_shim_syncobj_new(
        fence: *mut dma_fence,
        object: *mut *mut DrmSyncobj,
    ) -> c_int;
    pub(crate) fn dma_fence_shim_syncobj_fence(object: *mut DrmSyncobj) -> *mut dma_fence;
    pub(crate) fn dma_fence_shim_syncobj_handle(
        file: *mut c_void,
        object: *mut DrmSyncobj,
        handle: *mut u32,
    ) -> c_int;

    pub(crate) fn sync_file_get_fence(fd: c_int) -> *mut dma_fence;
    pub(crate) fn dma_fence_shim_sync_file_new(fence: *mut dma_fence) -> *mut File;
    pub(crate) fn dma_fence_shim_sync_file_set(file: *mut File, fence: *mut dma_fence);

    pub(crate) fn dma_resv_get_fences(
        resv: *mut DmaResv,
        usage: u32,
        count: *mut c_uint,
        fences: *mut *mut *mut dma_fence,
    ) -> c_int;
    pub(crate) fn dma_resv_test_signaled(resv: *mut DmaResv, usage: u32) -> bool;
    pub(crate) fn dma_resv_set_deadline(resv: *mut DmaResv, usage: u32, deadline: i64);
    pub(crate) fn dma_resv_reserve_fences(resv: *mut DmaResv, count: c_uint) -> c_int;
    pub(crate) fn dma_resv_add_fence(resv: *mut DmaResv, fence: *mut dma_fence, usage: u32);
    pub(crate) fn dma_fence_shim_resv_lock(resv: *mut DmaResv, ctx: *mut WwAcquireCtx) -> c_int;
    pub(crate) fn dma_fence_shim_resv_unlock(resv: *mut DmaResv);
    pub(crate) fn dma_fence_shim_resv_context_new() -> *mut WwAcquireCtx;
    pub(crate) fn dma_fence_shim_resv_context_end(ctx: *mut WwAcquireCtx);
    pub(crate) fn dma_fence_shim_resv_lock_all(
        ctx: *mut WwAcquireCtx,
        resvs: *const *mut DmaResv,
        count: usize,
    ) -> c_int;
}
