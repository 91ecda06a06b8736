// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Declarations of this directory's C files, where each function has its comment.
//!
//! These are written by hand, as bindgen sees only the headers that the kernel crate includes: see
//! "Objections and answers" in `Documentation/jobqueue.rst`.
//!
//! Structures that only C accesses are `c_void` here.
//!
//! Only the wrappers in [`crate::mmu`], [`crate::alloc`], [`crate::domain`], [`crate::suspend`],
//! [`crate::shutdown`], [`crate::firmware`] and [`crate::driver`] use them.

use core::ffi::{
    c_int,
    c_void, //
};
use kernel::{
    bindings,
    ffi::c_char, //
};

/// The C type `struct drm_mm`.
#[repr(C)]
pub(crate) struct DrmMm {
    _opaque: [u8; 0],
}

/// The C type `struct drm_mm_node`.
#[repr(C)]
pub(crate) struct DrmMmNode {
    _opaque: [u8; 0],
}

extern "C" {
    pub(crate) fn asahi_table_alloc() -> u64;
    pub(crate) fn asahi_table_free(table: u64);
    pub(crate) fn asahi_table_entries(table: u64) -> *mut c_void;

    pub(crate) fn asahi_tlbi_all();
    pub(crate) fn asahi_tlbi_context(asid: u64);
    pub(crate) fn asahi_tlbi_pages(asid: u64, va: u64, pages: u64);
    pub(crate) fn asahi_dsb();

    pub(crate) fn asahi_buffer_alloc(size: usize) -> *mut c_void;
    pub(crate) fn asahi_buffer_free(buffer: *mut c_void);
    pub(crate) fn asahi_buffer_keep(buffer: *const c_void);
    pub(crate) fn asahi_buffer_phys(at: *const c_void) -> u64;

    pub(crate) fn asahi_region_find(
        dev: *mut c_void,
        name: *const c_char,
        base: *mut u64,
        size: *mut u64,
    ) -> c_int;
    pub(crate) fn asahi_region_map(base: u64, size: u64) -> *mut c_void;
    pub(crate) fn asahi_region_unmap(at: *mut c_void);

    pub(crate) fn asahi_domain_hold(dev: *mut c_void, was_held: *mut bool) -> *mut c_void;
    pub(crate) fn asahi_domain_keep(holder: *mut c_void);
    pub(crate) fn asahi_domain_release(holder: *mut c_void);
    pub(crate) fn asahi_shutdown_register(dev: *mut c_void, cookie: *mut c_void) -> c_int;
    pub(crate) fn asahi_shutdown_unregister(dev: *mut c_void);
    pub(crate) fn asahi_suspend_register(dev: *mut c_void, cookie: *mut c_void) -> *mut c_void;
    pub(crate) fn asahi_suspend_unregister(registration: *mut c_void);
    pub(crate) fn asahi_mailbox_check(dev: *mut c_void) -> c_int;

    pub(crate) fn asahi_no_alloc_begin();
    pub(crate) fn asahi_no_alloc_end();
    pub(crate) fn asahi_dma_is_bounced(dev: *mut c_void) -> bool;

    pub(crate) fn asahi_time_ns() -> u64;
    pub(crate) fn asahi_killed() -> bool;
    pub(crate) fn asahi_current_process(name: *mut u8) -> c_int;
    pub(crate) fn asahi_sort(pairs: *mut [u64; 2], count: usize);
    pub(crate) fn asahi_find_point(
        fence: *mut *mut bindings::dma_fence,
        point: u64,
        left: &mut u32,
    ) -> c_int;
    pub(crate) fn asahi_count_leaves(fence: *mut bindings::dma_fence, most: u32) -> u32;

    pub(crate) fn asahi_mm_create(start: u64, size: u64) -> *mut DrmMm;
    pub(crate) fn asahi_mm_destroy(mm: *mut DrmMm);
    pub(crate) fn asahi_mm_node_create() -> *mut DrmMmNode;
    pub(crate) fn asahi_mm_node_destroy(node: *mut DrmMmNode);
    pub(crate) fn asahi_mm_insert(
        mm: *mut DrmMm,
        node: *mut DrmMmNode,
        size: u64,
        align: u64,
    ) -> c_int;
    pub(crate) fn asahi_mm_remove(node: *mut DrmMmNode);
    pub(crate) fn asahi_mm_start(node: *const DrmMmNode) -> u64;

    pub(crate) fn asahi_first_mapping(
        gpuvm: *mut c_void,
        object: *mut c_void,
        addr: *mut u64,
        range: *mut u64,
    ) -> bool;

    pub(crate) fn asahi_range_cuts(gpuvm: *mut c_void, start: u64, end: u64) -> bool;
    pub(crate) fn asahi_batch_end(
        gpuvm: *mut c_void,
        start: u64,
        end: u64,
        mappings: u32,
        pages: u64,
    ) -> u64;

    pub(crate) fn asahi_drm_extend(drm: *mut c_void) -> c_int;
    pub(crate) fn asahi_file_is_open(file: *mut c_void) -> bool;
    pub(crate) fn asahi_file_has_handle(file: *mut c_void, object: *mut c_void) -> bool;
    pub(crate) fn asahi_file_may_map(file: *mut c_void, object: *mut c_void) -> bool;
    pub(crate) fn asahi_has_other_handles(object: *mut c_void) -> bool;
    pub(crate) fn asahi_pinned_limit() -> u64;
    pub(crate) fn asahi_spare_memory() -> u64;
    pub(crate) fn asahi_gem_mmap_charged(object: *mut c_void, vma: *mut c_void) -> c_int;
    pub(crate) fn asahi_gem_has_pages(object: *mut c_void) -> bool;
    pub(crate) fn asahi_gem_pin_locked(object: *mut c_void) -> c_int;
    pub(crate) fn asahi_gem_large_begin() -> c_int;
    pub(crate) fn asahi_gem_large_end();
    pub(crate) fn asahi_gem_extend(object: *mut c_void);
    pub(crate) fn asahi_gem_make_table(object: *mut c_void) -> c_int;
    pub(crate) fn asahi_gem_drop_table(object: *mut c_void);
    pub(crate) fn asahi_imported_pages(object: *mut c_void) -> *mut c_void;
}
