// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Locks and parked threads of a world.

use super::World;
use crate::platform::{
    Parker,
    RawLock, //
};
use core::sync::atomic::{
    AtomicBool,
    Ordering, //
};
use std::sync::{
    Condvar,
    Mutex, //
};

/// Proof of having locked.
pub struct Held(());

/// A spinning lock that knows its holder's mistakes only as a hang.
pub struct HostLock(AtomicBool);

impl RawLock for HostLock {
    type Flags = Held;

    fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    fn lock(&self) -> Held {
        let mut spins = 0_u64;
        while self.0.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
            spins += 1;
            assert!(spins < 100_000_000, "a leaf lock is held for ever");
        }
        Held(())
    }

    unsafe fn unlock(&self, _held: Held) {
        self.0.store(false, Ordering::Release);
    }
}

/// Parks a thread. In a manual world the thread runs the queues meanwhile.
pub struct HostParker {
    permits: Mutex<usize>,
    changed: Condvar,
}

impl Parker for HostParker {
    unsafe fn init(slot: *mut Self) {
        let new = Self {
            permits: Mutex::new(0),
            changed: Condvar::new(),
        };
        // SAFETY: Valid for writes by the safety requirements.
        unsafe { slot.write(new) }
    }

    fn park(&self) -> bool {
        let world = World::current();
        if world.is_manual() {
            loop {
                let mut permits = self.permits.lock().unwrap();
                if *permits > 0 {
                    *permits -= 1;
                    return true;
                }
                drop(permits);
                assert!(world.step(), "parked for ever: nothing is queued");
            }
        }
        let mut permits = self.permits.lock().unwrap();
        if *permits == 0 {
            let all = self.changed.wait_timeout(permits, world.patience());
            permits = all.unwrap().0;
        }
        let woken = *permits > 0;
        *permits -= usize::from(woken);
        woken
    }

    fn unpark(&self) {
        *self.permits.lock().unwrap() += 1;
        self.changed.notify_all();
    }
}
