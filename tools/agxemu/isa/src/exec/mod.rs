// SPDX-License-Identifier: MIT OR Apache-2.0

//! The engines: SIMD groups of 32 lanes that run decoded code against a [`Host`].
//!
//! A [`Group`] is one SIMD group. Its registers are kept as one array of 32 lanes per register, so
//! that the compiler turns the loops over lanes into vector instructions. What the groups of one
//! launch have in common (uniforms, texture and sampler state) is [`Shared`], what the groups of
//! one threadgroup have in common is [`Dispatch`] and the bytes of threadgroup memory. Decoded code
//! is kept in a [`Cache`], of which every host thread has its own.
//!
//! ```text
//!            Group::new / Group::reset
//!                      │
//!                      ▼      run: Stop::Barrier, Stop::Budget
//!        ┌──────── runnable ◄────────┐
//!        │             │ └───────────┘
//!   Stop::Done    Stop::Fault
//!        ▼             ▼
//!     finished      faulted          (run again only after reset)
//! ```
//!
//! The one who calls [`Group::run`] schedules: after [`Stop::Barrier`] a group may go on when every
//! group of its threadgroup has stopped with `Barrier` or `Done`. The preamble of a launch is run
//! by [`Group::run_preamble`], which alone may write uniforms and state registers.
//!
//! An instruction that is unknown, or that the interpreter does not carry out, and bits that have
//! no known meaning are a [`Fault`] that names the address, the bytes and the text; nothing is
//! guessed.

pub mod assemble;
mod cache;
mod compile;
mod compute;
mod control;
mod convert;
mod float;
pub mod format;
pub mod fragment;
mod group;
mod half;
pub mod host;
mod integer;
mod kernel;
mod local;
mod lower;
mod lower_float;
mod lower_fragment;
mod lower_memory;
mod lower_texture;
mod lower_vertex;
mod memory;
mod op;
mod operand;
mod reduce;
mod request;
mod run;
mod stop;
mod texture;
mod tile;
mod transcendental;
mod vertex;

pub use cache::{text, Cache};
pub use compile::{statistics, Engine, Statistics};
pub use fragment::Pixels;
pub use group::{Dispatch, Group, Shared, Tile};
pub use host::{Host, LaneFault, MemoryFault};
pub use kernel::prefer_baseline;
pub use stop::{Fault, FaultKind, Stop};

/// Lanes of a SIMD group.
pub const LANES: usize = 32;

/// One value per lane.
pub type Lanes = [u32; LANES];
