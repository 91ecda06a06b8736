// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Invalidation of translations that GPU and coprocessor may have kept.
//!
//! Leaves of the lower half are non-global (nG = 1): their TLB entries belong to a context, and go
//! with it. Leaves of the kernel's half are global, and an invalidation by context leaves their
//! entries alone: they go by address, or with everything.
//!
//! | function | lower half | kernel's half | walks |
//! |---|---|---|---|
//! | [`invalidate_context`] | of one context | | |
//! | [`invalidate_range`] | of one context | | |
//! | [`invalidate_global_range`] | | in the range | |
//! | [`invalidate_all`] | all | all | all |
//!
//! All functions may be called in any context. What was stored to the tables before is visible to
//! the walks that come after.

use crate::ffi;
use agx_abi::uat::{
    PAGE_BITS,
    PAGE_SIZE, //
};
use core::ops::Range;

/// Number of pages from which on it is cheaper to invalidate a whole context.
const MAX_PAGES: u64 = 64;

/// Invalidates everything.
pub(super) fn invalidate_all() {
    // SAFETY: Without an entry the tables are walked again, which is always allowed.
    unsafe { ffi::asahi_tlbi_all() };
}

/// Invalidates all of context `asid`, but no global entry.
pub(super) fn invalidate_context(asid: u64) {
    // SAFETY: Without an entry the tables are walked again, which is always allowed.
    unsafe { ffi::asahi_tlbi_context(asid) };
}

/// Invalidates the pages of `range` in the lower half of context `asid`.
pub(super) fn invalidate_range(asid: u64, range: Range<u64>) {
    if pages(&range) > MAX_PAGES {
        invalidate_context(asid);
    } else {
        invalidate_pages(asid, &range);
    }
}

/// Invalidates the pages of `range` in the kernel's half.
pub(super) fn invalidate_global_range(range: Range<u64>) {
    if pages(&range) > MAX_PAGES {
        invalidate_all();
    } else {
        // An invalidation by address covers global entries whatever the context.
        invalidate_pages(0, &range);
    }
}

fn pages(range: &Range<u64>) -> u64 {
    (range.end - range.start) >> PAGE_BITS
}

fn invalidate_pages(asid: u64, range: &Range<u64>) {
    debug_assert!(range.start % PAGE_SIZE == 0);
    // SAFETY: Without an entry the tables are walked again, which is always allowed.
    unsafe { ffi::asahi_tlbi_pages(asid, range.start, pages(range)) };
}

/// Makes earlier stores to tables and memory visible to GPU and firmware.
pub(super) fn publish() {
    // SAFETY: A barrier may be executed anywhere.
    unsafe { ffi::asahi_dsb() };
}
