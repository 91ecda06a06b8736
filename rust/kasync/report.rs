// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Reports of callers that break a rule of the API.

use crate::ffi;
use core::ffi::CStr;
use kernel::str::CStrExt as _;

/// Reports with `WARN()` that the caller has broken a rule of the API. Any context.
#[cold]
pub(crate) fn api_violation(what: &'static CStr) {
    // SAFETY: `what` is a C string.
    unsafe { ffi::kasync_api_violation(what.as_char_ptr()) }
}
