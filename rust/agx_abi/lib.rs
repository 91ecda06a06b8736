// SPDX-License-Identifier: MIT

//! Memory layout of the AGX firmware interface.
//!
//! Every structure that the driver and the firmware of the AGX coprocessor share. The driver writes
//! them, the emulator reads them, and neither knows an offset that is not declared here.
//!
//! Offsets and sizes are declared for each [`Abi`]: a generation of the GPU with a firmware of
//! macOS. Structures are made for [`Abi::IN_USE`] only, so far: M1 with macOS 13.5.
//!
//! Sources: what the Asahi Linux driver has proved on hardware, and the structures of m1n1, whose
//! names the declarations carry in parentheses. Where the two disagree the driver is followed, and
//! `tests/tables.rs` lists the difference with its reason. The meaning of a field called
//! `UNK_…` is unknown; its documentation says what it has to hold. In the parentheses, `a.b` is
//! field `b` of the structure in field `a`, and `a+4` is what stands 4 bytes into field `a`.
//!
//! # Use
//!
//! A structure is an array of bytes with typed fields. Nothing is aligned and everything is little
//! endian, so a structure may be built anywhere and copied to where the firmware will look for it.
//!
//! ```
//! use agx_abi::compute::{JobMeta, RunCompute};
//!
//! let mut command = RunCompute::zeroed();
//! command
//!     .set(RunCompute::TAG, RunCompute::TAG_VALUE)
//!     .set(RunCompute::VM_SLOT, 3)
//!     .set(RunCompute::META.then(JobMeta::STAMP_VALUE), 0x100);
//! assert_eq!(command.get(RunCompute::META).get(JobMeta::STAMP_VALUE), 0x100);
//! assert_eq!(command.as_bytes()[0], 3);
//!
//! // The address of a field, for the structures that point to it.
//! let at = 0xffff_ffa0_0000_0000 + RunCompute::META.then(JobMeta::STAMP_VALUE).offset() as u64;
//! # let _ = at;
//! ```
//!
//! All functions may be called in any context.

#[macro_use]
mod columns;
#[macro_use]
mod layout;

pub mod buffer;
pub mod channel;
pub mod compute;
pub mod event;
pub mod fragment;
pub mod globals;
pub mod hwdata;
pub mod init;
pub mod message;
pub mod microsequence;
pub mod queue;
pub mod stats;
pub mod tiling;
pub mod uat;
pub mod vertex;

pub use columns::{
    Abi,
    Columns, //
};
pub use layout::{
    Field,
    FieldInfo,
    Layout,
    Value, //
};
