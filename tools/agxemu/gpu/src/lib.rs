// SPDX-License-Identifier: MIT OR Apache-2.0

//! The GPU behind the firmware: what happens when a compute command is started.
//!
//! The control stream is followed to its end through the page tables of the job, and each launch is
//! executed: threadgroups on several host threads, each with its SIMD groups as coroutines.

pub mod cdm;
mod cycle;
mod ending;
pub mod execute;
pub mod fault;
pub mod host;
pub mod job;
pub mod launch;
pub mod render;
pub mod replay;
pub mod texture;
pub mod threadgroup;
pub mod tlb;
pub mod trace;
pub mod usc;

pub use emulated_guest::backing;

use fault::{AccessError, Fault, Unit};

/// Memory as the GPU sees it in the context of a job.
pub trait GpuMemory {
    /// Reads `buf.len()` bytes at `va`.
    ///
    /// # Errors
    ///
    /// The first address of the range that the GPU may not read, and why.
    fn read(&self, va: u64, buf: &mut [u8]) -> Result<(), AccessError>;
}

fn read(mem: &dyn GpuMemory, va: u64, buf: &mut [u8], unit: Unit) -> Result<(), Fault> {
    mem.read(va, buf).map_err(|access| Fault { access, unit })
}

#[cfg(test)]
mod flat;
#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod paged;
