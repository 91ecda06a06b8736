// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Atomic reference counting.

use super::atomic::{
    Acquire,
    Atomic,
    Relaxed,
    Release, //
};
use crate::host;

/// The count from which on an object is immortal.
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
        match self.0.fetch_add(1, Relaxed) {
            1.. => {}
            0 => self.saturate("refcount_t: addition on 0; use-after-free."),
            _ => self.saturate("refcount_t: saturated; leaking memory."),
        }
    }

    fn saturate(&self, warning: &str) {
        self.0.store(SATURATED, Relaxed);
        host::api_violation(warning);
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
                    self.saturate("refcount_t: underflow; use-after-free.");
                }
                false
            }
        }
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;
    use crate::host::World;

    /// As in the kernel, a count that goes wrong is reported, and the object stays.
    #[test]
    fn a_wrong_count_is_reported() {
        let world = World::manual();
        let _entered = world.enter();
        let count = Refcount::new(1);
        count.inc();
        assert!(!count.dec_and_test() && count.dec_and_test());
        assert!(world.take_api_violations().is_empty());
        assert!(!count.dec_and_test());
        let underflow = "refcount_t: underflow; use-after-free.";
        assert_eq!(world.take_api_violations(), [underflow]);
        let gone = Refcount::new(0);
        gone.inc();
        let addition = "refcount_t: addition on 0; use-after-free.";
        assert_eq!(world.take_api_violations(), [addition]);
        gone.inc();
        let saturated = "refcount_t: saturated; leaking memory.";
        assert_eq!(world.take_api_violations(), [saturated]);
        assert!(!gone.dec_and_test());
        assert_eq!(world.take_api_violations(), [underflow]);
    }
}
