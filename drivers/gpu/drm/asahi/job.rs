// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs: the work of a submit, from the client's bytes to the firmware's rings.
//!
//! ```text
//!   submit ioctl                                       the queue's task
//!   ────────────                                       ────────────────
//!   bytes ──► command ─┬► compute::describe ─► memory ────────┬──► ring ──► work_queue ──► pipes
//!            (parsed)  │  (all but its turn)  (of the job)    │   (turns, slots, barriers)
//!                      └► render ─┬► vertex::describe ───┬► render_memory ─► render_queues
//!                                 └► fragment::describe ─┘  (and scenes)    (and the tiled
//!                                                                            vertex buffer)
//! ```

pub(crate) mod attachments;
pub(crate) mod barrier;
pub(crate) mod batch_entries;
pub(crate) mod command;
pub(crate) mod command_memory;
pub(crate) mod compute;
pub(crate) mod context;
pub(crate) mod fragment;
pub(crate) mod growth;
pub(crate) mod in_flight;
pub(crate) mod memory;
pub(crate) mod payload;
pub(crate) mod planned;
pub(crate) mod queues;
pub(crate) mod registers;
pub(crate) mod render;
pub(crate) mod render_memory;
pub(crate) mod render_queues;
pub(crate) mod ring;
pub(crate) mod scene;
pub(crate) mod sequence;
pub(crate) mod structure;
pub(crate) mod tvb;
pub(crate) mod tvb_memory;
pub(crate) mod vertex;
pub(crate) mod work_queue;
