// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory of the driver's own that firmware or GPU use.
//!
//! ```text
//!   Heap ── Chunk ── Chunk …       a chunk: some pages, in one piece for the CPU and for the GPU
//!              └─ GpuBox, GpuBox … an object: part of a chunk
//! ```
//!
//! A chunk is mapped once, and stays mapped until no object is left in it and the heap has another
//! such chunk, or that one is large. So hardly anything has to be invalidated when an object goes,
//! and an object may go in any process context; and what one client made the heap grow by comes
//! back when it has gone.
//!
//! The firmware caches the heaps "private" and "gpu_ro". It may write a dirty cache line back after
//! the object has been freed. Such memory is *garbage* until the firmware has flushed its cache:
//! see [`garbage::Garbage`].

mod buffer;
mod garbage;
mod heap;
mod mapping;
mod object;

pub(crate) use self::{
    garbage::Heaps,
    heap::Heap,
    mapping::{
        ControlPage,
        KernelMapping,
        RtkitBuffer, //
    },
    object::GpuBox, //
};
