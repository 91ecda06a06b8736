// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! DMA fences: any driver's fences as futures, a driver's own fences as a typestate, and sync
//! objects.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)
//!
//! - [`Fence`]: a `struct dma_fence` of any driver; [`Fence::wait`] is a future.
//! - [`FenceSet`]: several fences with one wake for all. Arrays and chains are unwrapped.
//! - [`FenceContext`]: a timeline of a driver's own fences, with its two ends, [`FenceEmitter`] and
//!   [`FenceSignaller`].
//! - [`SyncObj`]: binary and timeline sync objects. [`ChainNode`] is the memory for a point.
//!
//! # Contract
//!
//! A fence signals in finite time, whatever userspace does, and not before its work is done, since
//! waiters then free or reuse memory. So signalling an own fence takes evidence that its work is
//! done. A fence that is dropped instead is orphaned, and is signalled with evidence that the
//! hardware has stopped. `Documentation/dma_fence.rst` has the details.
//!
//! # Context
//!
//! *Hard IRQ* in the tables of this crate is the context of an interrupt handler, which
//! `PREEMPT_RT` has in a thread. The lock of a fence sleeps there. So where nothing may sleep on
//! `PREEMPT_RT`, such as under a raw lock, an armed fence may be dropped as in a hard IRQ, but no
//! fence may be signalled.

mod all;
mod armed;
mod collect;
mod containers;
mod context;
mod deadline;
mod emitter;
mod entries;
mod evidence;
mod fence;
mod ffi;
mod module_ref;
mod names;
mod own;
mod registration;
mod set;
mod signaller;
mod syncobj;
mod wait;

/// Prefix of log messages of this crate, looked for by the macros of [`kernel::print`].
const __LOG_PREFIX: &[u8] = b"dma_fence\0";

pub use armed::{
    Dependencies,
    FenceReservation,
    InFlightFence,
    PendingFence, //
};
pub use collect::Fences;
pub use containers::ChainNode;
pub use context::FenceContext;
pub use emitter::FenceEmitter;
pub use evidence::{
    HwDone,
    RingStopped,
    Timeline, //
};
pub use fence::Fence;
#[doc(hidden)]
pub use names::module_exit;
pub use names::{
    Names,
    TimelineNames, //
};
pub use set::FenceSet;
pub use signaller::FenceSignaller;
pub use syncobj::SyncObj;
pub use wait::{
    might_wait,
    FenceFuture, //
};
