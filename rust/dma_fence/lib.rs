// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! dma_fence skeleton.

/// x
pub fn answer_dma_fence() -> u32 {
    42
}
