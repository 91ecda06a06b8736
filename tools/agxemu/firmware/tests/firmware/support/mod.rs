// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small driver for the firmware: builds everything in the memory of a test machine, as a real
//! one would, and lets the tests break any of it.

pub mod abi;
pub mod boot;
pub mod buffer;
pub mod driver;
pub mod gpu;
pub mod habits;
pub mod job;
pub mod machine;
pub mod memory;
pub mod render;
