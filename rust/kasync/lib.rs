// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! kasync skeleton.



/// x
pub fn answer() -> u32 {
    42
}

#[cfg(MODULE)]
mod module;
