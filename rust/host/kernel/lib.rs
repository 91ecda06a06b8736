// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The part of the kernel crate that the crates under rust/ use, for the host.
//!
//! In the kernel they are compiled against the kernel's own crate; for unit tests and models, the
//! very same sources are compiled against this one. Names and meaning are those of 7.3's
//! `rust/kernel`: an item that is not there must not be added here.
//!
//! - [`bindings`] has the C functions and types that Rust code calls by their own names.
//! - [`shim`] stands for the C files beside the crates, with the same symbols.
//! - [`host`] is the machine that all of it works on, and what tests do to it: let time pass, run
//!   what is queued, let an allocation fail.
//!
//! With the feature `loom` atomics, locks, work queues and completions are made of loom's types, so
//! that models explore all their interleavings. Timers and interrupts are not modelled.
//!
//! Orderings are the kernel's: a compare-exchange that fails orders nothing.

#![warn(missing_docs)]

pub mod alloc;
pub mod bindings;
pub mod error;
pub mod ffi;
pub mod host;
pub mod interrupt;
pub mod irq;
pub mod jump_label;
pub mod prelude;
pub mod print;
pub mod processor;
pub mod shim;
pub mod str;
pub mod sync;
pub mod task;
pub mod time;
pub mod types;

pub use core::fmt;
