// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The kernel module.

use kernel::{
    bindings,
    prelude::*, //
};

struct JobQueue;

module! {
    type: JobQueue,
    name: "jobqueue",
    authors: ["The asahi-async authors"],
    description: "Fences as futures and the job queue",
    license: "Dual MIT/GPL",
}

impl kernel::Module for JobQueue {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        crate::waits::init();
        Ok(JobQueue)
    }
}

impl Drop for JobQueue {
    fn drop(&mut self) {
        // Queues of drivers in C are freed by code of this module.
        // SAFETY: A module is unloaded where it may sleep.
        unsafe { bindings::rcu_barrier() };
        // SAFETY: The module is being unloaded, so no fence context exists: each has a reference to
        // the module.
        unsafe { dma_fence::module_exit() };
    }
}
