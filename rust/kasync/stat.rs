// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Numbers that order nothing: nobody concludes from them what other memory holds.
//!
//! Reads are `READ_ONCE()` and writes `WRITE_ONCE()`, as volatile accesses of a whole word are. An
//! [`Atomic`](kernel::sync::atomic::Atomic) of the kernel crate does the same, by a call of C each;
//! each poll and each wake has several.

#[cfg(not(feature = "loom"))]
use core::cell::UnsafeCell;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        #[cfg(not(feature = "loom"))]
        pub(crate) struct $name(UnsafeCell<$type>);

        #[cfg(not(feature = "loom"))]
        // SAFETY: Accesses are volatile and of one word, hence marked and not torn, as the kernel's
        // memory model wants of accesses that race.
        unsafe impl Sync for $name {}

        #[cfg(not(feature = "loom"))]
        impl $name {
            /// Returns one that holds `v`.
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

        // Without anything for the model checker to explore.

        $(#[$doc])*
        #[cfg(feature = "loom")]
        pub(crate) struct $name(std::sync::Mutex<$type>);

        #[cfg(feature = "loom")]
        impl $name {
            pub(crate) const fn new(v: $type) -> Self {
                Self(std::sync::Mutex::new(v))
            }

            pub(crate) fn get(&self) -> $type {
                *self.0.lock().unwrap()
            }

            pub(crate) fn set(&self, v: $type) {
                *self.0.lock().unwrap() = v;
            }
        }
    )*};
}

numbers! {
    /// A count, or an address, that is shown in debugfs.
    StatCounter: u64;
    /// A small number that one thread counts, as a rule.
    StatShort: i16;
}

impl StatCounter {
    /// Adds to the value. It is not one operation: of several writers at once one counts.
    pub(crate) fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }
}
