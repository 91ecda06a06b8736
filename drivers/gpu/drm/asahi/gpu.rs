// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A GPU: all that it takes to have its firmware up, in the order in which it has to come and go.

use crate::{
    alloc::{
        ControlPage,
        Heaps,
        KernelMapping, //
    },
    deferred_drop::DeferredDropQueue,
    firmware::{
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
    regs::Regs, //
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
    Value, //
};
use kasync::{
    block_on,
    Executor,
    Scope, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    platform,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// A GPU whose firmware is up, or was.
///
/// | call | context |
/// |---|---|
/// | [`Gpu::start`], [`Gpu::stop`] | process, may sleep; not in a signalling section |
/// | all others | any |
pub(crate) struct Gpu {
    dev: ARef<Device>,
    chip: &'static Chip,
    id: GpuId,
    executor: Arc<Executor>,
    queues: Scope,
    uat: Arc<Uat>,
    heaps: Heaps,
    deferred: Arc<DeferredDropQueue>,
    firmware: Arc<Firmware>,
    fault_control: u32,
    // What the firmware has in its tables besides; it goes after the firmware.
    _control_page: ControlPage,
    _io: KVec<KernelMapping>,
}

impl Gpu {
    /// Brings the GPU of `pdev` up. If that fails, the reason is in the log and nothing is left behind.
    pub(crate) fn start(
        pdev: &platform::Device<Bound>,
        chip: &'static Chip,
        fault_control: u32,
    ) -> Result<Arc<Self>> {
        let dev: &Device<Bound> = pdev.as_ref();
        check_abi(dev)?;

        let regs = Arc::new(Regs::map(pdev, chip)?, GFP_KERNEL)?;
        let id = identify(dev, &regs, chip)?;
        let uat = Uat::new(dev)?;
        // The handshake needs it.
        let was_running = regs.start_cpu()?;
        let executor = Executor::new(c"asahi")?;

        uat.handshake()
            .and_then(|()| {
                let parts = Parts {
                    dev,
                    chip,
                    id,
                    regs,
                    was_running,
                    fault_control,
                };
                Self::start_firmware(parts, &uat, &executor)
            })
            .inspect_err(|_| {
                uat.shutdown();
                let _ = executor.shutdown();
            })
    }

    /// The part of [`Gpu::start`] after which the firmware has to be cut off from memory if it fails.
    fn start_firmware(
        parts: Parts<'_>,
        uat: &Arc<Uat>,
        executor: &Arc<Executor>,
    ) -> Result<Arc<Self>> {
        let Parts { dev, chip, id, .. } = parts;

        let hw_cal_a = Region::find(dev, c"hw-cal-a", HwDataA::SIZE)?;
        let hw_cal_b = Region::find(dev, c"hw-cal-b", HwDataB::SIZE)?;
        let globals = Region::find(dev, c"globals", Globals::SIZE)?;
        // SAFETY: The boot loader wrote them; the firmware gets copies.
        let blobs = unsafe { [hw_cal_a.content(), hw_cal_b.content(), globals.content()] };

        let heaps = Heaps::new(uat)?;
        let deferred = DeferredDropQueue::new()?;
        let control_page = ControlPage::new(uat)?;
        let (io, mappings) = map_io(uat, chip)?;

        let firmware = Firmware::boot(&Machine {
            dev,
            scope: executor.root(),
            chip,
            id: &id,
            regs: &parts.regs,
            uat,
            heaps: &heaps,
            blobs,
            ttb_base: uat.ttb_base(),
            io: &io,
            buffer_manager: control_page.addresses(),
            fault_control: parts.fault_control,
            was_running: parts.was_running,
        })?;
        let queues = executor.root().child(c"queues");
        let queues = queues.inspect_err(|_| firmware.shutdown())?;

        let gpu = Self {
            dev: dev.into(),
            chip,
            id,
            executor: executor.clone(),
            queues,
            uat: uat.clone(),
            heaps,
            deferred,
            firmware: firmware.clone(),
            fault_control: parts.fault_control,
            _control_page: control_page,
            _io: mappings,
        };
        let gpu = Arc::new(gpu, GFP_KERNEL).inspect_err(|_| firmware.shutdown())?;

        let [letter, digit] = id.revision_name();
        dev_info!(
            dev,
            "G{}{} {letter}{digit}: {} of {} cores in {} clusters, firmware 13.5 is up\n",
            id.generation.number(),
            id.variant.letter(),
            id.active_cores(),
            id.clusters * id.cores,
            id.clusters
        );
        Ok(gpu)
    }

    /// Ends everything: the queues' tasks, then the firmware. Then it knows no memory of ours any more.
    ///
    /// May be repeated.
    pub(crate) fn stop(&self) {
        self.queues.cancel();
        if let Err(e) = self.queues.join_blocking() {
            dev_err!(self.dev, "queues do not end: {e:?}\n");
        }
        self.deferred.flush();
        self.firmware.shutdown();
        self.uat.shutdown();
        if let Err(e) = self.executor.shutdown() {
            dev_err!(self.dev, "tasks do not end: {e:?}\n");
        }
    }

    /// What is known about its chip.
    pub(crate) fn chip(&self) -> &'static Chip {
        self.chip
    }

    /// What it says about itself.
    pub(crate) fn id(&self) -> &GpuId {
        &self.id
    }

    /// The scope of all tasks that need the firmware: each queue's is a child of it.
    pub(crate) fn scope(&self) -> &Scope {
        &self.queues
    }

    /// Its page tables.
    pub(crate) fn uat(&self) -> &Arc<Uat> {
        &self.uat
    }

    /// Memory for what its firmware reads and writes.
    pub(crate) fn heaps(&self) -> &Heaps {
        &self.heaps
    }

    /// What its tasks may not free.
    pub(crate) fn deferred(&self) -> &Arc<DeferredDropQueue> {
        &self.deferred
    }

    /// Has the firmware clean its cache, if much memory waits for that. May sleep.
    pub(crate) fn collect_garbage(&self) {
        if !self.heaps.is_garbage_due() {
            return;
        }
        let garbage = self.heaps.take_garbage();
        match block_on(self.firmware.control().flush()) {
            Ok(Ok(())) => drop(garbage),
            _ => {
                self.firmware.give_up(fmt!("cache was not cleaned"));
                // It may still be written to.
                core::mem::forget(garbage);
            }
        }
    }

    /// Its firmware.
    pub(crate) fn firmware(&self) -> &Arc<Firmware> {
        &self.firmware
    }

    /// Whether shaders survive accesses to memory that is not mapped.
    pub(crate) fn has_soft_faults(&self) -> bool {
        self.fault_control == Globals::FAULT_CONTROL_SOFT
    }
}

/// What [`Gpu::start`] has found out.
struct Parts<'a> {
    dev: &'a Device<Bound>,
    chip: &'static Chip,
    id: GpuId,
    regs: Arc<Regs>,
    was_running: bool,
    fault_control: u32,
}

/// Makes sure that the firmware is one that we can talk to.
fn check_abi(dev: &Device<Bound>) -> Result {
    let node = dev.fwnode().ok_or(ENODEV)?;
    let abi: [u32; 3] = node.property_read(c"apple,firmware-abi").required_by(dev)?;
    if hw::is_supported_abi(abi) {
        return Ok(());
    }
    let [major, minor, patch] = abi;
    dev_err!(
        dev,
        "firmware interface {major}.{minor}.{patch} is not supported, only 13.5\n"
    );
    Err(ENODEV)
}

/// Reads who the GPU is, and compares that with what the device tree says.
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

/// Where the firmware finds each of the registers that it uses.
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
