// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The count of pending submissions, which keeps the GPU powered.

use super::shared::Word;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::Release,
        Arc,
        SpinLock, //
    }, //
};

/// The count of pending submissions. While it is not zero the firmware does not power the GPU off.
#[pin_data]
pub(super) struct Power {
    /// The firmware's copy.
    shared: Word<u32>,
    #[pin]
    count: SpinLock<u32>,
}

impl Power {
    pub(super) fn new(shared: Word<u32>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                shared,
                count <- new_spinlock!(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Counts one more submission. The doorbell that announces it has to come with a kick, which
    /// wakes the firmware.
    pub(super) fn begin(self: &Arc<Self>) -> PendingSubmission {
        self.add(1);
        PendingSubmission(self.clone())
    }

    fn add(&self, n: i32) {
        let mut count = self.count.lock();
        *count = count.wrapping_add_signed(n);
        // Under the lock, so that the last value written is the right one. Release: what the job
        // wrote is seen before it is seen to be over.
        self.shared.store(*count, Release);
    }
}

/// A pending submission: from before its first message until all its commands are complete.
///
/// | call | context |
/// |---|---|
/// | drop | process, signalling sections included |
#[must_use = "the GPU may be powered off when this is dropped"]
pub(crate) struct PendingSubmission(Arc<Power>);

impl Drop for PendingSubmission {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}
