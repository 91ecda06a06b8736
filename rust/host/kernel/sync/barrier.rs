// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory barriers.

#[cfg(not(feature = "loom"))]
use core::sync::atomic;
#[cfg(feature = "loom")]
use loom::sync::atomic;

pub use super::atomic::Full;

/// Memory barrier between the CPU and bus-mastering devices, which are threads on the host.
pub fn dma_mb(_: Full) {
    atomic::fence(atomic::Ordering::SeqCst);
}
