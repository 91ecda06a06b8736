// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! KUnit tests of the job queue and of fences as futures, with a ring that does what the test says.
//!
//! Loading the module runs them; results are in the log and in debugfs, `kunit/jobqueue/results`.

#[macro_use]
#[path = "../../kasync/tests/kernel/check.rs"]
mod check;

mod callers;
mod contexts;
mod drm_sched;
mod flow;
mod foreign;
mod hardware;
mod jobs;
mod ring;
mod seen;
mod timeouts;

use kernel::prelude::*;

struct JobQueueTest;

module! {
    type: JobQueueTest,
    name: "jobqueue_test",
    authors: ["The asahi-async authors"],
    description: "Tests of the job queue",
    license: "Dual MIT/GPL",
}

impl kernel::Module for JobQueueTest {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}
