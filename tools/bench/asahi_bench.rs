// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Costs of the job queue and of the executor, beside those of DRM's scheduler and of bare
//! workqueues.
//!
//! Loading the module measures, and prints one line for each figure.

mod executor;
mod ours;

use core::ffi::c_int;
use kernel::prelude::*;

struct AsahiBench;

module! {
    type: AsahiBench,
    name: "asahi_bench",
    authors: ["The asahi-async authors"],
    description: "Costs of the job queue and of the executor",
    license: "Dual MIT/GPL",
}

extern "C" {
    fn asahi_bench_run() -> c_int;
}

impl kernel::Module for AsahiBench {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Called once, when the module is loaded.
        unsafe { ours::init_global() };
        // SAFETY: Called once, in process context, where it may sleep.
        kernel::error::to_result(unsafe { asahi_bench_run() })?;
        Ok(Self)
    }
}
