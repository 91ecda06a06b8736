// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences: other drivers' as futures, one's own as typestate, and DRM's sync objects.
//!
//! - [`Fence`]: a reference to anybody's `dma_fence`; [`Fence::wait`] is a future.
//! - [`FenceSet`]: many fences, one wake. Arrays and chains are taken apart.
//! - [`Chain`], [`Fence::merge`]: such containers, in and out.
//! - [`FenceContext`]: where own fences come from; [`FenceEmitter`] and [`FenceSignaller`] are its
//!   two ends.
//! - [`SyncFile`]: fences as file descriptors, in and out.
//! - [`Resv`]: the fences of buffers, in and out.
//! - [`SyncObj`]: binary and timeline sync objects, in and out.
//!
//! # What a fence promises
//!
//! It signals in finite time, whatever userspace does, and only when the work behind it is over:
//! who waits for it may free or reuse memory then. So an own fence can only be signalled with
//! evidence of that, and one that is dropped instead is not signalled but orphaned, until there is
//! evidence that the hardware has stopped.

mod all;
mod collect;
mod containers;
mod context;
mod deadline;
mod evidence;
mod fence;
mod ffi;
mod names;
mod own;
mod registration;
mod resv;
mod set;
mod sync;
mod sync_file;
mod syncobj;
mod wait;

/// What `pr_*` put before a message.
const __LOG_PREFIX: &[u8] = b"dma_fence\0";

pub use containers::{
    Chain,
    ChainNode, //
};
pub use context::{
    Dependencies,
    FenceContext,
    FenceEmitter,
    FenceReservation,
    FenceSignaller,
    HwDone,
    InFlightFence,
    PendingFence,
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
pub use resv::{
    AllLocked,
    Locked,
    Resv,
    Slot,
    Usage, //
};
pub use set::FenceSet;
pub use sync_file::SyncFile;
pub use syncobj::{
    Points,
    SyncObj, //
};
pub use wait::{
    might_wait,
    FenceFuture, //
};
