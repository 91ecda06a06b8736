// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What the models put in the place of the kernel, for code of `rust/jobqueue`: `sync` and `waits`
//! of that crate, from what loom can explore.
//!
//! Orderings are the kernel's. A "full" operation orders as one of C11's that acquires and
//! releases; loom knows nothing stronger for operations that are not fences. One that compares, and
//! fails, orders nothing.

use kasync::platform::host::live_allocations;

/// Runs `scene` in every interleaving with so many preemptions at most. Then nothing may be
/// allocated any more.
pub(crate) fn model(preemptions: usize, scene: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        scene();
        assert_eq!(live_allocations(), 0, "leak");
        assert_eq!(sync::live_boxes(), 0, "leak");
    });
}

pub(crate) mod sync {
    use core::{
        cell::Cell,
        ops::{
            Deref,
            DerefMut, //
        }, //
    };
    use loom::sync::atomic::{
        self,
        Ordering, //
    };

    /// An ordering, as the kernel has them: a type.
    pub(crate) trait Order {
        const LOAD: Ordering;
        const STORE: Ordering;
        const BOTH: Ordering;
    }

    pub(crate) struct Relaxed;
    pub(crate) struct Acquire;
    pub(crate) struct Release;
    pub(crate) struct Full;

    impl Order for Relaxed {
        const LOAD: Ordering = Ordering::Relaxed;
        const STORE: Ordering = Ordering::Relaxed;
        const BOTH: Ordering = Ordering::Relaxed;
    }

    impl Order for Acquire {
        const LOAD: Ordering = Ordering::Acquire;
        const STORE: Ordering = Ordering::Relaxed;
        const BOTH: Ordering = Ordering::Acquire;
    }

    impl Order for Release {
        const LOAD: Ordering = Ordering::Relaxed;
        const STORE: Ordering = Ordering::Release;
        const BOTH: Ordering = Ordering::Release;
    }

    impl Order for Full {
        const LOAD: Ordering = Ordering::Acquire;
        const STORE: Ordering = Ordering::Release;
        const BOTH: Ordering = Ordering::AcqRel;
    }

    /// An integer that there is an atomic one of.
    pub(crate) trait Integer: Sized {
        type Atomic;

        fn new(v: Self) -> Self::Atomic;
        fn load(at: &Self::Atomic, order: Ordering) -> Self;
        fn store(at: &Self::Atomic, v: Self, order: Ordering);
        fn swap(at: &Self::Atomic, v: Self, order: Ordering) -> Self;
        fn exchange(at: &Self::Atomic, old: Self, new: Self, order: Ordering)
            -> Result<Self, Self>;
        fn add(at: &Self::Atomic, v: Self, order: Ordering) -> Self;
        fn sub(at: &Self::Atomic, v: Self, order: Ordering) -> Self;
    }

    macro_rules! integers {
        ($($integer:ty: $atomic:ident,)*) => {$(
            impl Integer for $integer {
                type Atomic = atomic::$atomic;

                fn new(v: Self) -> Self::Atomic {
                    atomic::$atomic::new(v)
                }

                fn load(at: &Self::Atomic, order: Ordering) -> Self {
                    at.load(order)
                }

                fn store(at: &Self::Atomic, v: Self, order: Ordering) {
                    at.store(v, order)
                }

                fn swap(at: &Self::Atomic, v: Self, order: Ordering) -> Self {
                    at.swap(v, order)
                }

                fn exchange(
                    at: &Self::Atomic,
                    old: Self,
                    new: Self,
                    order: Ordering,
                ) -> Result<Self, Self> {
                    at.compare_exchange(old, new, order, Ordering::Relaxed)
                }

                fn add(at: &Self::Atomic, v: Self, order: Ordering) -> Self {
                    at.fetch_add(v, order)
                }

                fn sub(at: &Self::Atomic, v: Self, order: Ordering) -> Self {
                    at.fetch_sub(v, order)
                }
            }
        )*};
    }
    integers! {
        u32: AtomicU32,
        u64: AtomicU64,
        usize: AtomicUsize,
    }

    /// `kernel::sync::atomic::Atomic`.
    pub(crate) struct Atomic<T: Integer>(T::Atomic);

    impl<T: Integer> Atomic<T> {
        pub(crate) fn new(v: T) -> Self {
            Self(T::new(v))
        }

        pub(crate) fn load<O: Order>(&self, _: O) -> T {
            T::load(&self.0, O::LOAD)
        }

        pub(crate) fn store<O: Order>(&self, v: T, _: O) {
            T::store(&self.0, v, O::STORE);
        }

        pub(crate) fn xchg<O: Order>(&self, v: T, _: O) -> T {
            T::swap(&self.0, v, O::BOTH)
        }

        pub(crate) fn cmpxchg<O: Order>(&self, old: T, new: T, _: O) -> Result<T, T> {
            T::exchange(&self.0, old, new, O::BOTH)
        }

        pub(crate) fn fetch_add<O: Order>(&self, v: T, _: O) -> T {
            T::add(&self.0, v, O::BOTH)
        }

        pub(crate) fn fetch_sub<O: Order>(&self, v: T, _: O) -> T {
            T::sub(&self.0, v, O::BOTH)
        }
    }

    std::thread_local! {
        /// All threads of a model are played by one real thread, so this counts for one model.
        static LIVE: Cell<usize> = const { Cell::new(0) };
    }

    /// How many boxes there are.
    pub(crate) fn live_boxes() -> usize {
        LIVE.with(Cell::get)
    }

    /// A box that is counted.
    pub(crate) struct Box<T>(std::boxed::Box<T>);

    impl<T> Box<T> {
        pub(crate) fn new(value: T) -> Self {
            LIVE.with(|n| n.set(n.get() + 1));
            Self(std::boxed::Box::new(value))
        }

        pub(crate) fn into_raw(this: Self) -> *mut T {
            let mut this = core::mem::ManuallyDrop::new(this);
            &raw mut *this.0
        }

        /// # Safety
        ///
        /// `raw` is from [`Box::into_raw`], and not used any more.
        pub(crate) unsafe fn from_raw(raw: *mut T) -> Self {
            // SAFETY: By the safety requirements.
            Self(unsafe { std::boxed::Box::from_raw(raw) })
        }
    }

    impl<T> Drop for Box<T> {
        fn drop(&mut self) {
            LIVE.with(|n| n.set(n.get() - 1));
        }
    }

    impl<T> Deref for Box<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> DerefMut for Box<T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }
}

pub(crate) mod waits {
    use kasync::{
        sync::Notify,
        Result, //
    };

    loom::lazy_static! {
        /// One for all, as it happens in the kernel if addresses are alike.
        static ref NOTIFY: Notify = Notify::new();
    }

    pub(crate) fn of<T>(_: &T) -> Result<&'static Notify> {
        Ok(&NOTIFY)
    }

    pub(crate) fn notify<T>(_: &T) {
        NOTIFY.notify_waiters();
    }
}

pub(crate) mod job {
    use super::sync::Box;
    use loom::cell::UnsafeCell;

    /// A job: loom finds an access to its number that nothing orders.
    pub(crate) struct Job {
        pub(crate) next: *mut Job,
        number: UnsafeCell<u64>,
    }

    // SAFETY: `next` is for the list that it is in.
    unsafe impl Send for Job {}

    impl Job {
        pub(crate) fn new(number: u64) -> Box<Self> {
            Box::new(Self {
                next: core::ptr::null_mut(),
                number: UnsafeCell::new(number),
            })
        }

        pub(crate) fn number(&self) -> u64 {
            // SAFETY: The job is its owner's, which loom checks.
            self.number.with(|n| unsafe { *n })
        }
    }
}
