// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Limits of what one client, or all of them, may have at a time.
//!
//! | what | limit | whose | on excess |
//! |---|---|---|---|
//! | VMs | 128 | file | `ENOSPC` |
//! | queues | 2048 | file | `ENOSPC` |
//! | handles of buffer objects | 65536 | file | `ENOSPC` |
//! | timestamp objects | 1024 | file | `ENOSPC` |
//! | timestamps in bytes | a sixteenth of the free addresses | file | a wait, or `ENOSPC` |
//! | jobs that are not complete | 4096 | file | `ENOSPC` |
//! | memory that cannot be reclaimed | half of it, three quarters from 4 GiB on | all | `ENOMEM` |
//! | that, with what is the driver's own | an eighth more | all | `ENOMEM` |
//! | a file's part of that eighth | itself, 1 VM, 8 queues, 16 jobs | file | `ENOMEM` |
//! | available memory | a sixteenth of all, 256 MiB at most, has to be left | all | `ENOMEM` |
//!
//! Timestamps that a client has unbound keep their addresses while jobs write to them. Only these
//! are waited for.
//!
//! Mesa needs one VM and a few queues for each file. Panthor has 32 VMs and 128 groups of up to 32
//! queues, xe has 1000 jobs of a queue. What the driver allocates for a client is charged to its
//! memory cgroup besides. Not charged is what others allocate on its behalf: kernel::drm the
//! objects of buffers, without their pages, a VM's `GpuVm` and a `drm_gpuvm_bo` for each buffer in
//! it, shmem tables and arrays of pages, and exporters their fences.
//!
//! Memory that the GPU can reach cannot be reclaimed, and is not part of any process's RSS. So the
//! OOM killer would choose another process. If it does choose the client, the memory comes back
//! later than the killer waits. Therefore such memory has a limit, as TTM has one for its drivers.
//! The limit is the size of the heap that userspace offers to programs. Buffer objects that are
//! bound, exported or about to be mapped, page tables, heaps and the kernel's allocations for each
//! object of a client count towards it. That bounds a client that opens many files as well. The
//! heaps have a reserve: queues and jobs get the driver's memory that they need, also when buffers
//! and the scenes of large renders have taken the rest. So does a new client, with its first VM;
//! but not its buffers. A client that opens file after file can still take the reserve.
//!
//! That limit does not say how much memory other programs have left. So an allocation for a client
//! also fails if less than a sixteenth of the machine's memory would be available after it. What is
//! available is free, or can be freed: by reclaiming caches, or by swapping pages out. The fences
//! that jobs wait for are not counted as pinned. For them this second limit is the only one.

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
/// Jobs of a file that are not complete. A queue has 256 at most, and a submit to it waits then. To
/// reach this limit a client needs more full queues than programs use.
pub(crate) const MAX_JOBS: u64 = 4096;
/// Timestamp objects of a file.
pub(crate) const MAX_TIMESTAMPS: usize = 1024;
/// Handles of buffer objects of a file.
pub(crate) const MAX_OBJECTS: u64 = 1 << 16;
/// VMs, queues, and jobs that are not complete, for which a file gets memory of the driver's
/// reserve. One that has more has to do with what clients may have. So a client that has taken all
/// of that, and then makes queues and jobs, does not take the reserve as well: another one can
/// still open the device, and its jobs run.
pub(crate) const RESERVE_VMS: usize = 1;
pub(crate) const RESERVE_QUEUES: usize = 8;
pub(crate) const RESERVE_JOBS: u64 = 16;
/// The divisor of the free timestamp addresses that gives the limit of one file. A file gets a part
/// of what is free, so something is left for the next one. A client that opens file after file
/// leaves less than a page to each after 86 of them.
pub(crate) const TIMESTAMP_SHARE: u64 = 16;

// Upper bounds of the kernel's allocations for each kind of object. Pages that are counted one by
// one are not included. Test `oom counted` compares them with the memory that a machine loses.

/// The bytes that a file takes at most.
pub(crate) const FILE_BYTES: u64 = 4 << 10;
/// The bytes that a VM takes at most.
pub(crate) const VM_BYTES: u64 = 8 << 10;
/// The bytes that a buffer object takes at most.
pub(crate) const OBJECT_BYTES: u64 = 5 << 9;
/// The bytes that a queue takes at most.
pub(crate) const QUEUE_BYTES: u64 = 8 << 10;
/// The bytes that a job takes at most.
pub(crate) const JOB_BYTES: u64 = 1 << 10;
/// The bytes that a command of a job takes at most.
pub(crate) const COMMAND_BYTES: u64 = 1 << 10;
/// The bytes that a fence takes at most for which a job waits.
pub(crate) const DEPENDENCY_BYTES: u64 = 128;
/// The bytes that a mapping takes at most.
pub(crate) const MAPPING_BYTES: u64 = 256;

/// Memory of clients that cannot be reclaimed.
static PINNED: Quota = Quota::new();

/// Memory that is about to be allocated for clients.
static COMING: Quota = Quota::new();

/// Returns how much of that there is, for a file in debugfs.
#[no_mangle]
extern "C" fn asahi_pinned() -> u64 {
    PINNED.used()
}

/// Returns how much of that there may be.
pub(crate) fn max_pinned() -> u64 {
    // SAFETY: The function has no requirements: it reads the kernel's count of pages.
    unsafe { ffi::asahi_pinned_limit() }
}

/// The owner of memory: clients, or the driver, which has a reserve for files, first VMs, queues
/// and jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Clients,
    Driver,
}

impl Share {
    /// Returns whose memory the next thing of a file is that has `count` of them: the driver's if
    /// they are fewer than `small`.
    #[inline]
    pub(crate) fn of<T: PartialOrd>(count: T, small: T) -> Self {
        if count < small {
            Self::Driver
        } else {
            Self::Clients
        }
    }

    fn limit(self) -> u64 {
        let most = max_pinned();
        match self {
            Self::Clients => most,
            Self::Driver => most + most / 8,
        }
    }
}

/// Memory that counts as pinned, until it is dropped.
pub(crate) type Pinned = Charge<&'static Quota>;

impl Pinned {
    /// Counts `bytes` that have been or are about to be allocated.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the limit on unreclaimable memory would be exceeded.
    pub(crate) fn count(bytes: u64, share: Share) -> Result<Self> {
        Self::new(&PINNED, bytes, share.limit()).ok_or(ENOMEM)
    }

    /// Counts `bytes` that the caller is about to allocate. It drops the [`Coming`] afterwards.
    ///
    /// # Errors
    ///
    /// `ENOMEM` as with [`Pinned::count`], or if the machine would have too little left.
    pub(crate) fn reserve(bytes: u64, share: Share) -> Result<(Self, Coming)> {
        Ok((Self::count(bytes, share)?, Coming::new(bytes)?))
    }
}

/// Releases the amount of a [`Pinned`] that was forgotten.
pub(crate) fn unpin(bytes: u64) {
    PINNED.give_back(bytes);
}

/// Memory that is about to be allocated, until this is dropped. Concurrent checks of the available
/// memory subtract it.
pub(crate) struct Coming {
    _charge: Charge<&'static Quota>,
}

impl Coming {
    /// Notes that `bytes` are about to be allocated.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the machine would have too little left.
    pub(crate) fn new(bytes: u64) -> Result<Self> {
        // SAFETY: The function has no requirements: it reads the kernel's counts of pages.
        let left = unsafe { ffi::asahi_spare_memory() };
        Ok(Self {
            _charge: Charge::new(&COMING, bytes, left).ok_or(ENOMEM)?,
        })
    }
}

/// The amount of a resource that is in use.
pub(crate) struct Quota(Atomic<u64>);

impl Quota {
    /// Returns a quota of which nothing is in use.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Returns the same, to be shared.
    pub(crate) fn new_shared() -> Result<Arc<Self>> {
        Ok(Arc::new(Self::new(), GFP_KERNEL_ACCOUNT)?)
    }

    /// Releases the amount of a [`Charge`] that was forgotten.
    pub(crate) fn give_back(&self, amount: u64) {
        let _ = self.0.fetch_sub(amount, Relaxed);
    }

    /// Returns how much is in use.
    pub(crate) fn used(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// An amount of a resource that is in use; released on drop.
///
/// # Invariants
///
/// `amount` is included in `quota`.
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
        let mut used = quota.0.load(Relaxed);
        loop {
            // What is refused is never added: others would be refused meanwhile.
            let sum = used.checked_add(amount).filter(|&sum| sum <= limit)?;
            match quota.0.cmpxchg(used, sum, Relaxed) {
                // INVARIANT: The amount has just been added.
                Ok(_) => return Some(Self { quota, amount }),
                Err(now) => used = now,
            }
        }
    }
}

impl<Q: Deref<Target = Quota>> Drop for Charge<Q> {
    fn drop(&mut self) {
        // Does not underflow: by the type invariant the amount is included.
        let _ = self.quota.0.fetch_sub(self.amount, Relaxed);
    }
}
