// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Numbers that order nothing: nobody concludes from them what other memory holds.

#[cfg(not(feature = "loom"))]
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        #[cfg(not(feature = "loom"))]
        pub(crate) struct $name(Atomic<$type>);

        #[cfg(not(feature = "loom"))]
        impl $name {
            /// Returns one that holds `v`.
            pub(crate) const fn new(v: $type) -> Self {
                Self(Atomic::new(v))
            }

            /// Returns the value.
            #[inline]
            pub(crate) fn get(&self) -> $type {
                self.0.load(Relaxed)
            }

            /// Replaces the value.
            #[inline]
            pub(crate) fn set(&self, v: $type) {
                self.0.store(v, Relaxed);
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
