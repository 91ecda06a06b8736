// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Queues of clients.
//!
//! ```text
//!   Queue (a client's handle) ──► JobQueue ──► task: Ring, the hardware's side of the queue
//!     │ dropped, destroyed: cancels its scope           │
//!     ▼                                                 ▼
//!   scope ────────────────────────────────────► jobs not begun are cancelled, those in flight awaited,
//!                                               then DestroyContext, then the memory may go
//! ```
//!
//! A queue has a scope of its own below the device's. Whoever ends it, the client, the close of its file, or
//! the device that goes, cancels the scope; its task then brings everything to an end, in its own time, and
//! nobody has to wait for it but the device.

use crate::{
    deferred_drop::DeferredDrop,
    device::RegistrationData,
    file::{
        must_be_zero,
        AsahiFile,
        File,
        RegisteredDevice, //
    },
    gpu::Gpu,
    job::{
        compute::Common,
        context::Context,
        memory::JobMemory,
        ring::{
            Job,
            QueueRing,
            TIMEOUT, //
        },
        work_queue::{
            WorkQueue,
            MAX_IN_FLIGHT, //
        }, //
    },
    uapi,
    vm::Vm, //
};
use agx_abi::{
    channel::PipeKind,
    uat::USER_END, //
};
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
use kasync::Scope;
use kernel::{
    bindings,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// Number of the next queue, by which the firmware tells queues apart. 0 and 1 are the firmware's own.
static NUMBER: Atomic<u32> = Atomic::new(2);

/// The highest that is open to clients. The two above are reserved.
const MAX_PRIORITY: Priority = Priority::Medium;

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

/// By which number others know a client.
fn client_id(file: &File) -> u64 {
    // `drm::File` is a transparent wrapper of it.
    let raw: *const bindings::drm_file = core::ptr::from_ref(file).cast();
    // SAFETY: The file is open, and this never changes.
    unsafe { (*raw).client_id }
}

impl Queue {
    fn new(
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
        let ring = QueueRing::new(firmware, gpu.deferred(), &vm, context, compute, usage, label)?;

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
        Ok(Arc::new(queue, GFP_KERNEL)?)
    }

    /// The GPU that it is a queue of.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The VM that its jobs run in.
    pub(crate) fn vm(&self) -> &Arc<Vm> {
        &self.vm
    }

    /// What all of its commands have in common.
    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// Memory for a job of `count` commands.
    pub(crate) fn job_memory(&self, count: usize) -> Result<JobMemory> {
        self.gpu.collect_garbage();
        JobMemory::new(
            self.gpu.heaps(),
            self.vm.heap(),
            self.common.preempt1_size,
            count,
        )
    }

    /// The part of a submit that may fail. May wait for other jobs of the queue to complete.
    pub(crate) fn prepare(
        &self,
        job: Job,
        dependencies: KVVec<ARef<Fence>>,
    ) -> Result<Prepared<'_, QueueRing>> {
        let credits = job.commands.len();
        self.jobs
            .prepare(DeferredDrop::new(job)?, credits, dependencies)
    }

    /// Takes no more jobs, cancels those that have not begun, and ends when the others have.
    fn close(&self) {
        self.scope.cancel();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

impl AsahiFile {
    /// The queue with number `id`.
    pub(crate) fn queue(&self, id: u32) -> Result<Arc<Queue>> {
        self.queues.lock().get(id).cloned()
    }

    pub(crate) fn queue_create(
        _dev: &RegisteredDevice,
        reg: &RegistrationData<'_>,
        data: &mut uapi::QueueCreate,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.flags.into()])?;
        let priority = Priority::from_level(data.priority)?;
        if priority > MAX_PRIORITY || data.usc_exec_base > USER_END {
            return Err(EINVAL);
        }
        let vm = file.inner().vm(data.vm_id)?;
        let device = CString::try_from(reg.dev().name())?;
        let label = Label {
            device: Some(Arc::new(device, GFP_KERNEL)?),
            client_id: client_id(file),
        };
        let usage = file.inner().compute.clone();
        let queue = Queue::new(&reg.gpu, vm, priority, data.usc_exec_base, usage, label)?;
        data.queue_id = file.inner().queues.lock().insert(queue)?;
        Ok(())
    }

    pub(crate) fn queue_destroy(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::QueueDestroy,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        let queue = file.inner().queues.lock().remove(data.queue_id)?;
        // Also for those who are about to submit to it.
        queue.close();
        Ok(())
    }
}
