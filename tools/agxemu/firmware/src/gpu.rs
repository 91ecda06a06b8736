// SPDX-License-Identifier: MIT OR Apache-2.0

//! The GPU beside the firmware: memory of a context for it, and a job that it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use agx_abi::uat::{Protection, PAGE_SIZE};
use agxemu_gpu::cdm::Stream;
use agxemu_gpu::execute::Settings;
use agxemu_gpu::fault::{AccessError, Reason};
use agxemu_gpu::job::{Job, Limits, Outcome};
use agxemu_gpu::tlb::{Leaf, Pages, Translation};
use agxemu_gpu::trace::Sink;

use crate::machine::{Level, Machine, Role};

/// What the emulator's user decides about the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Host threads that a job is spread over.
    pub threads: usize,
    /// What an endless job may execute.
    pub limits: Limits,
    /// Log every instruction and access.
    pub trace: bool,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        Self {
            threads,
            limits: Limits::default(),
            trace: false,
        }
    }
}

/// Counts what the host may have done to page tables: it tells of nothing, but it does it before it
/// sends a message that depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

impl Epoch {
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Memory of a context with the rights of the GPU.
struct ContextPages {
    machine: Arc<dyn Machine>,
    slot: u8,
    epoch: Epoch,
}

impl Pages for ContextPages {
    fn page(&self, va: u64, write: bool) -> Result<Translation, AccessError> {
        let found = self.machine.translate(self.slot, va, Role::Gpu, write)?;
        let rights = Protection::from_entry(found.pte).gpu();
        let host_page = |pa: u64| {
            self.machine.host_page(pa & !(PAGE_SIZE - 1)).map_err(|_| {
                // A mapping of nothing: no reason code says this, it is as good as none.
                AccessError {
                    va,
                    reason: Reason::Unmapped,
                    level: 3,
                    write,
                }
            })
        };
        let leaf = Leaf {
            table: host_page(found.pte_at)?,
            offset: (found.pte_at % PAGE_SIZE) as usize,
            value: found.pte,
        };
        Ok(Translation {
            leaf,
            page: host_page(found.pa)?,
            read: rights.read,
            write: rights.write,
        })
    }

    fn epoch(&self) -> u64 {
        self.epoch.0.load(Ordering::Relaxed)
    }
}

/// Launches of a job that the log names: a stream may have millions.
const LISTED: u64 = 1000;

/// A job on the GPU. When this goes away it is stopped, and does not touch memory any more.
#[derive(Debug)]
pub(crate) struct Running {
    job: Arc<Job>,
    /// When it was started.
    pub(crate) since: u64,
}

impl Running {
    /// Starts job `number`.
    pub(crate) fn start(
        machine: &Arc<dyn Machine>,
        number: u64,
        stream: Stream,
        settings: Settings,
        options: Options,
        epoch: &Epoch,
    ) -> Self {
        let job = Arc::new(Job::new(stream, settings, options.limits));
        let pages = ContextPages {
            machine: machine.clone(),
            slot: settings.vm_slot,
            epoch: epoch.clone(),
        };
        let work = {
            let (job, machine) = (job.clone(), machine.clone());
            move || {
                let sink = {
                    let machine = machine.clone();
                    move |line: &str| machine.log(Level::Debug, line)
                };
                let trace = options.trace.then_some(&sink as &Sink);
                let mut launches = 0;
                job.run(&pages, trace, &mut |launch| {
                    launches += 1;
                    if launches <= LISTED {
                        machine.log(Level::Info, &format!("job {number}: launch {launch}"));
                    } else if launches == LISTED + 1 {
                        let line = format!("job {number}: more launches, which are not listed");
                        machine.log(Level::Info, &line);
                    }
                });
            }
        };
        let since = machine.ticks();
        if let Err(e) = machine.clone().background(Box::new(work)) {
            job.fail(format!("the emulator has no thread for the GPU: {e}"));
        }
        Self { job, since }
    }

    /// What came of it, once it is over.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.job.outcome()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.job.stop();
        self.job.wait();
    }
}
