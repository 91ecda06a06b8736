// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0277

//! A job in flight is borrowed across an await, so it must be `Sync`.

include!("common/ring.rs");

ring!(job: (), in_flight: core::cell::Cell<u32>, done: jobqueue::HwDone);
