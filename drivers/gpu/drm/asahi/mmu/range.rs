// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Ranges of addresses, allocated by the kernel's `drm_mm`.

use crate::ffi;
use core::{
    ops::Range,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

/// A range of addresses from which parts are allocated.
///
/// | call | context |
/// |---|---|
/// | [`Ranges::new`], [`Ranges::allocate`] | process, allocates |
/// | dropping a [`Span`] | process, signalling sections included |
#[pin_data]
pub(crate) struct Ranges {
    range: Range<u64>,
    used: Atomic<u64>,
    #[pin]
    mm: SpinLock<Mm>,
}

/// # Invariants
///
/// It is a valid `struct drm_mm` of ours. No node is left in it when it is dropped.
struct Mm(NonNull<ffi::DrmMm>);

// SAFETY: A `struct drm_mm` may be used by any thread, one at a time.
unsafe impl Send for Mm {}

impl Drop for Mm {
    fn drop(&mut self) {
        // SAFETY: By the type invariants it is valid, ours and empty.
        unsafe { ffi::asahi_mm_destroy(self.0.as_ptr()) };
    }
}

impl Ranges {
    /// Hands out `range`.
    pub(crate) fn new(range: Range<u64>) -> Result<Arc<Self>> {
        // SAFETY: Allocates; an empty range is the only one that it does not take.
        let mm = unsafe { ffi::asahi_mm_create(range.start, range.end - range.start) };
        // INVARIANT: If not null it is valid, and ours. Every span has a reference to the object.
        let mm = Mm(NonNull::new(mm).ok_or(ENOMEM)?);
        Arc::pin_init(
            pin_init!(Self {
                range,
                used: Atomic::new(0),
                mm <- new_spinlock!(mm),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the number of free addresses.
    pub(crate) fn left(&self) -> u64 {
        let size = self.range.end - self.range.start;
        size.saturating_sub(self.used.load(Relaxed))
    }

    /// Allocates a part of `size` bytes, aligned to `align`. `ENOSPC` if there is none.
    pub(crate) fn allocate(self: &Arc<Self>, size: u64, align: u64) -> Result<Span> {
        // SAFETY: The function has no requirements: it sleeps at most, and returns null if there is
        // no memory.
        let node = unsafe { ffi::asahi_mm_node_create() };
        let node = NonNull::new(node).ok_or(ENOMEM)?;

        let mm = self.mm.lock();
        // SAFETY: Both are valid, the node is not in use, and we hold the lock.
        let ret = unsafe { ffi::asahi_mm_insert(mm.0.as_ptr(), node.as_ptr(), size, align) };
        drop(mm);
        if let Err(e) = to_result(ret) {
            // SAFETY: It was not inserted.
            unsafe { ffi::asahi_mm_node_destroy(node.as_ptr()) };
            return Err(e);
        }

        // SAFETY: It was inserted, and does not change any more.
        let start = unsafe { ffi::asahi_mm_start(node.as_ptr()) };
        self.used.add(size, Relaxed);
        // INVARIANT: It was inserted, with this size.
        Ok(Span {
            ranges: self.clone(),
            node,
            start,
            size,
        })
    }
}

/// A part of a range; given back on drop.
///
/// # Invariants
///
/// `node` is inserted in the `drm_mm` of `ranges`, from `start` on for `size` bytes.
pub(crate) struct Span {
    ranges: Arc<Ranges>,
    node: NonNull<ffi::DrmMmNode>,
    start: u64,
    size: u64,
}

// SAFETY: The node is used under the lock of its `Ranges`.
unsafe impl Send for Span {}
// SAFETY: Its methods only read numbers that never change.
unsafe impl Sync for Span {}

impl Span {
    /// Returns its first address.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Returns all its addresses.
    pub(crate) fn range(&self) -> Range<u64> {
        self.start..self.start + self.size
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let mm = self.ranges.mm.lock();
        // SAFETY: By the type invariant it is inserted, and we hold the lock.
        unsafe { ffi::asahi_mm_remove(self.node.as_ptr()) };
        drop(mm);
        let _ = self.ranges.used.fetch_sub(self.size, Relaxed);
        // SAFETY: It was removed.
        unsafe { ffi::asahi_mm_node_destroy(self.node.as_ptr()) };
    }
}
