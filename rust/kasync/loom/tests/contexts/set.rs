// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Dependencies of jobs.

use crate::fence::Fence;
use kernel::error::Result;
use std::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering::Relaxed, //
        },
        Arc, //
    },
    task::{
        Context,
        Poll, //
    }, //
};

/// Dependencies that signal when the scene says so, if there are any.
#[derive(Default)]
pub struct FenceSet(pub(crate) Option<Arc<AtomicBool>>);

impl FenceSet {
    pub fn test_signaled(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|signaled| signaled.load(Relaxed))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn poll_all(&mut self, _: &mut Context<'_>) -> Poll<Result> {
        unreachable!("not part of the models")
    }
}
