// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Statistics: numbers whose accesses are not ordered with other memory.
//!
//! Reads are `READ_ONCE()` and writes `WRITE_ONCE()`, as volatile accesses of a whole word are. An
//! [`Atomic`](kernel::sync::atomic::Atomic) does the same, but with a call of a C function for
//! each access, and each poll and each wake has several.

#[cfg(not(feature = "loom"))]
use core::cell::UnsafeCell;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        #[cfg(not(feature = "loom"))]
        pub(crate) struct $name(UnsafeCell<$type>);

        #[cfg(not(feature = "loom"))]
        // SAFETY: Accesses are volatile and of one word: they are marked and not torn, as the
        // kernel's memory model requires of accesses that race.
        unsafe impl Sync for $name {}

        #[cfg(not(feature = "loom"))]
        impl $name {
            /// Returns a number with the value `v`.
            pub(crate) const fn new(v: $type) -> Self {
                Self(UnsafeCell::new(v))
            }

            /// Returns the value.
            #[inline]
            pub(crate) fn get(&self) -> $type {
                // SAFETY: Valid, as it is borrowed.
                unsafe { self.0.get().read_volatile() }
            }

            /// Replaces the value.
            #[inline]
            pub(crate) fn set(&self, v: $type) {
                // SAFETY: Valid, as it is borrowed.
                unsafe { self.0.get().write_volatile(v) };
            }
        }

        // A mutex of the standard library, which the model checker does not explore.

        $(#[$doc])*
        #[cfg(feature = "loom")]
        pub(crate) struct $name(std::sync::Mutex<$type>);

        #[cfg(feature = "loom")]
        impl $name {
            pub(crate) const fn new(v: $type) -> Self {
                Self(std::sync::Mutex::new(v))
            }

            /// Returns the number.
            pub(crate) fn get(&self) -> $type {
                *self.0.lock().unwrap()
            }

            /// Replaces the number. One thread at a time.
            pub(crate) fn set(&self, v: $type) {
                *self.0.lock().unwrap() = v;
            }
        }
    )*};
}

numbers! {
    /// A count, or an address, that is shown in debugfs.
    StatCounter: u64;
    /// A small number that is written by one thread at a time, as a rule.
    StatShort: i16;
}

impl StatCounter {
    /// Adds `n` to the value. It is not atomic: additions of other threads may be lost.
    pub(crate) fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }
}
