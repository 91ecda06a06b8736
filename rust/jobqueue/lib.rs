// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! jobqueue skeleton.

/// x
pub fn answer_jobqueue() -> u32 { kasync::answer() + dma_fence::answer_dma_fence() -
    42
}
#[cfg(MODULE)]
mod module;
