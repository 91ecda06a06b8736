// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Threads.

use crate::host;

/// Reports a caller that must not sleep.
#[track_caller]
pub fn might_sleep() {
    if host::is_atomic() {
        host::api_violation("sleeping function called from invalid context");
    }
}
