// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Limits of what one client, or all of them, may have at a time.
//!
//! | what | limit | whose | on excess |
//! |---|---|---|---|
//! | VMs | 128 | file | `ENOSPC` |
//! | queues | 2048 | file | `ENOSPC` |
//! | handles of buffer objects | 65536 | file | `ENOSPC` |
//! | timestamp objects | 1024, and a sixteenth of the addresses that nobody has | file | `ENOSPC` |
//! | jobs that are not complete | 4096 | file | `ENOSPC` |
//! | memory that cannot be reclaimed | half of it, three quarters from 4 GiB on | all | `ENOMEM` |
//! | that, with what is the driver's own | an eighth more | all | `ENOMEM` |
//!
//! A VM takes 70 KiB of kernel memory, a queue 30 KiB, an empty object 2 KiB: a file can take about
//! 250 MiB before it is refused. Mesa needs one VM and a few queues for each file. Panthor has 32
//! VMs and 128 groups of up to 32 queues, xe has 1000 jobs of a queue. What is allocated for a
//! client is charged to its memory cgroup besides.
//!
//! Memory that the GPU can reach cannot be reclaimed, and does not count as any process's: the OOM
//! killer would look for somebody else. So there is a limit to it, as TTM has one for the drivers
//! that use it. It is the size of the heap that userspace offers to programs. Buffer objects, page
//! tables and heaps all count, which is what holds a client that opens many files. The heaps have a
//! reserve: what queues and jobs need of the driver is there when buffers, and the scenes of large
//! renders, have taken all else.

use crate::ffi;
use core::ops::Deref;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// VMs of a file.
pub(crate) const MAX_VMS: usize = 128;
/// Queues of a file.
pub(crate) const MAX_QUEUES: usize = 2048;
/// Jobs of a file that are not complete. A queue has 256 at most, and a submit to it waits then: a
/// client that comes to this limit has more queues that are full than programs have.
pub(crate) const MAX_JOBS: u64 = 4096;
/// Timestamp objects of a file.
pub(crate) const MAX_TIMESTAMPS: usize = 1024;
/// Handles of buffer objects of a file.
pub(crate) const MAX_OBJECTS: u64 = 1 << 16;
/// Which part of the addresses for timestamps that nobody has a file may have. However many files
/// take what they can get, something is left for the next one.
pub(crate) const TIMESTAMP_SHARE: u64 = 16;

/// Memory of clients that cannot be reclaimed.
pub(crate) static PINNED: Quota = Quota::new();

/// How much of that there may be.
pub(crate) fn max_pinned() -> u64 {
    // SAFETY: It reads a number.
    unsafe { ffi::asahi_pinned_limit() }
}

/// How much of that there may be when the driver's own, for queues and jobs, is counted as well.
pub(crate) fn max_pinned_with_heaps() -> u64 {
    let most = max_pinned();
    most + most / 8
}

/// How much of something is in use.
pub(crate) struct Quota(Atomic<u64>);

impl Quota {
    /// Nothing is in use.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Nothing is in use of one that can be shared.
    pub(crate) fn new_shared() -> Result<Arc<Self>> {
        Ok(Arc::new(Self::new(), GFP_KERNEL_ACCOUNT)?)
    }

    /// Takes back what a forgotten [`Charge`] has taken.
    pub(crate) fn give_back(&self, amount: u64) {
        let _ = self.0.fetch_sub(amount, Relaxed);
    }

    /// How much is in use.
    pub(crate) fn used(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A part of what is in use; given back on drop.
///
/// # Invariants
///
/// `amount` is part of what `quota` says.
pub(crate) struct Charge<Q: Deref<Target = Quota>> {
    quota: Q,
    amount: u64,
}

impl<Q: Deref<Target = Quota>> Charge<Q> {
    /// Takes `amount` of `quota`. Returns `None` if more than `limit` would be in use then.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn new(quota: Q, amount: u64, limit: u64) -> Option<Self> {
        let used = quota.0.fetch_add(amount, Relaxed);
        // INVARIANT: Just added. If it is too much it goes again at once; somebody else may be
        // refused meanwhile who would have fitted beside us, which is as good as to have come
        // later.
        let charge = Self { quota, amount };
        (used.checked_add(amount)? <= limit).then_some(charge)
    }
}

impl<Q: Deref<Target = Quota>> Drop for Charge<Q> {
    fn drop(&mut self) {
        // By the type invariant it is part of it.
        let _ = self.quota.0.fetch_sub(self.amount, Relaxed);
    }
}
