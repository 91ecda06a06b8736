// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The ioctls: methods of the client's [`AsahiFile`](crate::file::AsahiFile).
//!
//! All of them check every field that must be zero, before anything else.
//!
//! | module | ioctls |
//! |---|---|
//! | [`params`] | `GET_PARAMS`, `GET_TIME` |
//! | [`vm`] | `VM_CREATE`, `VM_DESTROY`, `VM_BIND` |
//! | [`buffer`] | `GEM_CREATE`, `GEM_MMAP_OFFSET`, `GEM_BIND_OBJECT` |
//! | [`queue`] | `QUEUE_CREATE`, `QUEUE_DESTROY` |
//! | [`submit`] | `SUBMIT` |

mod buffer;
mod params;
mod queue;
mod submit;
mod sync_records;
mod vm;
