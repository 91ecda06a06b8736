// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A GPU: the parts that its firmware needs, and the order of their construction and teardown.

mod stop;

use crate::{
    alloc::{
        ControlPage,
        Heaps,
        KernelMapping, //
    },
    collector::Collector,
    deferred_drop::DeferredDropQueue,
    domain::PowerDomain,
    ffi,
    firmware::{
        without_allocation,
        Firmware,
        Machine, //
    },
    hw::{
        self,
        ident::GpuId,
        io::IoMapping,
        Chip, //
    },
    mmu::{
        Region,
        Uat, //
    },
    regs::Regs,
    suspend::SuspendNotifier, //
};
use agx_abi::{
    globals::Globals,
    hwdata::{
        HwDataA,
        HwDataB, //
    },
    uat::{
        Protection,
        PAGE_SIZE, //
    },
    Abi,
    Value, //
};
use core::{
    convert::identity,
    future::Future, //
};
use kasync::{
    block_on,
    block_on_interruptible,
    cancelled,
    select,
    Either,
    Executor,
    Prepared,
    Scope, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::to_result,
    platform,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        UniqueArc, //
    }, //
};

/// A GPU whose firmware is up, or was.
///
/// | call | context |
/// |---|---|
/// | [`Gpu::start`], [`Gpu::stop`] | process, may sleep; not in a signalling section |
/// | [`Gpu::shut_down`], [`Gpu::collect_garbage`], [`Gpu::wait_unless_unbound`] | the same |
/// | all others | any |
pub(crate) struct Gpu {
    parts: Parts,
    id: GpuId,
}

/// The parts of a GPU that exist before its coprocessor runs.
struct Parts {
    dev: ARef<Device>,
    chip: &'static Chip,
    regs: Arc<Regs>,
    executor: Executor,
    queues: Scope,
    uat: Arc<Uat>,
    heaps: Heaps,
    deferred: Arc<DeferredDropQueue>,
    vms: Arc<DeferredDropQueue>,
    closing: Arc<DeferredDropQueue>,
    // Dropped before the parts that it uses.
    suspend: SuspendNotifier,
    firmware: Arc<Firmware>,
    fault_control: u32,
    // Further mappings in the firmware's tables. They are dropped after the firmware.
    _control_page: ControlPage,
    _io: KVec<KernelMapping>,
    domain: PowerDomain,
}

impl Gpu {
    /// Brings the GPU of `pdev` up.
    ///
    /// The coprocessor cannot be stopped once it runs. So all checks and allocations that need no
    /// running coprocessor come first. Memory that the coprocessor may use is not freed if a later
    /// step fails.
    ///
    /// # Errors
    ///
    /// The reason is in the log. No memory is leaked except as [`Firmware::shutdown`] documents.
    pub(crate) fn start(
        pdev: &platform::Device<Bound>,
        chip: &'static Chip,
        fault_control: u32,
    ) -> Result<Arc<Self>> {
        let dev: &Device<Bound> = pdev.as_ref();
        let (version, abi) = find_abi(dev, chip)?;
        check_mailbox(dev)?;
        // It may be the reason if the firmware does not come up.
        if let Some(what) = chip.tentative {
            dev_info!(dev, "not known for sure of this chip: {what}\n");
        }

        let regs = Arc::new(Regs::map(pdev, chip)?, GFP_KERNEL)?;
        let room = UniqueArc::<Self>::new_uninit(GFP_KERNEL)?;
        let executor = Executor::new(c"asahi")?;
        let parts =
            Parts::new(dev, chip, abi, regs, &executor, fault_control).inspect_err(|_| {
                let _ = executor.shutdown();
            })?;
        let tasks = parts.prepare_boot(dev).inspect_err(|_| parts.stop())?;
        // What blocking needs is allocated here, before the coprocessor runs.
        let id = match block_on(parts.boot(dev)).and_then(identity) {
            Ok(id) => id,
            Err(e) => {
                // The end of their scope waits for them.
                drop(tasks);
                parts.stop();
                return Err(e);
            }
        };
        tasks.0.start().detach();
        tasks.1.start().detach();

        let [letter, digit] = id.revision_name();
        dev_info!(
            dev,
            "G{}{} {letter}{digit}: {} of {} cores in {} clusters, firmware {}.{} is up\n",
            id.generation.number(),
            id.variant.letter(),
            id.active_cores(),
            id.clusters * id.cores,
            id.clusters,
            version[0],
            version[1]
        );
        Ok(room.write(Self { parts, id }).into())
    }

    /// Closes all queues without waiting. No queue is created and no job is taken from then on, and
    /// all waits for room in a queue end.
    ///
    /// The caller then unregisters the device, and calls [`Gpu::stop`]. May be repeated.
    pub(crate) fn close_queues(&self) {
        self.parts.queues.cancel();
    }

    /// Returns `ENODEV` instead of `error` if [`Gpu::close_queues`] is its reason.
    pub(crate) fn reason(&self, error: Error) -> Error {
        if error == ECANCELED && self.parts.queues.is_cancelled() {
            ENODEV
        } else {
            error
        }
    }

    /// Waits for `event`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if [`Gpu::close_queues`] is called meanwhile, and those of
    /// [`block_on_interruptible`].
    pub(crate) fn wait_unless_unbound(&self, event: impl Future<Output = ()> + Send) -> Result {
        match block_on_interruptible(select(self.parts.queues.cancelled(), event))? {
            Either::Left(()) => Err(ENODEV),
            Either::Right(()) => Ok(()),
        }
    }

    /// Stops the GPU: ends the queues' tasks, then the firmware, which then uses no memory of the
    /// driver any more.
    ///
    /// Waits for jobs in flight, and for fences that other jobs wait for. May be repeated.
    pub(crate) fn stop(&self) {
        self.parts.stop();
    }

    /// Stops the GPU as [`Gpu::stop`] does, for a shutdown or kexec: within some seconds, whatever
    /// jobs wait for.
    ///
    /// Clients may still exist, and the next kernel may reuse the memory.
    pub(crate) fn shut_down(&self) {
        self.parts.shut_down();
    }
}

impl Parts {
    /// Creates the parts of the GPU of `pdev`.
    fn new(
        dev: &Device<Bound>,
        chip: &'static Chip,
        abi: Abi,
        regs: Arc<Regs>,
        executor: &Executor,
        fault_control: u32,
    ) -> Result<Self> {
        let uat = Uat::new(dev, abi, regs.is_cpu_running()?)?;
        let hw_cal_a = Region::find(dev, c"hw-cal-a", HwDataA::size_in(abi))?;
        let hw_cal_b = Region::find(dev, c"hw-cal-b", HwDataB::size_in(abi))?;
        let globals = Region::find(dev, c"globals", Globals::size_in(abi))?;
        // SAFETY: The boot loader wrote them; the firmware gets copies.
        let blobs = unsafe { [hw_cal_a.content(), hw_cal_b.content(), globals.content()] };

        let heaps = Heaps::new(&uat, abi)?;
        let deferred = DeferredDropQueue::new()?;
        let vms = DeferredDropQueue::new()?;
        let closing = DeferredDropQueue::new()?;
        let control_page = ControlPage::new(&uat)?;
        let (io, mut mappings) = map_io(&uat, chip)?;
        let sram = map_sram(&uat, chip)?;
        let sram_va = sram.as_ref().map_or(0, KernelMapping::va);
        if let Some(mapping) = sram {
            mappings.push(mapping, GFP_KERNEL)?;
        }
        let queues = executor.root().child(c"queues")?;
        let firmware = Firmware::new(&Machine {
            dev,
            scope: executor.root(),
            chip,
            regs: &regs,
            uat: &uat,
            heaps: &heaps,
            blobs,
            ttb_base: uat.ttb_base(),
            io: &io,
            sram: sram_va,
            buffer_manager: control_page.addresses(),
            fault_control,
        })?;
        let suspend = SuspendNotifier::new(dev, &firmware, &uat.slots)?;
        let domain = PowerDomain::hold(dev)?;
        Ok(Self {
            dev: dev.into(),
            chip,
            regs,
            executor: executor.clone(),
            queues,
            uat,
            heaps,
            deferred,
            vms,
            closing,
            suspend,
            firmware,
            fault_control,
            _control_page: control_page,
            _io: mappings,
            domain,
        })
    }

    /// Connects to the coprocessor, which need not run, and allocates the tasks that begin when the
    /// firmware is up: the one that collects the garbage that neither clients nor queues collect,
    /// and the one that gives up a firmware that keeps the lock of the translation unit.
    fn prepare_boot(
        &self,
        dev: &Device<Bound>,
    ) -> Result<(
        Prepared<impl Future<Output = ()>>,
        Prepared<impl Future<Output = ()>>,
    )> {
        self.firmware.open(dev)?;

        let collector = Collector {
            heaps: self.heaps.clone(),
            firmware: self.firmware.clone(),
            slots: self.uat.slots.clone(),
        };
        let collector = self.queues.reserve(c"garbage", collector.run())?;

        let (uat, firmware) = (self.uat.clone(), self.firmware.clone());
        let stuck = async move {
            let stuck = firmware.crash().or(uat.stuck());
            if let Either::Left(Ok(())) = select(stuck, cancelled()).await {
                firmware.give_up(fmt!("firmware does not give back the handoff lock"));
            }
        };
        Ok((collector, self.queues.reserve(c"handoff", stuck)?))
    }

    /// Starts the coprocessor, and its firmware on it.
    ///
    /// Allocates nothing, as a coprocessor that runs cannot be stopped. RTKit's worker allocates
    /// the buffers that the firmware asks for, whose sizes are not known before.
    async fn boot(&self, dev: &Device<Bound>) -> Result<GpuId> {
        let was_running = without_allocation(async {
            self.domain.start();
            // The handshake needs the running CPU.
            let was_running = self.regs.start_cpu()?;
            self.uat.handshake().await?;
            Ok::<_, Error>(was_running)
        })
        .await?;
        // Registers of the GPU need not respond before the coprocessor is awake, and an earlier
        // driver may have left it asleep.
        let id = self
            .firmware
            .boot(dev, was_running, || identify(dev, &self.regs, self.chip))
            .await?;
        self.suspend.set_booted();
        Ok(id)
    }
}

impl Gpu {
    /// Returns what is known about its chip.
    pub(crate) fn chip(&self) -> &'static Chip {
        self.parts.chip
    }

    /// Returns what it says about itself.
    pub(crate) fn id(&self) -> &GpuId {
        &self.id
    }

    /// Returns the scope of all tasks that need the firmware: each queue's is a child of it.
    pub(crate) fn scope(&self) -> &Scope {
        &self.parts.queues
    }

    /// Returns its page tables.
    pub(crate) fn uat(&self) -> &Arc<Uat> {
        &self.parts.uat
    }

    /// Returns the heaps, with memory for what its firmware reads and writes.
    pub(crate) fn heaps(&self) -> &Heaps {
        &self.parts.heaps
    }

    /// Returns the worker that frees what tasks may not free themselves.
    pub(crate) fn deferred(&self) -> &Arc<DeferredDropQueue> {
        &self.parts.deferred
    }

    /// Returns the worker that drops address spaces. It does nothing else, as one with very many
    /// mappings takes long, and jobs of other clients would not be freed meanwhile.
    pub(crate) fn vms(&self) -> &Arc<DeferredDropQueue> {
        &self.parts.vms
    }

    /// Returns the worker that closes the queues of closed files. It does nothing else, as each
    /// may take long.
    pub(crate) fn closing(&self) -> &Arc<DeferredDropQueue> {
        &self.parts.closing
    }

    /// Frees garbage by a flush of the firmware's cache, if much memory waits for that. May sleep,
    /// for seconds while the firmware is halted. So the caller does not keep the device registered.
    ///
    /// Does nothing while queues that end flush the cache. These free the garbage, and the caller
    /// would have to wait for all of them.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if a signal is pending. The garbage waits for a later flush then.
    #[inline]
    pub(crate) fn collect_garbage(&self) -> Result {
        if self.parts.heaps.is_garbage_due() {
            self.collect_due_garbage()
        } else {
            Ok(())
        }
    }

    #[cold]
    fn collect_due_garbage(&self) -> Result {
        let control = self.parts.firmware.control();
        if self.parts.firmware.crash().is_set() || control.is_crowded() {
            return Ok(());
        }
        let garbage = self.parts.heaps.take_garbage();
        let flush = select(control.flush(), self.parts.queues.cancelled());
        let flushed = block_on_interruptible(flush);
        if let Ok(Either::Left(Ok(()))) = flushed {
            drop(garbage);
            return Ok(());
        }
        // It may still be written to.
        if let Ok(Either::Left(Err(_))) = flushed {
            self.parts.firmware.give_up(fmt!("cache was not cleaned"));
        }
        self.parts.heaps.put_back(garbage);
        match flushed {
            Err(e) if e == ERESTARTSYS => Err(e),
            // The device goes; or there is no memory for the wait.
            _ => Ok(()),
        }
    }

    /// Returns its firmware.
    pub(crate) fn firmware(&self) -> &Arc<Firmware> {
        &self.parts.firmware
    }

    /// Returns whether shaders survive accesses to memory that is not mapped.
    pub(crate) fn has_soft_faults(&self) -> bool {
        self.parts.fault_control == Globals::FAULT_CONTROL_SOFT
    }
}

/// Checks that the mailbox has its driver. The probe is deferred if it has not.
fn check_mailbox(dev: &Device<Bound>) -> Result {
    // `Device` is a transparent wrapper of `struct device`.
    let raw: *const Device<Bound> = dev;
    // SAFETY: The device is bound.
    to_result(unsafe { ffi::asahi_mailbox_check(raw.cast_mut().cast()) })
}

/// Returns the version of the firmware, and its interface.
fn find_abi(dev: &Device<Bound>, chip: &Chip) -> Result<hw::Firmware> {
    let node = dev.fwnode().ok_or(ENODEV)?;
    let version: [u32; 3] = node.property_read(c"apple,firmware-abi").required_by(dev)?;
    // A version with a fourth number is a test release, which three numbers do not identify.
    let is_exact = node
        .property_count_elem::<u32>(c"apple,firmware-abi")
        .is_ok_and(|n| n == 3);
    if let Some(abi) = chip.abi(version).filter(|_| is_exact) {
        return Ok((version, abi));
    }
    let [major, minor, patch] = version;
    let mut known = chip
        .firmwares
        .iter()
        .map(|([major, minor, _], _)| (major, minor));
    let (first, last) = (known.next().unwrap_or((&0, &0)), known.last());
    let more = if is_exact { "" } else { " of a test release" };
    match last {
        Some(last) => dev_err!(
            dev,
            "firmware interface {major}.{minor}.{patch}{more} is not supported, only {}.{} and {}.{}\n",
            first.0,
            first.1,
            last.0,
            last.1
        ),
        None => dev_err!(
            dev,
            "firmware interface {major}.{minor}.{patch}{more} is not supported, only {}.{}\n",
            first.0,
            first.1
        ),
    }
    Err(ENODEV)
}

/// Reads the identification registers, and checks them against the device tree.
fn identify(dev: &Device<Bound>, regs: &Regs, chip: &Chip) -> Result<GpuId> {
    let raw = regs.read_id()?;
    dev_dbg!(dev, "identification: {raw:x?}\n");
    GpuId::decode(&raw)
        .and_then(|id| id.check(chip).map(|()| id))
        .map_err(|e| {
            dev_err!(dev, "{e}\n");
            EIO
        })
}

/// Maps the GPU's SRAM for the firmware, if there is one.
fn map_sram(uat: &Arc<Uat>, chip: &Chip) -> Result<Option<KernelMapping>> {
    let Some(sram) = &chip.sram else {
        return Ok(None);
    };
    let pages = (sram.phys..sram.phys + sram.size).step_by(PAGE_SIZE as usize);
    let count = (sram.size / PAGE_SIZE) as usize;
    let mapping = KernelMapping::new(uat, &uat.mmio, pages, count, Protection::FW_SHARED_RW)?;
    Ok(Some(mapping))
}

/// Addresses of the MMIO ranges that are mapped for the firmware.
type IoAddresses = KVec<(&'static IoMapping, u64)>;

/// Maps the registers that the firmware uses.
fn map_io(uat: &Arc<Uat>, chip: &'static Chip) -> Result<(IoAddresses, KVec<KernelMapping>)> {
    let mut addresses = KVec::new();
    let mut mappings = KVec::new();

    for io in chip.io_mappings() {
        let offset = io.phys % PAGE_SIZE;
        let pages_each = (offset + u64::from(io.size)).div_ceil(PAGE_SIZE);
        let pages = io
            .elements(chip.dies)
            .flat_map(|phys| (0..pages_each).map(move |page| phys - offset + page * PAGE_SIZE));
        let count = io.elements(chip.dies).count() * pages_each as usize;
        let protection = if io.writable {
            Protection::FW_MMIO_RW
        } else {
            Protection::FW_MMIO_RO
        };
        let mapping = KernelMapping::new(uat, &uat.mmio, pages, count, protection)?;
        addresses.push((io, mapping.va() + offset), GFP_KERNEL)?;
        mappings.push(mapping, GFP_KERNEL)?;
    }
    Ok((addresses, mappings))
}
