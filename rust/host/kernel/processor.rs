// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Processor related primitives.

/// Lets another processor go on.
#[inline]
pub fn cpu_relax() {
    #[cfg(feature = "loom")]
    loom::thread::yield_now();
    #[cfg(not(feature = "loom"))]
    std::thread::yield_now();
}
