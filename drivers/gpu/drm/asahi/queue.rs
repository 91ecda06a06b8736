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
    firmware::Client,
    gpu::Gpu,
    handles::Handles,
    job::{
        context::{
            Context,
            ContextAddresses, //
        },
        in_flight::Engines,
        memory::{
            JobMemory,
            JobMemoryPool, //
        },
        planned::{
            Job,
            Queued, //
        },
        queues::Queues,
        render::Render,
        render_memory::{
            RenderCommon,
            RenderMemory, //
        },
        render_queues::{
            RenderCell,
            RenderQueues, //
        },
        ring::{
            QueueRing,
            RingParts,
            TIMEOUT, //
        },
        scene::Machine,
        sequence::Common,
        tvb::Tvb,
        work_queue::{
            WorkQueue,
            MAX_IN_FLIGHT, //
        }, //
    },
    quota::{
        Pinned,
        Share,
        QUEUE_BYTES, //
    },
    small_vec::SmallVec,
    vm::Vm, //
};
use agx_abi::{
    channel::PipeKind,
    microsequence::{
        StartFragment,
        StartVertex, //
    },
    tiling::Tiling, //
};
use dma_fence::Fence;
use jobqueue::{
    Config,
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
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

/// Number of the next queue, by which the firmware tells queues apart. 0 and 1 are the firmware's
/// own.
static NUMBER: Atomic<u32> = Atomic::new(2);

/// The number of jobs a client may have in a queue before it has to wait in the submit.
const MAX_JOBS: usize = 256;

/// A queue.
#[pin_data(PinnedDrop)]
pub(crate) struct Queue {
    gpu: Arc<Gpu>,
    vm: Arc<Vm>,
    /// Parameters that all compute commands share.
    common: Common,
    /// Pool of memory for compute commands.
    #[pin]
    job_memory: JobMemoryPool,
    context: ContextAddresses,
    /// The rank of the queue among the priorities: 0 is the highest.
    rank: usize,
    /// Parameters that all renders share; `None` before the first render, as a queue of a client
    /// that only computes never needs them.
    #[pin]
    renders: Mutex<Option<Arc<RenderCommon>>>,
    render_cell: Arc<RenderCell>,
    jobs: JobQueue<QueueRing>,
    scope: Scope,
}

/// The owner of a queue, as messages and the limits of memory have it.
pub(crate) struct Owner {
    pub(crate) client: Client,
    /// The owner of the queue's own memory.
    pub(crate) share: Share,
}

impl Queue {
    /// Returns a queue in `vm`. Nothing is told to the firmware before the first job.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the firmware is dead, or the device is being unbound.
    pub(crate) fn new(
        gpu: &Arc<Gpu>,
        vm: Arc<Vm>,
        priority: Priority,
        usc_exec_base: u64,
        engines: Engines,
        label: Label,
        owner: Owner,
    ) -> Result<Arc<Self>> {
        gpu.firmware().crash().check()?;
        let number = NUMBER.fetch_add(1, Relaxed);
        let (firmware, heaps) = (gpu.firmware(), gpu.heaps());
        let (own, _coming) = Pinned::reserve(QUEUE_BYTES, owner.share)?;

        let context = Context::new(heaps, number, owner.client)?;
        let addresses = context.addresses();
        let rank = priority.rank() as usize;
        let kind = PipeKind::Compute;
        let compute = WorkQueue::new(firmware, heaps, &addresses, kind, rank, number)?;
        let common = Common {
            abi: gpu.heaps().abi,
            queue: number,
            usc_exec_base,
            queue_info: compute.va(),
            notifier: addresses.notifier,
            notifier_unk_buf: addresses.notifier_unk_buf,
            stats: firmware.stats().compute,
        };
        let render_cell = RenderCell::new()?;
        let ring = QueueRing::new(RingParts {
            firmware,
            heaps,
            deferred: gpu.deferred(),
            vms: gpu.vms(),
            vm: &vm,
            context,
            queues: Queues::new(compute, render_cell.clone())?,
            engines,
            label,
            own,
        })?;

        let scope = gpu.scope().child(c"queue").map_err(|e| gpu.reason(e))?;
        let config = Config {
            names: {
                static NAMES: Names = Names::new(c"asahi", c"gpu");
                &NAMES
            },
            credits: MAX_IN_FLIGHT,
            jobs: MAX_JOBS,
            memory: usize::MAX,
            timeout: TIMEOUT,
            on_error: OnError::Ignore,
        };
        let preempt1 = u64::from(gpu.chip().buffers.compute_preempt1);
        let jobs = JobQueue::new(&scope, c"queue", ring, &config).map_err(|e| gpu.reason(e))?;
        Arc::pin_init(
            pin_init!(Self {
                gpu: gpu.clone(),
                vm,
                common,
                job_memory <- JobMemoryPool::new(preempt1),
                context: addresses,
                rank,
                renders <- new_mutex!(None),
                render_cell,
                jobs,
                scope,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the GPU that it is a queue of.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Returns what all of its compute commands have in common.
    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// Returns memory for the compute commands of a job, of which there are `count`.
    pub(crate) fn job_memory(&self, count: usize) -> Result<JobMemory> {
        match self.job_memory.take(count) {
            Some(memory) => Ok(memory),
            None => self.more_job_memory(count),
        }
    }

    #[cold]
    fn more_job_memory(&self, count: usize) -> Result<JobMemory> {
        let client = self.vm.heap();
        self.job_memory.grow(self.gpu.heaps(), client, count)
    }

    /// Returns how the frame of `render` is cut into tiles; `None` if it cannot be.
    pub(crate) fn tiling(&self, render: &Render<'_>) -> Option<Tiling> {
        self.machine().tiling(render)
    }

    /// Returns memory for the renders of a job, whose frames are cut into tiles by `tilings`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if a client wants more than a part of the machine's memory.
    #[inline(never)]
    pub(crate) fn render_memory(&self, tilings: &SmallVec<Tiling, 1>) -> Result<RenderMemory> {
        let common = self.render_common()?;
        RenderMemory::new(self.gpu.heaps(), &self.vm, &common, tilings)
    }

    /// Returns what all renders have in common. The first time, makes what they need.
    fn render_common(&self) -> Result<Arc<RenderCommon>> {
        let mut renders = self.renders.lock();
        if let Some(common) = &*renders {
            return Ok(common.clone());
        }
        let (firmware, heaps) = (self.gpu.firmware(), self.gpu.heaps());
        let number = self.common.queue;
        let queue = |kind| WorkQueue::new(firmware, heaps, &self.context, kind, self.rank, number);
        let (vertex, fragment) = (queue(PipeKind::Vertex)?, queue(PipeKind::Fragment)?);
        let tvb = Tvb::new(heaps, &self.vm)?;
        let stats = firmware.stats();
        let common = RenderCommon {
            vertex: Common {
                queue_info: vertex.va(),
                stats: stats.vertex + StartVertex::STATS_OFFSET,
                ..self.common
            },
            fragment: Common {
                queue_info: fragment.va(),
                stats: stats.fragment + StartFragment::STATS_OFFSET,
                ..self.common
            },
            machine: self.machine(),
            tvb: tvb.clone(),
        };
        let common = Arc::new(common, GFP_KERNEL_ACCOUNT)?;
        let slots = &self.gpu.uat().slots;
        let queues = RenderQueues::new(vertex, fragment, &tvb, slots)?;
        self.render_cell.put(KBox::new(queues, GFP_KERNEL_ACCOUNT)?);
        *renders = Some(common.clone());
        Ok(common)
    }

    /// Returns what renders have to know of the GPU.
    fn machine(&self) -> Machine {
        let (id, buffers) = (self.gpu.id(), &self.gpu.chip().buffers);
        Machine {
            abi: self.gpu.heaps().abi,
            clusters: id.clusters,
            clustering: buffers.clustering.filter(|_| id.clusters > 1),
            preempt: buffers.preempt,
            tiling_control: buffers.tiling_control,
            core_mask: id.core_mask_words(),
        }
    }

    /// Prepares a job: the part of a submit that may fail. May wait for other jobs of the queue to
    /// complete.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is unbound meanwhile, `ECANCELED` if the queue is destroyed, and
    /// those of [`JobQueue::prepare`].
    pub(crate) fn prepare(
        &self,
        job: Job,
        dependencies: KVVec<ARef<Fence>>,
    ) -> Result<Prepared<'_, QueueRing>> {
        let credits = job.commands.len();
        let job = Queued::Job(DeferredDrop::new(job)?);
        self.jobs
            .prepare(job, credits, dependencies)
            .map_err(|e| self.gpu.reason(e))
    }

    /// Closes the queue without waiting. It takes no more jobs, cancels those that have not begun,
    /// and ends when the others have completed.
    pub(crate) fn close(&self) {
        self.scope.cancel();
    }
}

#[pinned_drop]
impl PinnedDrop for Queue {
    fn drop(self: Pin<&mut Self>) {
        self.close();
    }
}

/// The queues of a client that has closed its file.
///
/// A client may have very many queues. So a worker closes them, not the thread that closes the
/// file. It closes them in batches, and waits for the tasks of a batch to be polled before it
/// closes the next one. So tasks of other clients' queues do not wait behind all of them.
pub(crate) struct ClosedQueues(Handles<Arc<Queue>>);

impl ClosedQueues {
    /// Number of queues in a batch.
    const BATCH: usize = 32;

    /// Returns the place for the queues of a file. It is allocated when the file is opened: a
    /// thread that ends has to close them, with memory or without.
    pub(crate) fn prepare() -> Result<KBox<DeferredDrop<Self>>> {
        DeferredDrop::new(Self(Handles::new(0)))
    }

    /// Hands `queues` to the worker that closes them, in `closed`.
    pub(crate) fn close(mut queues: Handles<Arc<Queue>>, mut closed: KBox<DeferredDrop<Self>>) {
        let Some(first) = queues.pop() else {
            return;
        };
        let closing = first.gpu.closing().clone();
        drop(first);
        closed.0 = queues;
        closing.queue(closed);
    }

    /// Returns when the tasks have been polled that were woken before.
    fn let_tasks_run(scope: &Scope) {
        // Tasks are polled in the order in which they are woken, so this one is polled after those
        // of the batch. If it cannot be created, without memory or while the device is unbound,
        // the next batch follows at once.
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
