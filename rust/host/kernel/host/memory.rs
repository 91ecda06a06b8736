// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory. As the kernel's, it knows by itself how large each piece is.

use crate::{
    ffi::c_void,
    host, //
};
use core::{
    alloc::Layout,
    ptr, //
};
use std::alloc;

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
    // SAFETY: `kmalloc()` has written the layout there, and has allocated the whole with it.
    unsafe {
        let (whole, offset) = whole(piece.cast::<Layout>().sub(1).read_unaligned());
        alloc::dealloc(piece.sub(offset), whole);
    }
}
