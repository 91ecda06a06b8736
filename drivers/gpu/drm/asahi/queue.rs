// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Queues of clients.
//!
//! ```text
//!   Queue (a client's handle) ──► JobQueue ──► task: QueueRing, the hardware's side of the queue
//!     │ dropped, destroyed: cancels its scope           │
//!     ▼                                                 ▼
//!   scope ────────────────────────────────────► jobs not begun are cancelled, those in flight
//!                                               awaited, then DestroyContext; then the memory goes
//! ```
//!
//! A queue has a scope of its own below the device's. It is cancelled when the client destroys the
//! queue, when the client's file is closed, and when the device goes. The queue's task then brings
//! everything to an end, in its own time, and only the end of the device waits for it.

use crate::{
    deferred_drop::DeferredDrop,
    gpu::Gpu,
    handles::Handles,
    job::{
        compute::Common,
        context::Context,
        memory::JobMemory,
        ring::{
            Job,
            QueueRing,
            RingParts,
            TIMEOUT, //
        },
        work_queue::{
            WorkQueue,
            MAX_IN_FLIGHT, //
        }, //
    },
    vm::Vm, //
};
use agx_abi::channel::PipeKind;
use dma_fence::Fence;
use jobqueue::{
    Config,
    EngineUsage,
    JobQueue,
    Label,
    Names,
    OnError,
    Prepared,
    Priority, //
};
use kasync::{
    block_on,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// Number of the next queue, by which the firmware tells queues apart. 0 and 1 are the firmware's
/// own.
static NUMBER: Atomic<u32> = Atomic::new(2);

/// How many jobs a client may have in a queue before it has to wait in the submit.
const MAX_JOBS: usize = 256;

/// A queue.
pub(crate) struct Queue {
    gpu: Arc<Gpu>,
    vm: Arc<Vm>,
    common: Common,
    jobs: JobQueue<QueueRing>,
    scope: Scope,
}

impl Queue {
    /// Returns a queue in `vm`. Nothing is told to the firmware before the first job.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the firmware is dead.
    pub(crate) fn new(
        gpu: &Arc<Gpu>,
        vm: Arc<Vm>,
        priority: Priority,
        usc_exec_base: u64,
        usage: Arc<EngineUsage>,
        label: Label,
    ) -> Result<Arc<Self>> {
        gpu.firmware().crash().check()?;
        let number = NUMBER.fetch_add(1, Relaxed);
        let (firmware, heaps) = (gpu.firmware(), gpu.heaps());
        gpu.collect_garbage();

        let context = Context::new(heaps, number)?;
        let compute = WorkQueue::new(
            firmware,
            heaps,
            &context,
            PipeKind::Compute,
            priority.rank() as usize,
            number,
        )?;
        let common = Common {
            queue: number,
            usc_exec_base,
            queue_info: compute.va(),
            notifier: context.notifier.va(),
            notifier_unk_buf: context.notifier.unk_buf_va(),
            stats: firmware.stats().compute,
            preempt1_size: gpu.chip().buffers.compute_preempt1.into(),
        };
        let ring = QueueRing::new(RingParts {
            firmware,
            heaps,
            deferred: gpu.deferred(),
            vm: &vm,
            context,
            compute,
            usage,
            label,
        })?;

        let scope = gpu.scope().child(c"queue")?;
        let config = Config {
            names: {
                static NAMES: Names = Names::new(c"asahi", c"compute");
                &NAMES
            },
            credits: MAX_IN_FLIGHT,
            jobs: MAX_JOBS,
            memory: usize::MAX,
            timeout: TIMEOUT,
            on_error: OnError::Ignore,
        };
        let jobs = JobQueue::new(&scope, c"queue", ring, &config)?;
        let queue = Self {
            gpu: gpu.clone(),
            vm,
            common,
            jobs,
            scope,
        };
        Ok(Arc::new(queue, GFP_KERNEL_ACCOUNT)?)
    }

    /// Returns the GPU that it is a queue of.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Returns the VM that its jobs run in.
    pub(crate) fn vm(&self) -> &Arc<Vm> {
        &self.vm
    }

    /// Returns what all of its commands have in common.
    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// Returns memory for a job of `count` commands.
    pub(crate) fn job_memory(&self, count: usize) -> Result<JobMemory> {
        self.gpu.collect_garbage();
        JobMemory::new(
            self.gpu.heaps(),
            self.vm.heap(),
            self.common.preempt1_size,
            count,
        )
    }

    /// Does the part of a submit that may fail. May wait for other jobs of the queue to complete.
    pub(crate) fn prepare(
        &self,
        job: Job,
        dependencies: KVVec<ARef<Fence>>,
    ) -> Result<Prepared<'_, QueueRing>> {
        let credits = job.commands.len();
        self.jobs
            .prepare(DeferredDrop::new(job)?, credits, dependencies)
    }

    /// Takes no more jobs, cancels those that have not begun, and ends when the others have. Does
    /// not wait for that.
    pub(crate) fn close(&self) {
        self.scope.cancel();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

/// The queues of a client that has closed its file.
///
/// A client may have very many. So they are closed by a worker, not by the thread that closes the
/// file; and the worker lets the tasks of those that it has closed come to their turn before it
/// closes more, so that the tasks of other clients' queues are not behind all of them.
pub(crate) struct ClosedQueues(Handles<Arc<Queue>>);

impl ClosedQueues {
    /// How many queues are closed at a time.
    const BATCH: usize = 32;

    /// Has `queues` closed soon.
    pub(crate) fn close(mut queues: Handles<Arc<Queue>>) {
        let Some(first) = queues.pop() else {
            return;
        };
        let deferred = first.gpu.deferred().clone();
        drop(first);
        // Without memory for the worker's list they are closed here and now.
        if let Ok(queues) = DeferredDrop::new(Self(queues)) {
            deferred.queue(queues);
        }
    }

    /// Returns when the tasks have been polled that were woken before.
    fn let_tasks_run(scope: &Scope) {
        // A task that is woken later is polled later. If it cannot be made, as the device goes,
        // there is nobody to be considerate of.
        if let Ok(task) = scope.spawn(c"turn", async {}) {
            let _ = block_on(task);
        }
    }
}

impl Drop for ClosedQueues {
    fn drop(&mut self) {
        let mut count = 0;
        while let Some(queue) = self.0.pop() {
            let gpu = queue.gpu.clone();
            drop(queue);
            count += 1;
            if count % Self::BATCH == 0 {
                Self::let_tasks_run(gpu.scope());
            }
        }
    }
}
