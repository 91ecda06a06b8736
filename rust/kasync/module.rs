// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Module glue.
use kernel::prelude::*;

struct Kasync;

module! {
    type: Kasync,
    name: "kasync",
    authors: ["The asahi-async authors"],
    description: "Async executor on kernel workqueues",
    license: "Dual MIT/GPL",
}

impl kernel::Module for Kasync {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Kasync)
    }
}
