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
    layout::Layout,
    shared::{
        Shared,
        Word, //
    }, //
};
use crate::{
    alloc::Heaps,
    hw::{
        io::IoMapping,
        Chip, //
    }, //
};
use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

/// Addresses of the state block and the entries of a ring.
pub(super) type RingAddresses = (u64, u64);

/// What the tree refers to and others own.
pub(super) struct Parts<'a> {
    pub(super) blobs: Blobs<'a>,
    /// Where the firmware's registers are mapped, for each entry of the chip's list.
    pub(super) io: &'a [(&'static IoMapping, u64)],
    /// Where the SRAM is mapped, if the chip has it.
    pub(super) sram: Option<u64>,
    /// The buffer manager control page, as the GPU sees it and as the firmware sees it.
    pub(super) buffer_manager: (u64, u64),
    /// Pipes: vertex, fragment and compute of the highest priority, and so on.
    pub(super) pipes: [RingAddresses; 12],
    pub(super) device_control: RingAddresses,
    pub(super) fwctl: RingAddresses,
    pub(super) event: RingAddresses,
    pub(super) log: RingAddresses,
    pub(super) log_payloads: u64,
    pub(super) trace: RingAddresses,
    pub(super) stats: RingAddresses,
    /// What happens at a fault of a shader.
    pub(super) fault_control: u32,
}

/// The tree, in memory.
pub(super) struct InitData {
    root: Shared,
    pub(super) globals: Shared,
    pub(super) status: Shared,
    /// Addresses of the statistics blocks, which microsequences name.
    pub(super) stats: StatsAddresses,
    /// The rest, only to keep it.
    _others: KVec<Shared>,
}

/// Addresses of the statistics blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatsAddresses {
    pub(crate) vertex: u64,
    pub(crate) fragment: u64,
    pub(crate) compute: u64,
}

/// Size of region A and of the largest scratch buffers.
const REGION_A_SIZE: usize = 0x4000;
/// Sizes of the statistics buffers: more than what is known of their content.
const STATS_SIZE: usize = 0x3080;
/// Where in the statistics buffers the blocks begin.
const VERTEX_STATS: u64 = 4;
const FRAGMENT_STATS: u64 = 8;
const FAULT_INFO_SIZE: usize = 0x80;
/// In the table it is 0x80.
const STATUS_SIZE: usize = 0x100;

// Offsets in RuntimePointers, the same everywhere.
const PIPES: usize = 0x000;
const DEVICE_CONTROL: usize = 0x0c0;
const EVENT: usize = 0x0d0;
const LOG: usize = 0x0e0;
const TRACE: usize = 0x0f0;
const STATS: usize = 0x100;
const VERTEX_STATS_PTR: usize = 0x170;
const FRAGMENT_STATS_PTR: usize = 0x178;
const COMPUTE_STATS_PTR: usize = 0x180;
const HW_DATA_A: usize = 0x188;
const FAULT_INFO: usize = 0x190;
const UNK_198: usize = 0x198;
const HW_DATA_B: [usize; 2] = [0x1a0, 0x1a8];
const LOG_PAYLOADS: usize = 0x1b0;
const UNK_1B8: usize = 0x1b8;
const UNK_1C0: usize = 0x1c0;
const UNK_1C8: usize = 0x1c8;

/// Bytes of an entry of the list of mapped registers.
const IO_MAPPING_SIZE: usize = 0x20;

/// Page table levels of the GPU: shift and number of entries.
const LEVELS: [(u8, u16); 3] = [(36, 8), (25, 2048), (14, 2048)];

impl Shared {
    fn put32(&self, at: usize, value: u32) -> Result {
        self.write(at, &value.to_le_bytes())
    }

    fn put64(&self, at: usize, value: u64) -> Result {
        self.write(at, &value.to_le_bytes())
    }

    fn put_ring(&self, at: usize, ring: RingAddresses) -> Result {
        self.put64(at, ring.0)?;
        self.put64(at + 8, ring.1)
    }
}

impl InitData {
    /// Builds the tree.
    pub(super) fn new(
        heaps: &Heaps,
        chip: &Chip,
        layout: &Layout,
        parts: &Parts<'_>,
    ) -> Result<Self> {
        let private = |size| Shared::new(&heaps.private, size);
        let mut others = KVec::new();
        let mut keep = |shared: Shared| -> Result<u64> {
            let va = shared.va();
            others.push(shared, GFP_KERNEL)?;
            Ok(va)
        };

        let hw_data_a = Shared::copy_of(&heaps.private, parts.blobs.hw_cal_a)?;
        let hw_data_b = Shared::copy_of(&heaps.private, parts.blobs.hw_cal_b)?;
        let globals = Shared::copy_of(&heaps.private, parts.blobs.globals)?;
        fill_hw_data_b(&hw_data_b, chip, layout, parts)?;
        globals.put32(layout.globals.fault_control, parts.fault_control)?;
        globals.put32(layout.globals.pending_submissions, 0)?;

        let status = Shared::new(&heaps.shared, STATUS_SIZE)?;
        status.put_ring(0, parts.fwctl)?;

        let runtime = private(layout.runtime.size)?;
        for (i, &ring) in parts.pipes.iter().enumerate() {
            runtime.put_ring(PIPES + i * 16, ring)?;
        }
        runtime.put_ring(DEVICE_CONTROL, parts.device_control)?;
        runtime.put_ring(EVENT, parts.event)?;
        runtime.put_ring(LOG, parts.log)?;
        runtime.put_ring(TRACE, parts.trace)?;
        runtime.put_ring(STATS, parts.stats)?;

        let (vertex, fragment, compute) = (
            private(STATS_SIZE)?,
            private(STATS_SIZE)?,
            private(STATS_SIZE)?,
        );
        for at in layout.runtime.fragment_stats {
            fragment.put32(at, !0)?;
        }
        let stats = StatsAddresses {
            vertex: vertex.va() + VERTEX_STATS,
            fragment: fragment.va() + FRAGMENT_STATS,
            compute: compute.va(),
        };
        runtime.put64(VERTEX_STATS_PTR, keep(vertex)?)?;
        runtime.put64(FRAGMENT_STATS_PTR, keep(fragment)?)?;
        runtime.put64(COMPUTE_STATS_PTR, keep(compute)?)?;
        runtime.put64(HW_DATA_A, keep(hw_data_a)?)?;
        runtime.put64(FAULT_INFO, keep(private(FAULT_INFO_SIZE)?)?)?;
        runtime.put64(UNK_198, keep(private(0xc0)?)?)?;
        let hw_data_b = keep(hw_data_b)?;
        for at in HW_DATA_B {
            runtime.put64(at, hw_data_b)?;
        }
        runtime.put64(LOG_PAYLOADS, parts.log_payloads)?;
        runtime.put64(UNK_1B8, keep(private(0x1000)?)?)?;
        if layout.runtime.more_scratch {
            runtime.put64(UNK_1C0, keep(private(0x300)?)?)?;
            runtime.put64(UNK_1C8, keep(private(0x1000)?)?)?;
        }
        let (gpu, firmware) = parts.buffer_manager;
        runtime.put64(layout.runtime.buffer_manager, gpu)?;
        runtime.put64(layout.runtime.buffer_manager + 8, firmware)?;
        runtime.write(layout.runtime.unk_ff, &[0xff])?;

        let root = private(layout.init_data.size)?;
        if let Some(version) = layout.init_data.version {
            for (i, word) in version.iter().enumerate() {
                root.write(i * 2, &word.to_le_bytes())?;
            }
        }
        let base = layout.init_data.base;
        let region_a = Shared::new(&heaps.shared_ro, REGION_A_SIZE)?;
        root.put64(base, keep(region_a)?)?;
        root.put64(base + 0x10, keep(runtime)?)?;
        root.put64(base + 0x18, globals.va())?;
        root.put64(base + 0x20, status.va())?;
        fill_page_format(&root, base + 0x28, chip)?;
        // Without it the firmware refuses to boot: it allocates nothing by itself.
        root.put32(base + 0xa0, 1)?;

        Ok(Self {
            root,
            globals,
            status,
            stats,
            _others: others,
        })
    }

    /// Address of the root, for the firmware.
    pub(super) fn va(&self) -> u64 {
        self.root.va()
    }

    /// The counter of submissions that are on their way, in the globals.
    pub(super) fn pending_submissions(&self, layout: &Layout) -> Result<Word<u32>> {
        self.globals.word(layout.globals.pending_submissions)
    }

    /// Sets how long the firmware waits before it powers the GPU off.
    pub(super) fn set_idle_off_delay(&self, layout: &Layout, ms: u32) -> Result {
        self.globals
            .word::<u32>(layout.globals.idle_off_delay_ms)?
            .store(ms, Relaxed);
        Ok(())
    }
}

/// Describes the page tables.
fn fill_page_format(root: &Shared, at: usize, chip: &Chip) -> Result {
    root.write(at, &0x4000u16.to_le_bytes())?;
    root.write(at + 2, &[14, LEVELS.len() as u8])?;
    for (i, (shift, entries)) in LEVELS.into_iter().enumerate() {
        let at = at + 4 + i * 0x20;
        root.write(at, &[8, 14, 14, shift])?;
        root.write(at + 4, &entries.to_le_bytes())?;
        root.write(at + 6, &0x4000u16.to_le_bytes())?;
        root.put64(at + 8, 1)?;
        root.put64(at + 0x10, chip.phys_mask())?;
        root.put64(at + 0x18, (u64::from(entries) - 1) << shift)?;
    }
    Ok(())
}

/// Lists the mapped registers.
fn fill_hw_data_b(hw_data_b: &Shared, chip: &Chip, layout: &Layout, parts: &Parts<'_>) -> Result {
    let layout = &layout.hw_data_b;
    let list = layout.io_mappings;
    for at in 0..layout.io_mapping_count {
        hw_data_b.write(list + at * IO_MAPPING_SIZE, &[0; IO_MAPPING_SIZE])?;
    }
    for &(io, va) in parts.io {
        // Older firmware knows fewer.
        if io.index >= layout.io_mapping_count {
            continue;
        }
        let at = list + io.index * IO_MAPPING_SIZE;
        hw_data_b.put64(at, io.phys)?;
        hw_data_b.put64(at + 8, va)?;
        hw_data_b.put32(at + 0x10, io.total_size(chip.dies))?;
        hw_data_b.put32(at + 0x14, io.size)?;
        hw_data_b.put64(at + 0x18, u64::from(io.writable))?;
    }
    if let (Some(at), Some(sram)) = (layout.sram, parts.sram) {
        hw_data_b.put64(at, sram)?;
    }
    Ok(())
}
