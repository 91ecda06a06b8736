// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! References to fences.

use std::ptr::NonNull;

pub struct Fence;
pub struct ARef<T>(NonNull<T>);

impl Fence {
    pub(crate) unsafe fn from_raw(fence: NonNull<Fence>) -> ARef<Fence> {
        ARef(fence)
    }
}
