// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The lock and the handshake that driver and firmware share: the region `handoff`.
//!
//! A lock of two (Dekker's), since neither side has atomic operations that the other's caches know
//! of:
//!
//! ```text
//!        want := 1             other does not want
//! idle ─────────────► wanting ─────────────────────► held ──► turn := other, want := 0 ──► idle
//!                      ▲   │ other wants, other's turn
//!         our turn,    │   ▼
//!         want := 1    └─ yielding (want := 0)
//! ```
//!
//! While the driver is wanting or has the lock, the firmware may wait for it, and does so without
//! end. So interrupts are disabled then: a spinlock alone does not keep a thread on its processor
//! on `PREEMPT_RT`. A wait for the firmware steps back to idle now and then, and enables them.

use agx_abi::{
    uat::{
        FlushSlot,
        Handoff as Layout, //
    },
    Field,
    Value, //
};
use core::{
    hint::spin_loop,
    ptr::NonNull, //
};
use kernel::{
    interrupt::{
        local_interrupt_disable,
        LocalInterruptDisabled, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        barrier::{
            dma_mb,
            Full, //
        }, //
    }, //
};

/// Value of the turn word: the side that gets the lock if both want it.
const TURN_HOST: u32 = 0;
const TURN_FIRMWARE: u32 = 1;

/// Number of polls of the lock with interrupts disabled. The firmware holds the lock for some
/// instructions at a time.
const SPINS: usize = 10_000;

/// Number of attempts of as many polls after which the firmware is taken for dead.
const ATTEMPTS: usize = 1000;

/// The error of a firmware that does not release the lock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stuck;

/// The region `handoff`.
///
/// # Invariants
///
/// `at` points to [`Layout::SIZE`] bytes, valid for as long as `self` lives, aligned to 8, and
/// accessed atomically only.
pub(crate) struct Handoff {
    at: NonNull<u8>,
}

// SAFETY: All access is atomic.
unsafe impl Send for Handoff {}
// SAFETY: By the type invariant all access through a shared reference is atomic.
unsafe impl Sync for Handoff {}

impl Handoff {
    /// Returns the region at `at`.
    ///
    /// # Safety
    ///
    /// `at` must be aligned to 8 and valid for [`Layout::SIZE`] bytes for as long as the result
    /// lives. Only the firmware may access them otherwise.
    pub(crate) unsafe fn new(at: NonNull<u8>) -> Self {
        // INVARIANT: By the function's requirements.
        Self { at }
    }

    fn at<T: Value>(&self, field: Field<Layout, T>) -> NonNull<u8> {
        // SAFETY: A field ends within the structure, and by the type invariant all of it is there.
        unsafe { self.at.add(field.offset()) }
    }

    /// Returns one of the two flags of the lock, 0 or 1. The kernel has no `Atomic<u8>`.
    fn flag(&self, field: Field<Layout, u8>) -> &Atomic<i8> {
        // SAFETY: By the type invariant the byte is valid and accessed atomically only; any byte is
        // a valid `i8`.
        unsafe { Atomic::from_ptr(self.at(field).cast().as_ptr()) }
    }

    fn u32(&self, field: Field<Layout, u32>) -> &Atomic<u32> {
        // SAFETY: By the type invariant; the two fields of this type are at multiples of 4.
        unsafe { Atomic::from_ptr(self.at(field).cast().as_ptr()) }
    }

    fn u64(&self, field: Field<Layout, u64>) -> &Atomic<u64> {
        // SAFETY: By the type invariant; all fields of this type are at multiples of 8.
        unsafe { Atomic::from_ptr(self.at(field).cast().as_ptr()) }
    }

    /// Announces the driver to the firmware.
    pub(crate) fn announce(&self) {
        self.u64(Layout::MAGIC_AP).store(Layout::MAGIC, Relaxed);
        self.u32(Layout::CUR_SLOT).store(0, Relaxed);
        self.u64(Layout::UNK_640).store(0, Relaxed);
        dma_mb(Full);
    }

    /// Returns whether the firmware has said that it is here.
    pub(crate) fn answered(&self) -> Result<bool, Stuck> {
        self.locked(|| self.u64(Layout::MAGIC_FW).load(Acquire) == Layout::MAGIC)
    }

    /// Clears the requests to flush, after the firmware has answered.
    pub(crate) fn clear_flush_slots(&self) {
        for slot in 0..Layout::FLUSH.count() {
            let slot = Layout::FLUSH.at(slot);
            self.u64(slot.then(FlushSlot::STATE))
                .store(FlushSlot::IDLE, Relaxed);
            self.u64(slot.then(FlushSlot::ADDRESS)).store(0, Relaxed);
            self.u64(slot.then(FlushSlot::SIZE)).store(0, Relaxed);
        }
        dma_mb(Full);
    }

    /// Returns the context that the coprocessor has in its lower half. Called with the lock held.
    #[cfg(test)]
    pub(crate) fn current_slot(&self) -> Option<u32> {
        match self.u32(Layout::CUR_SLOT).load(Relaxed) {
            0 | u32::MAX => None,
            slot => Some(slot),
        }
    }

    /// Runs `f` with the lock held and interrupts disabled. Only one thread of the driver may call
    /// it at a time.
    pub(crate) fn locked<R>(&self, f: impl FnOnce() -> R) -> Result<R, Stuck> {
        let _interrupts = self.lock()?;
        let result = f();
        self.unlock();
        Ok(result)
    }

    /// Takes the lock. Returns the guard that keeps interrupts disabled until after the unlocking.
    fn lock(&self) -> Result<LocalInterruptDisabled, Stuck> {
        for _ in 0..ATTEMPTS {
            let interrupts = local_interrupt_disable();
            if self.try_lock() {
                return Ok(interrupts);
            }
        }
        Err(Stuck)
    }

    /// Returns whether the lock was taken within [`SPINS`] polls. If not, the lock is idle.
    fn try_lock(&self) -> bool {
        let (ours, theirs) = (self.flag(Layout::LOCK_AP), self.flag(Layout::LOCK_FW));
        let turn = self.u32(Layout::TURN);
        let mut left = SPINS;
        let mut spin = || {
            spin_loop();
            left -= 1;
            left != 0
        };

        ours.store(1, Relaxed);
        dma_mb(Full);
        // Acquire: pairs with the release of the firmware's flag.
        while theirs.load(Acquire) != 0 {
            if turn.load(Relaxed) != TURN_HOST {
                ours.store(0, Relaxed);
                while turn.load(Relaxed) != TURN_HOST {
                    // Yielding: the firmware has the lock, or is about to take it.
                    if !spin() {
                        return false;
                    }
                }
                ours.store(1, Relaxed);
                dma_mb(Full);
            }
            if !spin() {
                ours.store(0, Relaxed);
                return false;
            }
        }
        true
    }

    fn unlock(&self) {
        self.u32(Layout::TURN).store(TURN_FIRMWARE, Relaxed);
        self.flag(Layout::LOCK_AP).store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::host::are_interrupts_disabled;
    use std::{
        sync::Arc,
        thread, //
    };

    /// The region, aligned.
    struct Region(Box<[u64; Layout::SIZE / 8]>);

    impl Region {
        fn new() -> Self {
            Self(Box::new([0; Layout::SIZE / 8]))
        }

        fn handoff(&mut self) -> Handoff {
            // SAFETY: Aligned, long enough, and the tests keep it.
            unsafe { Handoff::new(NonNull::new(self.0.as_mut_ptr().cast()).unwrap()) }
        }
    }

    /// The firmware's side of the lock: the mirror image.
    fn firmware_locked(h: &Handoff, f: impl FnOnce()) {
        let (ours, theirs) = (h.flag(Layout::LOCK_FW), h.flag(Layout::LOCK_AP));
        let turn = h.u32(Layout::TURN);
        ours.store(1, Relaxed);
        dma_mb(Full);
        while theirs.load(Acquire) != 0 {
            if turn.load(Relaxed) != TURN_FIRMWARE {
                ours.store(0, Relaxed);
                while turn.load(Relaxed) != TURN_FIRMWARE {
                    thread::yield_now();
                }
                ours.store(1, Relaxed);
                dma_mb(Full);
            }
            thread::yield_now();
        }
        f();
        turn.store(TURN_HOST, Relaxed);
        ours.store(0, Release);
    }

    #[test]
    fn handshake() {
        let mut region = Region::new();
        let h = region.handoff();
        h.u32(Layout::CUR_SLOT).store(u32::MAX, Relaxed);
        h.announce();
        assert_eq!(h.answered(), Ok(false));
        h.u64(Layout::MAGIC_FW).store(Layout::MAGIC, Relaxed);
        assert_eq!(h.answered(), Ok(true));
        h.u64(Layout::FLUSH.at(64).then(FlushSlot::STATE))
            .store(7, Relaxed);
        h.clear_flush_slots();
        assert_eq!(
            h.u64(Layout::FLUSH.at(64).then(FlushSlot::STATE))
                .load(Relaxed),
            0
        );
        assert_eq!(h.current_slot(), None);
        h.u32(Layout::CUR_SLOT).store(5, Relaxed);
        assert_eq!(h.current_slot(), Some(5));
    }

    #[test]
    fn only_one_holds_the_lock() {
        let mut region = Region::new();
        let h = Arc::new(region.handoff());
        let count = Arc::new(Atomic::<u64>::new(0));
        let step = |count: &Atomic<u64>| {
            // Not atomic as a whole: two at once would lose a step.
            let n = count.load(Relaxed);
            count.store(n + 1, Relaxed);
        };

        let firmware = thread::spawn({
            let (h, count) = (h.clone(), count.clone());
            move || (0..20_000).for_each(|_| firmware_locked(&h, || step(&count)))
        });
        let mut done = 0;
        while done < 20_000 || !firmware.is_finished() {
            // The peer may be preempted by the host's scheduler while it holds the lock.
            if h.locked(|| (done < 20_000).then(|| step(&count))) == Ok(Some(())) {
                done += 1;
            }
        }
        firmware.join().unwrap();
        assert_eq!(count.load(Relaxed), 40_000);
    }

    /// The firmware waits for as long as the holder of the lock does not run.
    #[test]
    fn nothing_interrupts_the_holder() {
        let mut region = Region::new();
        let h = region.handoff();
        assert_eq!(h.locked(are_interrupts_disabled), Ok(true));
        assert!(!are_interrupts_disabled());
        h.flag(Layout::LOCK_FW).store(1, Relaxed);
        assert_eq!(h.locked(|| ()), Err(Stuck));
        assert!(!are_interrupts_disabled());
    }

    #[test]
    fn a_dead_firmware_is_noticed() {
        let mut region = Region::new();
        let h = region.handoff();
        h.flag(Layout::LOCK_FW).store(1, Relaxed);
        assert_eq!(h.locked(|| ()), Err(Stuck));
        // And in the other wait.
        h.u32(Layout::TURN).store(TURN_FIRMWARE, Relaxed);
        assert_eq!(h.locked(|| ()), Err(Stuck));
        assert_eq!(h.flag(Layout::LOCK_AP).load(Relaxed), 0);
    }
}
