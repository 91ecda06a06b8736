// SPDX-License-Identifier: MIT

//! Memory layout of the AGX firmware interface.
//!
//! Every structure that the driver and the firmware of the AGX coprocessor share. The driver writes
//! them, the emulator reads them, and neither knows an offset that is not declared here.
//!
//! Offsets and sizes are declared for each [`Abi`]: a generation of the GPU with a firmware of
//! macOS. It is known when the device is found, so it is a value and not a type. A structure that
//! is not the same in all of them knows the one that it is of, and a field that some lack is an
//! [`Opt`]. What else differs between them is a [`Numbers`] beside what it belongs to.
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
//! use agx_abi::Abi;
//!
//! let abi = Abi::G13V13_5;
//! let mut command = RunCompute::new(abi);
//! command
//!     .set(RunCompute::TAG, RunCompute::TAG_VALUE)
//!     .set(RunCompute::VM_SLOT, 3)
//!     .set(RunCompute::META.then(JobMeta::STAMP_VALUE), 0x100);
//! assert_eq!(command.get(RunCompute::META).get(JobMeta::STAMP_VALUE), 0x100);
//! assert_eq!(command.as_bytes()[0x10], 3);
//!
//! // Another version has it elsewhere.
//! let mut command = RunCompute::new(Abi::G13V12_3);
//! command.set(RunCompute::VM_SLOT, 3);
//! assert_eq!(command.as_bytes()[0x08], 3);
//!
//! // The address of a field, for the structures that point to it.
//! let value = RunCompute::META.then(JobMeta::STAMP_VALUE);
//! let at = 0xffff_ffa0_0000_0000 + value.offset_in(abi) as u64;
//! # let _ = at;
//! ```
//!
//! All functions may be called in any context.

#![forbid(unsafe_code)]

#[macro_use]
mod columns;
#[macro_use]
mod layout;

pub mod buffer;
pub mod channel;
pub mod compute;
pub mod event;
mod field;
pub mod fragment;
pub mod globals;
pub mod hwdata;
pub mod init;
pub mod message;
pub mod microsequence;
pub mod queue;
pub mod registers;
pub mod stats;
pub mod tiling;
pub mod uat;
mod value;
pub mod vertex;

pub use columns::{
    Abi,
    Columns,
    Numbers,
    Specialised, //
};
pub use field::{
    Field,
    FieldType,
    Opt, //
};
pub use layout::{
    FieldInfo,
    Layout, //
};
pub use value::{
    Everywhere,
    Fixed,
    Value, //
};
