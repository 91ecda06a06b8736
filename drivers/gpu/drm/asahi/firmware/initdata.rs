// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The init data: a tree of structures whose root the firmware is told when it boots.
//!
//! ```text
//!   InitData ─┬─ region A          scratch
//!             ├─ RuntimePointers ─┬─ every ring but FwCtl
//!             │                   ├─ HwDataA, HwDataB   copies of hw-cal-a and hw-cal-b
//!             │                   ├─ statistics, halt information, log texts, scratch
//!             │                   └─ buffer manager control
//!             ├─ Globals                                copy of globals
//!             └─ FwStatus ───────── the FwCtl ring
//! ```

use super::{
    blobs::Blobs,
    shared::Shared, //
};
use crate::{
    alloc::Heaps,
    hw::{
        self,
        Chip, //
    }, //
};
use agx_abi::{
    channel::{
        ChannelInfo,
        PipeKind,
        PIPE_PRIORITIES, //
    },
    globals::Globals,
    hwdata::{
        HwDataB,
        IoMapping, //
    },
    init::{
        self,
        FwStatus,
        RuntimePointers,
        UatLevelInfo, //
    },
    uat::{
        PAGE_BITS,
        PAGE_SIZE, //
    },
    Value, //
};
use kernel::prelude::*;

/// Number of pipes: each kind at each priority.
pub(super) const PIPES: usize = PipeKind::ALL.len() * PIPE_PRIORITIES;

/// Addresses of the state block and the entries of a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingAddresses {
    pub(super) state: u64,
    pub(super) entries: u64,
}

impl From<RingAddresses> for ChannelInfo {
    fn from(ring: RingAddresses) -> Self {
        let mut info = Self::zeroed();
        info.set(Self::STATE, ring.state)
            .set(Self::RING, ring.entries);
        info
    }
}

/// Objects with other owners that the tree refers to.
pub(super) struct Parts<'a> {
    pub(super) blobs: Blobs<'a>,
    /// The entries of the chip's list of registers, each with the address at which the firmware has
    /// it.
    pub(super) io: &'a [(&'static hw::io::IoMapping, u64)],
    /// The firmware's address of the GPU's SRAM; 0 if there is none.
    pub(super) sram: u64,
    /// The buffer manager control page, as the GPU sees it and as the firmware sees it.
    pub(super) buffer_manager: (u64, u64),
    /// Pipes, by [`RuntimePointers::pipe`].
    pub(super) pipes: [RingAddresses; PIPES],
    pub(super) device_control: RingAddresses,
    pub(super) fwctl: RingAddresses,
    pub(super) event: RingAddresses,
    pub(super) log: RingAddresses,
    pub(super) log_payloads: u64,
    pub(super) trace: RingAddresses,
    pub(super) stats: RingAddresses,
    /// The firmware's reaction to a fault of a shader.
    pub(super) fault_control: u32,
}

/// The tree, in memory.
pub(super) struct InitData {
    root: Shared,
    pub(super) globals: Shared,
    pub(super) status: Shared,
    /// Addresses of the statistics blocks, which microsequences name.
    pub(super) stats: StatsAddresses,
    /// The other structures, which are only kept alive.
    _others: KVec<Shared>,
}

/// Addresses of the statistics blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatsAddresses {
    pub(crate) vertex: u64,
    pub(crate) fragment: u64,
    pub(crate) compute: u64,
}

impl InitData {
    /// Builds the tree.
    pub(super) fn new(heaps: &Heaps, chip: &Chip, parts: &Parts<'_>) -> Result<Self> {
        let mut others = KVec::new();
        let mut keep = |shared: Shared| -> Result<u64> {
            let va = shared.va();
            others.push(shared, GFP_KERNEL)?;
            Ok(va)
        };
        let abi = heaps.abi;
        let private = |size| Shared::new(&heaps.private, size);

        let hw_data_a = Shared::copy_of(&heaps.private, parts.blobs.hw_cal_a)?;
        let hw_data_b = Shared::copy_of(&heaps.private, parts.blobs.hw_cal_b)?;
        fill_io_mappings(&hw_data_b, chip, parts)?;
        if let Some(field) = HwDataB::SGX_SRAM_PTR.present(abi) {
            hw_data_b.put(field, parts.sram)?;
        }

        let globals = Shared::copy_of(&heaps.private, parts.blobs.globals)?;
        globals.put(Globals::FAULT_CONTROL, parts.fault_control)?;
        globals.put(Globals::PENDING_SUBMISSIONS, 0)?;

        let status = Shared::new(&heaps.shared, FwStatus::SIZE)?;
        status.put(FwStatus::FW_CTL, parts.fwctl.into())?;

        let vertex = private(init::STATS_VERTEX_SIZE)?;
        let fragment = private(init::STATS_FRAGMENT_SIZE)?;
        let compute = private(init::STATS_COMPUTE_SIZE)?;
        for at in init::STATS_FRAGMENT_MINUS_ONE {
            fragment.write(at.of(abi), &[0xff; 4])?;
        }
        let stats = StatsAddresses {
            vertex: vertex.va(),
            fragment: fragment.va(),
            compute: compute.va(),
        };

        let runtime = private(RuntimePointers::size_in(abi))?;
        for (i, &ring) in parts.pipes.iter().enumerate() {
            runtime.put(RuntimePointers::PIPES.at(i), ring.into())?;
        }
        for (field, ring) in [
            (RuntimePointers::DEVICE_CONTROL, parts.device_control),
            (RuntimePointers::EVENT, parts.event),
            (RuntimePointers::FW_LOG, parts.log),
            (RuntimePointers::KTRACE, parts.trace),
            (RuntimePointers::STATS, parts.stats),
        ] {
            runtime.put(field, ring.into())?;
        }
        let hw_data_b = keep(hw_data_b)?;
        let (gpu, firmware) = parts.buffer_manager;
        for (field, address) in [
            (RuntimePointers::STATS_VERTEX, keep(vertex)?),
            (RuntimePointers::STATS_FRAGMENT, keep(fragment)?),
            (RuntimePointers::STATS_COMPUTE, keep(compute)?),
            (RuntimePointers::HWDATA_A, keep(hw_data_a)?),
            (RuntimePointers::HWDATA_B, hw_data_b),
            (RuntimePointers::HWDATA_B_2, hw_data_b),
            (
                RuntimePointers::FAULT_INFO,
                keep(private(init::FAULT_INFO_SIZE)?)?,
            ),
            (
                RuntimePointers::UNK_198,
                keep(private(init::UNK_198_SIZE)?)?,
            ),
            (RuntimePointers::FW_LOG_PAYLOADS, parts.log_payloads),
            (
                RuntimePointers::UNK_1B8,
                keep(private(init::UNK_1B8_SIZE)?)?,
            ),
            (RuntimePointers::BUFFER_MGR_CTL_GPU, gpu),
            (RuntimePointers::BUFFER_MGR_CTL_FW, firmware),
        ] {
            runtime.put(field, address)?;
        }
        for (field, size) in [
            (RuntimePointers::UNK_1C0, init::UNK_1C0_SIZE),
            (RuntimePointers::UNK_1C8, init::UNK_1C8_SIZE),
        ] {
            if let Some(field) = field.present(abi) {
                runtime.put(field, keep(private(size)?)?)?;
            }
        }
        runtime.put(RuntimePointers::UNK_6B38, RuntimePointers::UNK_6B38_VALUE)?;

        let region_a = Shared::new(&heaps.shared_ro, init::REGION_A_SIZE)?;
        let mut root = init::InitData::new(abi);
        root.put(init::InitData::VER_INFO, init::InitData::ver_info(abi))
            .set(init::InitData::REGION_A, keep(region_a)?)
            .set(init::InitData::RUNTIME_POINTERS, keep(runtime)?)
            .set(init::InitData::GLOBALS, globals.va())
            .set(init::InitData::FW_STATUS, status.va())
            .set(init::InitData::UAT_PAGE_SIZE, PAGE_SIZE as u16)
            .set(init::InitData::UAT_PAGE_BITS, PAGE_BITS as u8)
            .set(
                init::InitData::UAT_LEVELS,
                agx_abi::uat::LEVEL_SHIFTS.len() as u8,
            )
            .set(
                init::InitData::UAT_LEVEL_INFO,
                UatLevelInfo::levels(chip.oas),
            )
            // The firmware does not boot without this flag: it allocates no memory by itself.
            .set(init::InitData::HOST_MAPPED_FW_ALLOCATIONS, 1);

        Ok(Self {
            root: Shared::copy_of(&heaps.private, root.as_bytes())?,
            globals,
            status,
            stats,
            _others: others,
        })
    }

    /// Returns the address of the root, for the firmware.
    pub(super) fn va(&self) -> u64 {
        self.root.va()
    }
}

/// Lists the mapped registers.
fn fill_io_mappings(hw_data_b: &Shared, chip: &Chip, parts: &Parts<'_>) -> Result {
    for i in 0..HwDataB::io_mapping_count(hw_data_b.abi()) {
        let io = parts.io.iter().find(|(io, _)| io.index == i);
        let mut entry = IoMapping::zeroed();
        if let Some((io, va)) = io {
            entry
                .set(IoMapping::PHYS, io.phys)
                .set(IoMapping::VIRT, *va)
                .set(IoMapping::SIZE, io.total_size(chip.dies))
                .set(IoMapping::RANGE_SIZE, io.size)
                .set(IoMapping::WRITABLE, io.writable.into());
        }
        hw_data_b.put(HwDataB::io_mapping(hw_data_b.abi(), i), entry)?;
    }
    Ok(())
}
