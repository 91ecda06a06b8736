// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The ioctls on queues: [`queue`] creates and destroys them, [`submit`] gives them jobs. Those on
//! VMs and buffers are in [`file`](crate::file).

mod queue;
mod submit;
