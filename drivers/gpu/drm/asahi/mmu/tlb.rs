// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Invalidation of translations that GPU and coprocessor may have kept.
//!
//! All functions may be called in any context. What was stored to the tables before is visible to the
//! walks that come after.

use crate::ffi;
use agx_abi::uat::{
    PAGE_BITS,
    PAGE_SIZE, //
};
use core::ops::Range;

/// From how many pages on it is cheaper to invalidate all of a context.
const MAX_PAGES: u64 = 64;

/// Forgets all of context `asid`.
pub(super) fn invalidate_context(asid: u64) {
    // SAFETY: To invalidate too much is always allowed.
    unsafe { ffi::asahi_tlbi_context(asid) };
}

/// Forgets the pages of `range` in context `asid`.
pub(super) fn invalidate_range(asid: u64, range: Range<u64>) {
    let pages = (range.end - range.start) >> PAGE_BITS;
    debug_assert!(range.start % PAGE_SIZE == 0);
    if pages > MAX_PAGES {
        invalidate_context(asid);
    } else {
        // SAFETY: As above.
        unsafe { ffi::asahi_tlbi_pages(asid, range.start, pages) };
    }
}

/// Makes what was stored to tables and memory visible to their readers.
pub(super) fn publish() {
    // SAFETY: A barrier.
    unsafe { ffi::asahi_dsb() };
}
