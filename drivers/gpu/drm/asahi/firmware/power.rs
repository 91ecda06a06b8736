// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Keeping the GPU on while work is on its way.

use super::{
    link::{
        Doorbell,
        Link, //
    },
    shared::Word, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::Release,
        Arc,
        SpinLock, //
    }, //
};

/// The count of submissions that are on their way. While it is not zero the firmware does not power
/// the GPU off.
#[pin_data]
pub(super) struct Power {
    link: Arc<Link>,
    /// The firmware's copy.
    shared: Word<u32>,
    #[pin]
    count: SpinLock<u32>,
}

impl Power {
    pub(super) fn new(link: &Arc<Link>, shared: Word<u32>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                link: link.clone(),
                shared,
                count <- new_spinlock!(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Counts one more, and wakes the firmware.
    pub(super) fn begin(self: &Arc<Self>) -> Result<PendingSubmission> {
        self.add(1);
        let pending = PendingSubmission(self.clone());
        self.link.ring(Doorbell::Kick)?;
        Ok(pending)
    }

    fn add(&self, n: i32) {
        let mut count = self.count.lock();
        *count = count.wrapping_add_signed(n);
        // Under the lock, so that the last value written is the right one. Release: what the job wrote is
        // seen before it is seen to be over.
        self.shared.store(*count, Release);
    }
}

/// A submission that is on its way: from before its first message until all of it is complete.
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
