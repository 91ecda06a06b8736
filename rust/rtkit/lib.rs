// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! rtkit skeleton.

/// x
pub fn answer_rtkit() -> u32 {
    42
}
