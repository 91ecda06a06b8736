// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory of the driver's own that firmware or GPU use.
//!
//! ```text
//!   Heap ── Chunk ── Chunk …       a chunk: some pages, in one piece for the CPU and for the GPU
//!              └─ GpuBox, GpuBox … an object: part of a chunk
//! ```
//!
//! A chunk is mapped once and stays mapped as long as its heap. So nothing has to be flushed or
//! invalidated when an object goes, and an object may go in any process context.
//!
//! What the firmware caches (the heaps "private" and "gpu_ro") may be written back after the object has
//! been freed. Such memory is *garbage* until the firmware has cleaned its cache: see [`heap::Garbage`].

mod buffer;
mod heap;
mod mapping;

pub(crate) use self::{
    heap::{
        GpuBox,
        Heap,
        HeapConfig,
        Heaps, //
    },
    mapping::{
        ControlPage,
        KernelMapping,
        RtkitBuffer, //
    }, //
};
