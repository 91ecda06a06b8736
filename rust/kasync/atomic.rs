// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The atomic operations that the core uses, behind one shim.
//!
//! In the kernel they follow the LKMM through [`kernel::sync::atomic`]; on the host they are those
//! of `core`. The ordering is part of each method's name, so that a model checker's types fit in
//! here, as loom's do, without touching a caller. "Full" is ordered against everything on both sides.
//! A compare-exchange that fails orders nothing, on the host as in the kernel.

#[cfg(MODULE)]
mod imp {
    use kernel::sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    };

    /// A 64-bit atomic integer.
    pub(crate) struct AtomicU64(Atomic<u64>);

    impl AtomicU64 {
        pub(crate) const fn new(v: u64) -> Self {
            Self(Atomic::new(v))
        }

        pub(crate) fn load_acquire(&self) -> u64 {
            self.0.load(Acquire)
        }

        pub(crate) fn load_relaxed(&self) -> u64 {
            self.0.load(Relaxed)
        }

        pub(crate) fn store_release(&self, v: u64) {
            self.0.store(v, Release)
        }

        pub(crate) fn store_relaxed(&self, v: u64) {
            self.0.store(v, Relaxed)
        }

        pub(crate) fn fetch_add_full(&self, v: u64) -> u64 {
            self.0.fetch_add(v, Full)
        }

        pub(crate) fn fetch_sub_full(&self, v: u64) -> u64 {
            self.0.fetch_sub(v, Full)
        }

        pub(crate) fn cmpxchg_full(&self, old: u64, new: u64) -> Result<u64, u64> {
            self.0.cmpxchg(old, new, Full)
        }

        pub(crate) fn xchg_full(&self, new: u64) -> u64 {
            self.0.xchg(new, Full)
        }
    }
}

#[cfg(not(MODULE))]
mod imp {
    #[cfg(not(feature = "loom"))]
    use core::sync::atomic::{
        self,
        Ordering, //
    };
    #[cfg(feature = "loom")]
    use loom::sync::atomic::{
        self,
        Ordering, //
    };

    /// A 64-bit atomic integer.
    pub(crate) struct AtomicU64(atomic::AtomicU64);

    impl AtomicU64 {
        #[cfg(not(feature = "loom"))]
        pub(crate) const fn new(v: u64) -> Self {
            Self(atomic::AtomicU64::new(v))
        }

        #[cfg(feature = "loom")]
        pub(crate) fn new(v: u64) -> Self {
            Self(atomic::AtomicU64::new(v))
        }

        pub(crate) fn load_acquire(&self) -> u64 {
            self.0.load(Ordering::Acquire)
        }

        pub(crate) fn load_relaxed(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        pub(crate) fn store_release(&self, v: u64) {
            self.0.store(v, Ordering::Release)
        }

        pub(crate) fn store_relaxed(&self, v: u64) {
            self.0.store(v, Ordering::Relaxed)
        }

        pub(crate) fn fetch_add_full(&self, v: u64) -> u64 {
            self.0.fetch_add(v, Ordering::SeqCst)
        }

        pub(crate) fn fetch_sub_full(&self, v: u64) -> u64 {
            self.0.fetch_sub(v, Ordering::SeqCst)
        }

        pub(crate) fn cmpxchg_full(&self, old: u64, new: u64) -> Result<u64, u64> {
            self.0
                .compare_exchange(old, new, Ordering::SeqCst, Ordering::Relaxed)
        }

        pub(crate) fn xchg_full(&self, new: u64) -> u64 {
            self.0.swap(new, Ordering::SeqCst)
        }
    }
}

pub(crate) use imp::AtomicU64;

/// A number for whoever looks from outside; nothing depends on it.
#[cfg(not(feature = "loom"))]
pub(crate) struct Stat(AtomicU64);

/// The same, but nothing for a model checker to explore.
#[cfg(feature = "loom")]
pub(crate) struct Stat(std::sync::Mutex<u64>);

#[cfg(not(feature = "loom"))]
impl Stat {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load_relaxed()
    }

    pub(crate) fn set(&self, v: u64) {
        self.0.store_relaxed(v);
    }

    /// Not one operation: of several writers at once one counts.
    pub(crate) fn add(&self, n: u64) {
        self.0.store_relaxed(self.get().wrapping_add(n));
    }
}

#[cfg(feature = "loom")]
impl Stat {
    pub(crate) const fn new() -> Self {
        Self(std::sync::Mutex::new(0))
    }

    pub(crate) fn get(&self) -> u64 {
        *self.0.lock().unwrap()
    }

    pub(crate) fn set(&self, v: u64) {
        *self.0.lock().unwrap() = v;
    }

    pub(crate) fn add(&self, n: u64) {
        *self.0.lock().unwrap() += n;
    }
}

/// A flag that only ever goes up.
pub(crate) struct Latch(AtomicU64);

impl Latch {
    /// A latch that is down.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Raises the latch and says whether this call did it. What was written before is seen by whom
    /// sees the latch up.
    pub(crate) fn raise(&self) -> bool {
        self.0.cmpxchg_full(0, 1).is_ok()
    }

    /// Whether the latch is up.
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        self.0.load_acquire() != 0
    }
}

/// Whoever calls this cannot go on before another thread has.
#[inline]
pub(crate) fn relax() {
    #[cfg(feature = "loom")]
    loom::thread::yield_now();
    #[cfg(not(feature = "loom"))]
    core::hint::spin_loop();
}
