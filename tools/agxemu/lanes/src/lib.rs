// SPDX-License-Identifier: MIT OR Apache-2.0

//! Code for the host's CPU out of straight programs over the lanes of a SIMD group.
//!
//! A program reads and writes registers of 32 lanes and does the same to each lane. It is told to a
//! [`Body`], operation after operation; [`Compiler::compile`] makes a [`Code`] of it, which
//! [`Code::run`] runs on a [`Frame`]. The host code is a loop over [`PARTS`] parts of [`WIDTH`]
//! lanes. Each part goes through the whole program before the next one starts, so values stay in
//! the CPU's registers; a lane sees the other lanes of its part only, which are a quad.
//!
//! ```text
//!  Body ──operations──► cranelift ──bytes──► Memory: writable ──► executable
//!                                                                     │
//!                             Frame: registers, uniforms, masks ──► Code::run
//! ```
//!
//! This crate knows nothing of the instructions that are compiled. A program cannot reach memory
//! beyond the frame, whatever it is made of, and has no loop but that over the parts.

mod body;
mod code;
mod compiler;
mod double;
mod float;

pub use body::{Body, Compare, Value};
pub use code::{Code, Frame, Plane};
pub use compiler::{Compiler, Error};
pub use double::Double;
pub use float::Round;

/// Lanes of a SIMD group.
pub const LANES: usize = 32;

/// Lanes that the host works on at a time: a quad.
pub const WIDTH: usize = 4;

/// Parts of a group.
pub const PARTS: usize = LANES / WIDTH;

/// 32-bit registers of a lane.
pub const REGISTERS: usize = 128;

/// Halves in the uniform file.
pub const UNIFORMS: usize = 512;

/// Planes that a program interpolates.
pub const PLANES: usize = 256;

/// One value per lane.
pub type Lanes = [u32; LANES];
