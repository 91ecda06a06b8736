// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Helpers of the models of `rust/jobqueue` and `rust/dma_fence`. They are compiled against the
//! crate `kernel` that is made of loom's types: orderings are the kernel's, and boxes are counted.
//!
//! The models include the files of these crates that have a protocol, one by one and unchanged. The
//! crates as a whole do not exist outside of the kernel: the rest of them is C's fences, sync
//! objects, files, buffers and trace events, of which models need behaviour and not code. kasync is
//! compiled as a whole.

pub(crate) mod job;
pub(crate) mod task;
pub(crate) mod waits;

use kernel::{
    alloc::{
        flags::GFP_KERNEL,
        KBox, //
    },
    host::live_allocations, //
};

/// Runs `scene` in every interleaving with at most that many preemptions. Then nothing may be
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
