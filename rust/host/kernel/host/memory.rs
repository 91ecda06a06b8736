// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory. As the kernel's, it knows by itself how large each piece is, and what is used after it
//! was freed is noticed, as KASAN does.

use crate::{
    ffi::c_void,
    host, //
};
use core::{
    alloc::Layout,
    ptr, //
};
use std::{
    alloc,
    collections::VecDeque,
    sync::{
        Mutex,
        PoisonError, //
    }, //
};

/// The layout of the whole, and where in it the piece for the caller begins.
fn whole(layout: Layout) -> (Layout, usize) {
    Layout::new::<Layout>().extend(layout).unwrap()
}

/// Allocates memory, and returns null if there is none.
pub(crate) fn kmalloc(layout: Layout) -> *mut u8 {
    if host::may_allocate().is_none() {
        return ptr::null_mut();
    }
    host::count_allocations(1);
    let (whole, offset) = whole(layout);
    // SAFETY: Not of size 0. The layout is written where `kfree()` looks for it.
    unsafe {
        let piece = alloc::alloc(whole).add(offset);
        piece.cast::<Layout>().sub(1).write_unaligned(layout);
        piece
    }
}

/// Frees memory. Any context.
///
/// # Safety
///
/// `piece` must be null, or from `kmalloc()` and not be used again.
pub unsafe fn kfree(piece: *const c_void) {
    if piece.is_null() {
        return;
    }
    host::count_allocations(-1);
    let piece = piece.cast::<u8>().cast_mut();
    // SAFETY: `kmalloc()` has written the layout there, and what is before the piece is valid.
    let layout = unsafe { piece.cast::<Layout>().sub(1).read_unaligned() };
    let freed = Freed(piece, layout);
    freed.poison();
    let oldest = {
        let mut quarantine = QUARANTINE.lock().unwrap_or_else(PoisonError::into_inner);
        quarantine.push_back(freed);
        (quarantine.len() > QUARANTINED).then(|| quarantine.pop_front())
    };
    drop(oldest.flatten());
}

/// The byte that freed memory is filled with. As an address, a count or an index it is invalid.
const POISON: u8 = 0xa5;

/// The number of pieces that are kept after they were freed, so that an access finds what they were
/// filled with.
const QUARANTINED: usize = 64;

static QUARANTINE: Mutex<VecDeque<Freed>> = Mutex::new(VecDeque::new());

/// A piece of memory that was freed. Dropping it gives it back.
struct Freed(*mut u8, Layout);

// SAFETY: The memory is owned, and belongs to no thread.
unsafe impl Send for Freed {}

impl Freed {
    fn poison(&self) {
        // SAFETY: The piece is owned, and of that size.
        unsafe { ptr::write_bytes(self.0, POISON, self.1.size()) };
    }

    /// Returns whether nothing was written since the piece was filled.
    fn is_poisoned(&self) -> bool {
        // SAFETY: The piece is owned, of that size, and was filled.
        let bytes = unsafe { core::slice::from_raw_parts(self.0, self.1.size()) };
        bytes.iter().all(|byte| *byte == POISON)
    }
}

impl Drop for Freed {
    fn drop(&mut self) {
        let intact = self.is_poisoned();
        let (whole, offset) = whole(self.1);
        // SAFETY: `kmalloc()` has allocated the whole, with that layout.
        unsafe { alloc::dealloc(self.0.sub(offset), whole) };
        assert!(intact, "memory was written after it was freed");
    }
}
