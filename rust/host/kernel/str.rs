// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Strings for C.

use crate::ffi::c_char;
use core::ffi::CStr;

/// Extensions to [`CStr`].
pub trait CStrExt {
    /// Returns a C pointer to the string.
    fn as_char_ptr(&self) -> *const c_char;
}

impl CStrExt for CStr {
    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr().cast()
    }
}
