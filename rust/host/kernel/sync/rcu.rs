// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! RCU support: readers hold a lock for reading, and a grace period takes it for writing.

#[cfg(feature = "loom")]
use loom::sync::{
    RwLock,
    RwLockReadGuard, //
};
#[cfg(not(feature = "loom"))]
use std::sync::{
    RwLock,
    RwLockReadGuard, //
};

#[cfg(not(feature = "loom"))]
static READERS: RwLock<()> = RwLock::new(());
#[cfg(feature = "loom")]
loom::lazy_static! {
    static ref READERS: RwLock<()> = RwLock::new(());
}

/// Evidence that the RCU read side lock is held.
pub struct Guard(#[expect(dead_code, reason = "held")] RwLockReadGuard<'static, ()>);

/// Acquires the RCU read side lock.
pub fn read_lock() -> Guard {
    Guard(READERS.read().unwrap())
}

/// Waits for one RCU grace period.
pub fn synchronize_rcu() {
    drop(READERS.write().unwrap());
}
