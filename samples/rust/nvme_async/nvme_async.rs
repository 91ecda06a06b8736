// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver for NVMe disks on kasync: QEMU's `nvme` and, by the specification, real ones.
//!
//! ```text
//!  file.rs, ioctl.rs  threads: read, write, and others block_on
//!  door.rs        what a file that is open has of the device
//!  io.rs          a command for each buffer             start(), finish().await
//!  queue.rs       a pair of queues for each processor   InFlight: tags, memory
//!  ───────────────────────────────────────────────────────────────────────────
//!  controller.rs  brought up, reset, shut down          sleep, timeout
//!  state.rs       which of these it is at               watch
//!  tasks.rs       recover, abort, watch, events         tasks
//!  ending.rs      stops it, without memory             a task, made before it is needed
//!  identify.rs, command.rs, regs.rs, buffer.rs          what the device says and is told
//! ```
//!
//! It shows what a driver is like whose waiting is all `await`: many commands at a time, a command
//! whose client has gone, a reset with everything in flight, unbinding under load. It is no block
//! device: 7.3 has no access to a request's data in Rust. `Documentation/nvme.rst` goes through it.

use kasync::{
    block_on,
    irq,
    sync::{
        mpsc,
        watch,
        Notify,
        Semaphore, //
    },
    time::Delta,
    Executor,
    Scope, //
};
use kernel::{
    bindings,
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    cpumask::CpumaskVar,
    device,
    dma::{
        Device as _,
        DmaMask, //
    },
    error::to_result,
    irq::IrqRequest,
    new_mutex,
    pci,
    prelude::*,
    sync::Arc, //
};

mod buffer;
mod command;
mod controller;
mod door;
mod ending;
mod file;
mod identify;
mod io;
mod ioctl;
mod queue;
mod regs;
mod state;
mod tasks;
#[path = "../vectors.rs"]
mod vectors;

use controller::{
    Controller,
    Counts, //
};
use door::Door;
use ending::Ending;
use file::Node;
use identify::Identity;
use queue::{
    Line,
    Queue, //
};
use regs::Registers;
use state::{
    At,
    State, //
};

/// Entries of the admin queues, and their buffers.
const ADMIN: (usize, usize) = (32, 4);
/// Entries of a pair of queues for I/O, and their buffers.
const IO: (usize, usize) = (128, file::PARTS + buffer::SPARE);

/// The driver's side of a bound device. Fields go in their order.
struct Driver<'bound> {
    /// First, so that nobody opens it any more.
    node: Option<Pin<KBox<Node>>>,
    /// The access of open files to the device.
    door: Arc<Door>,
    /// The tasks that reset, abort and watch.
    tasks: Scope,
    controller: Arc<Controller>,
    /// Stops the controller, after those.
    ending: Ending,
    _lines: KVec<irq::Registration<'bound, Line>>,
    _vectors: KBox<pci::IrqVectorRegistration<'bound>>,
    /// Waits for all tasks that are left.
    _executor: Executor,
}

/// Requests the line of a queue, and has it delivered to a processor.
fn request<'bound>(
    vector: IrqRequest<'bound>,
    queue: &Arc<Queue>,
    cpu: Option<u32>,
) -> Result<irq::Registration<'bound, Line>> {
    let number = vector.irq();
    let (kind, line) = (irq::Kind::Hard, Line(queue.clone()));
    // SAFETY: The registration is part of the driver's data, which the kernel drops.
    let (line, _interrupts) = unsafe { irq::request(vector, c"nvme_async", kind, line)? };
    if let Some(cpu) = cpu.and_then(CpuId::from_u32) {
        let mut mask = CpumaskVar::new_zero(GFP_KERNEL)?;
        mask.set(cpu);
        // SAFETY: The line is requested, and the mask valid.
        let moved = to_result(unsafe { bindings::irq_set_affinity(number, mask.as_raw()) });
        if let Err(e) = moved {
            // Such as a processor that is offline.
            let id = queue.id;
            pr_info!("queue {id}: interrupts come wherever they come: {e:?}\n");
        }
    }
    Ok(line)
}

impl<'bound> Driver<'bound> {
    fn new(pdev: &'bound pci::Device<device::Core<'_>>) -> Result<Self> {
        let command_limit = module_parameters::command_limit.value();
        if command_limit == 0 {
            return Err(EINVAL);
        }
        pdev.enable_device_mem()?;
        // SAFETY: Nothing is mapped for DMA yet.
        unsafe { pdev.dma_set_mask_and_coherent(DmaMask::new::<64>())? };
        let bar = pdev.iomap_region_sized::<{ regs::END }>(0, c"nvme_async")?;
        let registers = Arc::new(Registers::new(pdev.into(), bar)?, GFP_KERNEL)?;
        let trouble = Arc::new(Notify::new(), GFP_KERNEL)?;
        let device: &device::Device<device::Bound> = pdev.as_ref();
        // A vector for the admin queue, and up to one for each processor, at least one.
        let vectors = vectors::allocate(pdev, pci::IrqType::MsiX, 2, nr_cpu_ids() + 1)?;
        let vectors = KBox::new(vectors, GFP_KERNEL)?;
        let content = &raw const *vectors;
        // SAFETY: The box does not move, and is dropped after the registrations.
        let content = unsafe { &*content };
        let executor = Executor::new(c"nvme_async")?;
        let tasks = executor.root().child(c"tasks")?;
        let ending = executor.root().child(c"ending")?;

        // What the boot loader has left, or a binding that could not stop the device: its queues
        // are gone when this returns. Only then may the device access memory.
        block_on(controller::disable(&registers))??;
        pdev.set_master();
        let new =
            |id, (entries, buffers)| Queue::new(device, &registers, &trouble, id, entries, buffers);
        let admin = new(0, ADMIN)?;
        let mut lines = KVec::new();
        lines.push(request(content.index(0)?.into(), &admin, None)?, GFP_KERNEL)?;
        // From here on the device accesses memory. When this goes it has stopped. The lines go
        // after that: they have the queues, too.
        let mut ending = Ending::new(ending, registers.clone(), admin.clone())?;
        block_on(controller::enable(&registers, &admin))??;
        let identity = block_on(Identity::ask(&admin, &trouble))??;
        let wanted = u16::try_from(content.len() - 1)?;
        let count = block_on(controller::set_queues(&admin, &trouble, wanted))??;
        let mut io = KVec::new();
        for id in 1..=count {
            let queue = new(id, IO)?;
            let cpu = Some(u32::from(id - 1));
            let vector = content.index(id.into())?.into();
            lines.push(request(vector, &queue, cpu)?, GFP_KERNEL)?;
            io.push(queue, GFP_KERNEL)?;
        }
        let down = At {
            state: State::Down,
            resets: 0,
        };
        let (state, receiver) = watch::channel(down)?;
        let controller = pin_init!(Controller {
            registers: registers.clone(),
            admin,
            io,
            command_limit: Delta::from_secs(command_limit.into()),
            trouble: trouble.clone(),
            state,
            states <- new_mutex!(receiver, "nvme_async::states"),
            aborts: Semaphore::new(identity.aborts),
            identity,
            counts: Counts::new(),
        });
        let controller = Arc::pin_init(controller, GFP_KERNEL)?;
        block_on(controller.create_queues())??;
        ending.set_controller(&controller);
        controller.is_at(State::Live);
        let door = Door::new(controller.clone())?;
        let mut driver = Self {
            node: None,
            door,
            tasks,
            controller,
            ending,
            _lines: lines,
            _vectors: vectors,
            _executor: executor,
        };
        driver.start()?;
        let disk = &driver.controller.identity.disk;
        pr_info!(
            "{} blocks of {} bytes, {} queues\n",
            disk.blocks,
            disk.block_size,
            driver.controller.io.len(),
        );
        Ok(driver)
    }

    /// Starts the tasks, and shows the disk to users.
    fn start(&mut self) -> Result {
        let (controller, tasks) = (&self.controller, &self.tasks);
        tasks
            .spawn(c"recover", tasks::recover(controller.clone()))?
            .detach();
        for queue in &controller.io {
            let abort = tasks::abort(controller.clone(), queue.clone());
            tasks.spawn(c"abort", abort)?.detach();
            let before = KVec::with_capacity(queue.in_flight.depth(), GFP_KERNEL)?;
            let watch = tasks::watch(controller.clone(), queue.clone(), before);
            tasks.spawn(c"watch", watch)?.detach();
        }
        let (events, received) = mpsc::channel(16)?;
        let ask = tasks::ask_for_events(controller.clone(), events);
        tasks.spawn(c"events", ask)?.detach();
        tasks.spawn(c"told", tasks::log_events(received))?.detach();
        let node = Node::new(self.door.clone())?;
        self.node = Some(KBox::pin_init(node, GFP_KERNEL)?);
        Ok(())
    }
}

impl Drop for Driver<'_> {
    /// Ends all that the device has, and stops it. Needs no memory.
    fn drop(&mut self) {
        // Nobody opens it any more. Those that have are told that it has gone.
        self.node = None;
        self.door.shut();
        self.controller.go();
        self.tasks.cancel();
        // Cannot fail: this is neither in a poll nor in a signalling section.
        let _joined = self.tasks.join_blocking();
        self.ending.end();
        // All that they wait for is over. What is left of the device goes with this.
        self.door.wait_until_empty();
    }
}

struct NvmeAsync;

kernel::pci_device_table!(
    PCI_TABLE,
    <NvmeAsync as pci::Driver>::IdInfo,
    // QEMU's. Others are the business of the kernel's own driver, unless somebody says otherwise
    // (`driver_override`).
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0x0010), ())]
);

impl pci::Driver for NvmeAsync {
    type IdInfo = ();
    type Data<'bound> = Driver<'bound>;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<device::Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let bind = || Driver::new(pdev);
        bind()
    }
}

kernel::module_pci_driver! {
    type: NvmeAsync,
    name: "nvme_async",
    authors: ["The asahi-async authors"],
    description: "A driver on kasync for NVMe disks",
    license: "Dual MIT/GPL",
    params: {
        // As long as the kernel's driver waits: a disk that is a file of a busy host takes some
        // seconds to flush.
        command_limit: u32 {
            default: 30,
            description: "Seconds that a command may take before the controller is reset",
        },
    },
}
