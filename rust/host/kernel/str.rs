// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Strings for C.

use crate::ffi::c_char;
use core::ffi::CStr;

/// Extensions to [`CStr`].
pub trait CStrExt {
    /// Returns a C pointer to the string.
    fn as_char_ptr(&self) -> *const c_char;

    /// Returns the string at `ptr`.
    ///
    /// # Safety
    ///
    /// `ptr` must point to a C string that lives for `'a`.
    unsafe fn from_char_ptr<'a>(ptr: *const c_char) -> &'a Self;
}

impl CStrExt for CStr {
    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr().cast()
    }

    unsafe fn from_char_ptr<'a>(ptr: *const c_char) -> &'a Self {
        // SAFETY: `ptr` points to a string that ends with NUL, as the trait requires of the caller.
        unsafe { CStr::from_ptr(ptr.cast()) }
    }
}
