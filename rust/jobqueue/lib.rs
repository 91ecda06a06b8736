// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! jobqueue skeleton.

/// x
pub fn answer_jobqueue() -> u32 { dma_fence::answer_dma_fence()
}
#[cfg(MODULE)]
mod module;
