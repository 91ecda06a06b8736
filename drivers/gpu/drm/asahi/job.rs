// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs: what a submit asks the GPU to do, from the client's bytes to the firmware's rings.
//!
//! ```text
//!   submit ioctl                                     the queue's task
//!   ────────────                                     ────────────────
//!   bytes ──► command ──► compute::describe ──► memory ──► compute::Turn ──► work_queue ──► pipe
//!            (parsed)     (all but its turn)   (of the     (stamp, slots)    (ring entries,
//!                                               job)                          barriers)
//! ```

pub(crate) mod barrier;
pub(crate) mod command;
pub(crate) mod compute;
pub(crate) mod context;
pub(crate) mod memory;
pub(crate) mod render;
pub(crate) mod ring;
pub(crate) mod sync;
pub(crate) mod work_queue;
