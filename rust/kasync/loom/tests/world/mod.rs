// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What the models of `rust/jobqueue` and `rust/dma_fence` share. They are compiled against the
//! crate `kernel` that is made of loom's types: orderings are the kernel's, and boxes are counted.
//!
//! The models include the files of these crates that have a protocol, one by one and unchanged. The
//! crates as a whole do not exist outside of the kernel: the rest of them is C's fences, sync
//! objects, files, buffers and trace events, of which models need behaviour and not code. kasync is
//! compiled as a whole.

use kernel::{
    alloc::{
        flags::GFP_KERNEL,
        KBox, //
    },
    host::live_allocations, //
};

/// Runs `scene` in every interleaving with so many preemptions at most. Then nothing may be
/// allocated any more.
pub(crate) fn model(preemptions: usize, scene: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        scene();
        assert_eq!(live_allocations(), 0, "leak");
    });
}

/// Returns a box, which is counted.
pub(crate) fn boxed<T>(value: T) -> KBox<T> {
    KBox::new(value, GFP_KERNEL).unwrap()
}

pub(crate) mod waits {
    use kasync::sync::Notify;
    use kernel::error::Result;

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
    use super::boxed;
    use kernel::alloc::KBox;
    use loom::cell::UnsafeCell;

    /// A job: loom finds an access to its number that nothing orders.
    pub(crate) struct Job {
        pub(crate) next: *mut Job,
        number: UnsafeCell<u64>,
    }

    // SAFETY: `next` is for the list that it is in.
    unsafe impl Send for Job {}

    impl Job {
        pub(crate) fn new(number: u64) -> KBox<Self> {
            boxed(Self {
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
