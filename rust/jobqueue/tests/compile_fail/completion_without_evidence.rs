// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0053

//! A completion takes evidence, and no other value will do.

include!("common/ring.rs");

ring!(job: (), in_flight: (), done: Result);
