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
    device::RegistrationData,
    file::{
        must_be_zero,
        AsahiFile,
        File,
        RegisteredDevice, //
    },
    firmware::Firmware,
    gpu::Gpu,
    graveyard::{
        Grave,
        Graveyard, //
    },
    job::{
        compute::Common,
        context::Context,
        hardware::{
            Hardware,
            Plan,
            Running, //
        },
        memory::JobMemory,
        work_queue::{
            WorkQueue,
            MAX_IN_FLIGHT, //
        }, //
    },
    timestamps::Timestamps,
    uapi,
    vm::Vm, //
};
use agx_abi::{
    channel::PipeKind,
    uat::USER_END, //
};
use core::task::{
    self,
    Poll, //
};
use dma_fence::Fence;
use dma_fence::Timeline;
use jobqueue::{
    Config,
    EngineUsage,
    JobQueue,
    Label,
    Names,
    OnError,
    Prepared,
    Priority,
    Ring,
    Verdict,
    Work, //
};
use kasync::Scope;
use kernel::sync::aref::ARef;
use kernel::{
    bindings,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::Delta, //
};

/// Number of the next queue, by which the firmware tells queues apart.
static NUMBER: Atomic<u32> = Atomic::new(1);

/// The highest that is open to clients. The two above are reserved.
const MAX_PRIORITY: Priority = Priority::Medium;

/// How many jobs a client may have in a queue before it has to wait in the submit.
const MAX_JOBS: usize = 256;
/// How long a job may be in flight until rings and stamps are looked at, in case an interrupt or an event was
/// lost.
const PATIENCE: Delta = Delta::from_millis(2000);
/// How often they are looked at, while no command of any queue completes, until the firmware is given up. It stops
/// commands that take too long by itself, much earlier; but one that it has not begun may wait for queues of higher
/// priority as long as those have something to do.
const MAX_COMPLAINTS: u32 = 30;

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

/// A job.
pub(crate) struct Job {
    plan: Plan,
    _timestamps: KVec<Arc<Timestamps>>,
}

impl Job {
    /// `timestamps`: what the job's commands write to.
    pub(crate) fn new(plan: Plan, timestamps: KVec<Arc<Timestamps>>) -> Result<KBox<Grave<Self>>> {
        Grave::new(Self {
            plan,
            _timestamps: timestamps,
        })
    }
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
        let ring = QueueRing {
            hardware: Hardware::new(firmware.clone(), vm.space().clone(), context, compute),
            firmware: firmware.clone(),
            graveyard: gpu.graveyard().clone(),
            vm: Some(Grave::new(vm.clone())?),
            usage,
            label,
            silence: Silence::default(),
        };

        let scope = gpu.scope().child(c"queue")?;
        let config = Config {
            names: {
                static NAMES: Names = Names::new(c"asahi", c"compute");
                &NAMES
            },
            credits: MAX_IN_FLIGHT,
            jobs: MAX_JOBS,
            memory: usize::MAX,
            patience: PATIENCE,
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
        job: KBox<Grave<Job>>,
        dependencies: KVVec<ARef<Fence>>,
    ) -> Result<Prepared<'_, QueueRing>> {
        let credits = job.plan.commands.len();
        self.jobs.prepare(job, credits, dependencies)
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

/// The hardware's side of a queue.
pub(crate) struct QueueRing {
    hardware: Hardware,
    firmware: Arc<Firmware>,
    graveyard: Arc<Graveyard>,
    /// Absent only while it is dropped. Its memory must be there as long as jobs are in flight.
    vm: Option<KBox<Grave<Arc<Vm>>>>,
    usage: Arc<EngineUsage>,
    label: Label,
    silence: Silence,
}

/// How long the firmware has completed nothing, as seen by a queue that waits.
#[derive(Default)]
struct Silence {
    progress: u32,
    complaints: u32,
}

impl Silence {
    /// Counts a complaint, the `n`th about a job. Returns how many there were since the firmware completed something.
    fn complain(&mut self, n: u32, progress: u32) -> u32 {
        if n == 1 || progress != self.progress {
            *self = Self {
                progress,
                complaints: 0,
            };
        }
        self.complaints += 1;
        self.complaints
    }
}

/// A job that the firmware has.
pub(crate) struct Flight {
    running: Running,
    _work: Work,
}

impl Ring for QueueRing {
    type Job = KBox<Grave<Job>>;
    type Running = Flight;

    fn label(&self) -> Label {
        self.label.clone()
    }

    async fn start(&mut self, job: &mut Self::Job) -> Result<Flight> {
        Ok(Flight {
            running: self.hardware.start(&job.plan).await?,
            _work: self.usage.begin(),
        })
    }

    fn poll_finish(&mut self, flight: &mut Flight, cx: &mut task::Context<'_>) -> Poll<Result> {
        flight.running.poll(cx)
    }

    async fn stalled(&mut self, flight: &Flight, n: u32, _timeline: Timeline) -> Verdict {
        if self.silence.complain(n, self.firmware.progress()) < MAX_COMPLAINTS {
            self.firmware.recheck();
            flight.running.look();
        } else {
            self.firmware
                .give_up(fmt!("a job has been in flight for too long"));
        }
        // In the end the job is found to be over, or the firmware to have crashed, which ends it.
        Verdict::Wait(PATIENCE)
    }

    fn retire(&mut self, job: Self::Job) {
        self.graveyard.bury(job);
    }

    fn idle(&mut self) {
        self.hardware.rest();
    }

    async fn end(mut self) {
        if let Err(e) = self.hardware.destroy().await {
            // If the firmware still knows the context its memory may not be used again.
            self.firmware
                .give_up(fmt!("the context of a queue was not destroyed: {e:?}"));
        }
    }
}

impl Drop for QueueRing {
    fn drop(&mut self) {
        if let Some(vm) = self.vm.take() {
            self.graveyard.bury(vm);
        }
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
