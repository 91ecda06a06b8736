// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A client of the device: what a driver has for each open file.

use crate::{
    gpu::Gpu,
    ring::{
        GpuRing,
        Job, //
    }, //
};
use dma_fence::Fence;
use jobqueue::{
    Config,
    JobQueue,
    Names,
    OnError, //
};
use kasync::Scope;
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Atomic,
        Arc, //
    },
    time::Delta, //
};

static NAMES: Names = Names::new(c"ring_sample", c"ring");

/// Jobs that the GPU has room for.
pub(crate) const ROOM: usize = 4;

/// A scope for all that is done for an open file, and its queue.
pub(crate) struct Client {
    pub(crate) scope: Scope,
    pub(crate) queue: JobQueue<GpuRing>,
    pub(crate) gpu: Arc<Gpu>,
    /// Jobs that came back.
    pub(crate) retired: Arc<Atomic<u64>>,
}

impl Client {
    /// Returns a client whose GPU is reset if a job takes longer than twice `timeout`.
    pub(crate) fn new(device: &Scope, timeout: Delta) -> Result<Self> {
        Self::with(device, timeout, OnError::Ignore)
    }

    /// Returns such a client, for whose jobs failures have an effect.
    pub(crate) fn with(device: &Scope, timeout: Delta, on_error: OnError) -> Result<Self> {
        let scope = device.child(c"client")?;
        let config = Config {
            names: &NAMES,
            credits: ROOM,
            // More than are in flight, so that the GPU always has the next one. A thread that wants
            // to prepare more waits.
            jobs: 4 * ROOM,
            memory: usize::MAX,
            timeout,
            on_error,
        };
        let gpu = Gpu::new()?;
        let queue = JobQueue::new(&scope, c"queue", GpuRing::new(gpu.clone()), &config)?;
        let retired = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        Ok(Self {
            scope,
            queue,
            gpu,
            retired,
        })
    }

    /// Does what a submit ioctl does, and returns the fence of the job.
    ///
    /// All that may fail comes before `commit()`. `Documentation/jobqueue.rst` says how a driver
    /// passes the fence to userspace: in two halves, the first of which comes before that as well.
    pub(crate) fn submit(
        &self,
        hangs: bool,
        credits: usize,
        after: &[&Fence],
    ) -> Result<ARef<Fence>> {
        let job = Job {
            hangs,
            retired: self.retired.clone(),
        };
        self.queue.prepare(job, credits, after)?.commit()
    }
}
