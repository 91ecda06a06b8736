// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0277

//! A job is handed to a worker, so it must be `Send`.

include!("common/ring.rs");

ring!(job: *mut (), in_flight: (), done: jobqueue::HwDone);
