// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Atomic reference counting.

use super::atomic::{
    Acquire,
    Atomic,
    Relaxed,
    Release, //
};

/// From this count on an object is immortal.
const SATURATED: i32 = i32::MIN / 2;

/// Atomic reference counter.
pub struct Refcount(Atomic<i32>);

impl Refcount {
    /// Construct a new [`Refcount`] from an initial value.
    pub fn new(value: i32) -> Self {
        Self(Atomic::new(value))
    }

    /// Get the underlying atomic counter that backs the refcount.
    pub fn as_atomic(&self) -> &Atomic<i32> {
        &self.0
    }

    /// Increment a refcount. It stays where it is when it is saturated.
    pub fn inc(&self) {
        if self.0.fetch_add(1, Relaxed) <= 0 {
            self.0.store(SATURATED, Relaxed);
        }
    }

    /// Decrement a refcount, and test if it is 0.
    #[must_use]
    pub fn dec_and_test(&self) -> bool {
        match self.0.fetch_sub(1, Release) {
            1 => {
                self.0.load(Acquire);
                true
            }
            old => {
                if old <= 0 {
                    self.0.store(SATURATED, Relaxed);
                }
                false
            }
        }
    }
}
