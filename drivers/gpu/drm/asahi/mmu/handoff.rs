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
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// Value of the turn word: the side that gets the lock if both want it.
const TURN_HOST: u32 = 0;
const TURN_FIRMWARE: u32 = 1;

/// Number of polls of the lock with interrupts disabled. The firmware holds the lock for some
/// instructions at a time.
const SPINS: usize = 10_000;

/// Time after which the firmware is taken for dead. It passes under the spinlocks of the callers,
/// so it can neither be much longer: the kernel complains of a processor that is kept for some tens
/// of seconds.
const LOCK_TIMEOUT: Delta = Delta::from_millis(1000);

/// The most that an attempt of [`SPINS`] polls counts as. It takes longer only if this processor
/// stands still, such as one that is emulated, and then the firmware may do so as well.
const LONGEST_ATTEMPT: Delta = Delta::from_millis(20);

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
        if let Some(interrupts) = self.try_lock() {
            return Ok(interrupts);
        }
        let mut polled = Delta::ZERO;
        while polled <= LOCK_TIMEOUT {
            let start = Instant::<Monotonic>::now();
            if let Some(interrupts) = self.try_lock() {
                return Ok(interrupts);
            }
            polled += start.elapsed().min(LONGEST_ATTEMPT);
        }
        Err(Stuck)
    }

    /// Takes the lock if that is possible within [`SPINS`] polls. If not, the lock is idle. Returns
    /// the guard that keeps interrupts disabled until after the unlocking.
    fn try_lock(&self) -> Option<LocalInterruptDisabled> {
        let interrupts = local_interrupt_disable();
        self.poll_lock().then_some(interrupts)
    }

    /// Returns whether the lock was taken. Called with interrupts disabled.
    fn poll_lock(&self) -> bool {
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
    use kernel::host::{
        are_interrupts_disabled,
        World, //
    };
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

    /// Runs `f` while time passes, which it does not in tests otherwise.
    fn while_time_passes<R: Send>(f: impl FnOnce() -> R + Send) -> R {
        let world = World::manual();
        thread::scope(|threads| {
            let f = threads.spawn(|| {
                let _entered = world.enter();
                f()
            });
            while !f.is_finished() {
                world.advance(Delta::from_millis(10));
                thread::yield_now();
            }
            f.join().unwrap()
        })
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
        // In this world the firmware has all the time.
        let _entered = World::manual().enter();
        let mut done = 0;
        while done < 20_000 || !firmware.is_finished() {
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
        let (stuck, disabled) = while_time_passes(|| (h.locked(|| ()), are_interrupts_disabled()));
        assert_eq!(stuck, Err(Stuck));
        assert!(!disabled);
    }

    /// Calls `body` while a driver waits for the lock, which the firmware holds until then. Returns
    /// what came of that. `body` gets the driver's world, and whether the driver has given up.
    fn while_the_driver_waits(body: impl FnOnce(&World, &dyn Fn() -> bool)) -> Result<(), Stuck> {
        let mut region = Region::new();
        let h = region.handoff();
        let world = World::manual();
        h.flag(Layout::LOCK_FW).store(1, Relaxed);
        thread::scope(|threads| {
            let driver = threads.spawn(|| {
                let _entered = world.enter();
                h.locked(|| ())
            });
            while h.flag(Layout::LOCK_AP).load(Relaxed) == 0 && !driver.is_finished() {
                thread::yield_now();
            }
            body(&world, &|| driver.is_finished());
            h.flag(Layout::LOCK_FW).store(0, Release);
            driver.join().unwrap()
        })
    }

    /// Time is what counts, however fast this processor polls.
    #[test]
    fn a_slow_firmware_is_waited_for() {
        let locked = while_the_driver_waits(|world, gave_up| {
            let polling = std::time::Instant::now();
            while polling.elapsed().as_secs() < 2 {
                assert!(!gave_up(), "no time has passed");
                thread::yield_now();
            }
            world.advance(LOCK_TIMEOUT);
        });
        assert_eq!(locked, Ok(()));
    }

    /// A machine that stands still for longer than that is no sign of a dead firmware: it has not
    /// run either.
    #[test]
    fn time_that_passes_at_once_is_none_to_answer_in() {
        let locked = while_the_driver_waits(|world, gave_up| {
            for _ in 0..10 {
                world.advance(Delta::from_millis(10_000));
                thread::sleep(std::time::Duration::from_millis(100));
            }
            assert!(!gave_up());
        });
        assert_eq!(locked, Ok(()));
    }

    #[test]
    fn a_dead_firmware_is_noticed() {
        let mut region = Region::new();
        let h = region.handoff();
        h.flag(Layout::LOCK_FW).store(1, Relaxed);
        assert_eq!(while_time_passes(|| h.locked(|| ())), Err(Stuck));
        // And in the other wait.
        h.u32(Layout::TURN).store(TURN_FIRMWARE, Relaxed);
        assert_eq!(while_time_passes(|| h.locked(|| ())), Err(Stuck));
        assert_eq!(h.flag(Layout::LOCK_AP).load(Relaxed), 0);
    }
}
