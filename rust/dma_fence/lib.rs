// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! DMA fences: those of other drivers as futures, own ones as a typestate, and the objects by which
//! fences are shared.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)
//!
//! - [`Fence`]: a `struct dma_fence` of any driver; [`Fence::wait`] is a future.
//! - [`FenceSet`]: several fences, one wake. Arrays and chains are taken apart.
//! - [`FenceContext`]: a timeline of own fences, with its two ends, [`FenceEmitter`] and
//!   [`FenceSignaller`].
//! - [`SyncObj`]: binary and timeline sync objects; [`ChainNode`] is the memory for a point.
//!
//! # Contract
//!
//! A fence signals in finite time, whatever userspace does, and only when the work behind it is
//! over: waiters free or reuse memory then. So an own fence can only be signalled with evidence of
//! that, and one that is dropped instead is orphaned, until there is evidence that the hardware has
//! stopped. `Documentation/dma_fence.rst` has the whole of it.

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
mod names;
mod own;
mod registration;
mod set;
mod signaller;
mod syncobj;
mod wait;

/// The prefix of messages of the `pr_*` macros.
const __LOG_PREFIX: &[u8] = b"dma_fence\0";

pub use armed::{
    Dependencies,
    FenceReservation,
    InFlightFence,
    PendingFence, //
};
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
