// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences: other drivers' as futures, one's own as typestate, and DRM's sync objects.
//!
//! - [`Fence`]: a reference to anybody's `dma_fence`; [`Fence::wait`] is a future.
//! - [`FenceSet`]: many fences, one wake. Arrays and chains are taken apart.
//! - [`Chain`], [`Fence::merge`]: such containers, in and out.
//! - [`FenceContext`]: where own fences come from, [`Order`] and [`Signaller`], its two ends; see there for their states.
//! - [`SyncFile`]: fences as file descriptors, in and out.
//! - [`Resv`]: the fences of buffers, in and out.
//! - [`SyncObj`]: binary and timeline sync objects, in and out.
//!
//! # What a fence promises
//!
//! It signals in finite time, whatever userspace does, and only when the work behind it is over: who waits for
//! it may free or reuse memory then. So an own fence that exists can only be signalled by who says why
//! it may, and one that is dropped instead is not signalled but kept, in its context's limbo, until there
//! is proof that the hardware has stopped.

mod containers;
mod context;
mod deadline;
mod fence;
mod ffi;
mod limbo;
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
    FenceContext,
    FenceReservation,
    InFlight,
    Names,
    Order,
    Pending,
    RingStopped,
    Signaller, //
};
pub use fence::Fence;
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
pub use wait::FenceFuture;
