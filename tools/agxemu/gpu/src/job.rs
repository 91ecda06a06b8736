// SPDX-License-Identifier: MIT OR Apache-2.0

//! A compute command on the GPU: its control stream is followed, its launches are executed.
//!
//! ```text
//!   Job::new ──► run, on a thread of its own ──► outcome
//!                  │ stop
//!                  └────► ends soon, with `Stopped`
//! ```

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;

use crate::cdm::{self, End, Step, Stream};
use crate::ending::Ending;
use crate::execute::{Executor, Settings};
use crate::launch::Launch;
use crate::threadgroup::Meter;
use crate::tlb::{Pages, Uncached};
use crate::trace::Sink;

/// A block of a control stream, and a launch with its state and registers, in instructions of a
/// group that take about as long.
const BLOCK: u64 = 32;
const LAUNCH: u64 = 500;

/// Bit of a barrier that makes the USC forget code.
const BARRIER_FORGET_CODE: u32 = 1 << 3;

/// How much a job may execute before it counts as endless, in instructions of SIMD groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One SIMD group.
    pub group: u64,
    /// All of them.
    pub job: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            group: 1 << 26,
            job: 1 << 34,
        }
    }
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Launches that were executed to their end.
    pub launches: u64,
    /// Their threads.
    pub threads: u64,
    /// Instructions of SIMD groups.
    pub instructions: u64,
}

/// A job.
///
/// | | before `run` | while it runs | after it |
/// |---|---|---|---|
/// | [`Job::run`] | once | no | no |
/// | [`Job::fail`] | instead | no | no |
/// | [`Job::stop`] | yes | yes | yes |
/// | [`Job::wait`] | if it is run | yes | yes |
/// | [`Job::outcome`] | `None` | `None` | the outcome |
#[derive(Debug)]
pub struct Job {
    stream: Stream,
    settings: Settings,
    meter: Meter,
    ending: Ending<Outcome>,
}

impl Job {
    /// Returns a job that has not begun.
    pub fn new(stream: Stream, settings: Settings, limits: Limits) -> Self {
        Self {
            stream,
            settings,
            meter: Meter::new(limits),
            ending: Ending::default(),
        }
    }

    /// Tells it to end soon.
    pub fn stop(&self) {
        self.meter.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until it is over: from then on it does not touch memory any more.
    pub fn wait(&self) {
        self.ending.wait();
    }

    /// Returns what came of it, once it is over.
    pub fn outcome(&self) -> Option<Outcome> {
        self.ending.get()
    }

    /// It cannot be run.
    pub fn fail(&self, reason: String) {
        self.ending.set(Outcome {
            end: End::Illegal(reason),
            launches: 0,
            threads: 0,
            instructions: 0,
        });
    }

    /// Runs it to its end; `launched` is called before each launch, `trace` for each instruction.
    pub fn run(&self, pages: &dyn Pages, trace: Option<&Sink>, launched: &mut dyn FnMut(&Launch)) {
        let (mut launches, mut threads) = (0, 0);
        // A mistake in the emulator must not leave the firmware waiting.
        let walk = catch_unwind(AssertUnwindSafe(|| {
            let mut executor = Executor::new(pages, self.settings, &self.meter, trace);
            cdm::walk(&Uncached(pages), self.stream, &mut |step| {
                if self.meter.stop.load(Ordering::Relaxed) {
                    return Err(End::Stopped);
                }
                self.meter.spend(BLOCK)?;
                match step {
                    Step::Launch(launch) => {
                        self.meter.spend(LAUNCH)?;
                        launched(&launch);
                        threads += executor.launch(&launch)?;
                        launches += 1;
                    }
                    Step::Barrier(bits) if bits & BARRIER_FORGET_CODE != 0 => {
                        executor.forget_code();
                    }
                    Step::Barrier(_) | Step::Jump(_) => {}
                }
                Ok(())
            })
        }));
        let end =
            walk.unwrap_or_else(|_| End::Illegal("the emulator failed (see its log)".to_owned()));
        self.ending.set(Outcome {
            end,
            launches,
            threads,
            instructions: self.meter.instructions.load(Ordering::Relaxed),
        });
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod hostile_tests;
