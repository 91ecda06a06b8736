// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Dependencies of jobs.

use crate::fence::Fence;
use kernel::error::Result;
use std::task::{
    Context,
    Poll, //
};

/// Dependencies that have signalled, or have not.
pub struct FenceSet(pub(crate) bool);

impl FenceSet {
    pub fn test_signaled(&self) -> bool {
        self.0
    }

    pub fn poll_all(&mut self, _: &mut Context<'_>) -> Poll<Result> {
        unreachable!("not part of the models")
    }
}
