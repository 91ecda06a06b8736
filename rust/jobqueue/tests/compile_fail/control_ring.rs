// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ passes

//! A ring: the control of those that do not compile.

include!("common/ring.rs");

ring!(job: (), in_flight: (), done: jobqueue::HwDone);
