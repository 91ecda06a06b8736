// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The kernel's types for C, which are not those of the host's C.

pub use core::ffi::{
    c_int,
    c_uint,
    c_void,
    CStr, //
};

/// `char`, which is unsigned in the kernel.
#[expect(non_camel_case_types, reason = "C's name")]
pub type c_char = u8;
/// The C type `unsigned long`.
#[expect(non_camel_case_types, reason = "C's name")]
pub type c_ulong = usize;
