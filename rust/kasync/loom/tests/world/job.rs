// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs.

use super::boxed;
use kernel::alloc::KBox;
use loom::cell::UnsafeCell;

/// A job: loom finds an access to its number that nothing orders.
pub(crate) struct Job {
    pub(crate) next: *mut Job,
    number: UnsafeCell<u64>,
}

// SAFETY: `next` is for the list that it is in.
unsafe impl Send for Job {}

impl Job {
    pub(crate) fn new(number: u64) -> KBox<Self> {
        boxed(Self {
            next: core::ptr::null_mut(),
            number: UnsafeCell::new(number),
        })
    }

    pub(crate) fn number(&self) -> u64 {
        // SAFETY: The job is its owner's, which loom checks.
        self.number.with(|n| unsafe { *n })
    }
}
