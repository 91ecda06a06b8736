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
    ptr::NonNull,
    sync::atomic::{
        fence,
        AtomicU32,
        AtomicU64,
        AtomicU8,
        Ordering, //
    }, //
};

/// Value of the turn word: the side that gets the lock if both want it.
const TURN_HOST: u32 = 0;
const TURN_FIRMWARE: u32 = 1;

/// Number of polls of the lock after which the firmware is taken for dead. The firmware holds the
/// lock for some instructions at a time.
const SPINS: usize = 10_000_000;

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

    fn u8(&self, field: Field<Layout, u8>) -> &AtomicU8 {
        // SAFETY: By the type invariant; a byte is always aligned.
        unsafe { AtomicU8::from_ptr(self.at(field).as_ptr()) }
    }

    fn u32(&self, field: Field<Layout, u32>) -> &AtomicU32 {
        // SAFETY: By the type invariant; the two fields of this type are at multiples of 4.
        unsafe { AtomicU32::from_ptr(self.at(field).cast().as_ptr()) }
    }

    fn u64(&self, field: Field<Layout, u64>) -> &AtomicU64 {
        // SAFETY: By the type invariant; all fields of this type are at multiples of 8.
        unsafe { AtomicU64::from_ptr(self.at(field).cast().as_ptr()) }
    }

    /// Announces the driver to the firmware.
    pub(crate) fn announce(&self) {
        self.u64(Layout::MAGIC_AP)
            .store(Layout::MAGIC, Ordering::Relaxed);
        self.u32(Layout::CUR_SLOT).store(0, Ordering::Relaxed);
        self.u64(Layout::UNK_640).store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Returns whether the firmware has said that it is here.
    pub(crate) fn answered(&self) -> Result<bool, Stuck> {
        self.locked(|| self.u64(Layout::MAGIC_FW).load(Ordering::Acquire) == Layout::MAGIC)
    }

    /// Clears the requests to flush, after the firmware has answered.
    pub(crate) fn clear_flush_slots(&self) {
        for slot in 0..Layout::FLUSH.count() {
            let slot = Layout::FLUSH.at(slot);
            self.u64(slot.then(FlushSlot::STATE))
                .store(FlushSlot::IDLE, Ordering::Relaxed);
            self.u64(slot.then(FlushSlot::ADDRESS))
                .store(0, Ordering::Relaxed);
            self.u64(slot.then(FlushSlot::SIZE))
                .store(0, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
    }

    /// Returns the context that the coprocessor has in its lower half. Called with the lock held.
    #[cfg(test)]
    pub(crate) fn current_slot(&self) -> Option<u32> {
        match self.u32(Layout::CUR_SLOT).load(Ordering::Relaxed) {
            0 | u32::MAX => None,
            slot => Some(slot),
        }
    }

    /// Runs `f` with the lock held. Only one thread of the driver may call it at a time.
    pub(crate) fn locked<R>(&self, f: impl FnOnce() -> R) -> Result<R, Stuck> {
        self.lock()?;
        let result = f();
        self.unlock();
        Ok(result)
    }

    fn lock(&self) -> Result<(), Stuck> {
        let (ours, theirs) = (self.u8(Layout::LOCK_AP), self.u8(Layout::LOCK_FW));
        let turn = self.u32(Layout::TURN);
        let mut left = SPINS;
        let mut spin = || {
            spin_loop();
            left = left.checked_sub(1).ok_or(Stuck)?;
            Ok(())
        };

        ours.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        while theirs.load(Ordering::Relaxed) != 0 {
            if turn.load(Ordering::Relaxed) != TURN_HOST {
                ours.store(0, Ordering::Relaxed);
                while turn.load(Ordering::Relaxed) != TURN_HOST {
                    // Yielding: the firmware has the lock, or is about to take it.
                    spin()?;
                }
                ours.store(1, Ordering::Relaxed);
                fence(Ordering::SeqCst);
            }
            spin().inspect_err(|_| ours.store(0, Ordering::Relaxed))?;
        }
        fence(Ordering::Acquire);
        Ok(())
    }

    fn unlock(&self) {
        self.u32(Layout::TURN)
            .store(TURN_FIRMWARE, Ordering::Relaxed);
        self.u8(Layout::LOCK_AP).store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let (ours, theirs) = (h.u8(Layout::LOCK_FW), h.u8(Layout::LOCK_AP));
        let turn = h.u32(Layout::TURN);
        ours.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        while theirs.load(Ordering::Relaxed) != 0 {
            if turn.load(Ordering::Relaxed) != TURN_FIRMWARE {
                ours.store(0, Ordering::Relaxed);
                while turn.load(Ordering::Relaxed) != TURN_FIRMWARE {
                    thread::yield_now();
                }
                ours.store(1, Ordering::Relaxed);
                fence(Ordering::SeqCst);
            }
            thread::yield_now();
        }
        fence(Ordering::Acquire);
        f();
        turn.store(TURN_HOST, Ordering::Relaxed);
        ours.store(0, Ordering::Release);
    }

    #[test]
    fn handshake() {
        let mut region = Region::new();
        let h = region.handoff();
        h.u32(Layout::CUR_SLOT).store(u32::MAX, Ordering::Relaxed);
        h.announce();
        assert_eq!(h.answered(), Ok(false));
        h.u64(Layout::MAGIC_FW)
            .store(Layout::MAGIC, Ordering::Relaxed);
        assert_eq!(h.answered(), Ok(true));
        h.u64(Layout::FLUSH.at(64).then(FlushSlot::STATE))
            .store(7, Ordering::Relaxed);
        h.clear_flush_slots();
        assert_eq!(
            h.u64(Layout::FLUSH.at(64).then(FlushSlot::STATE))
                .load(Ordering::Relaxed),
            0
        );
        assert_eq!(h.current_slot(), None);
        h.u32(Layout::CUR_SLOT).store(5, Ordering::Relaxed);
        assert_eq!(h.current_slot(), Some(5));
    }

    #[test]
    fn only_one_holds_the_lock() {
        let mut region = Region::new();
        let h = Arc::new(region.handoff());
        let count = Arc::new(AtomicU64::new(0));
        let step = |count: &AtomicU64| {
            // Not atomic as a whole: two at once would lose a step.
            let n = count.load(Ordering::Relaxed);
            count.store(n + 1, Ordering::Relaxed);
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
        assert_eq!(count.load(Ordering::Relaxed), 40_000);
    }

    #[test]
    fn a_dead_firmware_is_noticed() {
        let mut region = Region::new();
        let h = region.handoff();
        h.u8(Layout::LOCK_FW).store(1, Ordering::Relaxed);
        assert_eq!(h.locked(|| ()), Err(Stuck));
        // And in the other wait.
        h.u32(Layout::TURN).store(TURN_FIRMWARE, Ordering::Relaxed);
        assert_eq!(h.locked(|| ()), Err(Stuck));
        assert_eq!(h.u8(Layout::LOCK_AP).load(Ordering::Relaxed), 0);
    }
}
