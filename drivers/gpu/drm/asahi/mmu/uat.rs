// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The translation unit: contexts, and the kernel's half.

use super::{
    handoff::{
        Handoff,
        Stuck, //
    },
    memory::Pages,
    range::Ranges,
    region::Region,
    table::{
        is_page_range,
        PageTable, //
    },
    tlb, //
};
use crate::slots::SlotPool;
use agx_abi::{
    uat::{
        ttb,
        Handoff as HandoffLayout,
        Protection,
        TtbEntry,
        CONTEXTS,
        KERNEL_END,
        KERNEL_ROOT_INDEX,
        PAGE_SIZE,
        TIMESTAMP_BASE,
        TIMESTAMP_SIZE, //
    },
    Field,
    Value, //
};
use core::{
    ops::Range,
    sync::atomic::{
        AtomicU64,
        Ordering, //
    }, //
};
use kasync::{
    block_on,
    time, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        SpinLock, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// The context of the kernel and the firmware.
const KERNEL_CONTEXT: u64 = 0;

/// Parts of the kernel's half. But for the timestamps the division is the driver's choice.
const RTKIT: Range<u64> = 0xffff_ffae_0000_0000..TIMESTAMP_BASE;
const MMIO: Range<u64> = 0xffff_ffaf_0000_0000..KERNEL_END;

/// How long the firmware may take to answer the handshake, and how often it is looked at: nothing tells
/// that the answer is there.
const ANSWER_LIMIT: Delta = Delta::from_millis(1000);
const ANSWER_PERIOD: Delta = Delta::from_millis(10);

/// The translation unit.
///
/// | call | context |
/// |---|---|
/// | [`Uat::new`], [`Uat::handshake`], [`Uat::map_kernel`] | process, allocates or sleeps |
/// | [`Uat::unmap_kernel`] | any |
/// | [`Uat::bind_context`], [`Uat::unbind_context`] | process, signalling sections included |
///
/// Dropping it forgets all mappings: the firmware must be asleep or dead.
#[pin_data]
pub(crate) struct Uat {
    dev: ARef<Device>,
    /// Who may take the lock that we share with the firmware.
    #[pin]
    handoff: SpinLock<Handoff>,
    upper: PageTable<Pages>,
    lower: PageTable<Pages>,
    /// Slots for clients' address spaces, and for what else queues need with them.
    pub(crate) slots: Arc<SlotPool>,
    /// Addresses in the kernel's half for buffers of RTKit.
    pub(crate) rtkit: Arc<Ranges>,
    /// Addresses in the kernel's half for device registers.
    pub(crate) mmio: Arc<Ranges>,
    /// Addresses in the kernel's half for timestamp objects.
    pub(crate) timestamps: Arc<Ranges>,
    // Behind what points into them: fields are dropped in order.
    ttbs: Region,
    _pagetables: Region,
    _handoff: Region,
}

impl Uat {
    /// Takes over the boot loader's regions.
    pub(crate) fn new(dev: &Device<Bound>) -> Result<Arc<Self>> {
        let ttbs = Region::find(dev, c"ttbs", CONTEXTS * TtbEntry::SIZE)?;
        let pagetables = Region::find(dev, c"pagetables", PAGE_SIZE as usize)?;
        let handoff_region = Region::find(dev, c"handoff", HandoffLayout::SIZE)?;

        // SAFETY: `Region::find()` has made sure of the size; mappings of regions are aligned to more than
        // 8, and live as long as the object.
        let handoff = unsafe { Handoff::new(handoff_region.cpu_addr()) };
        // SAFETY: The region's first page is the root of the upper half, and entry `KERNEL_ROOT_INDEX` of it
        // is what the firmware leaves to the driver.
        let upper = unsafe { PageTable::new_upper(Pages, pagetables.base(), KERNEL_ROOT_INDEX) };
        let lower = PageTable::new_lower(Pages)?;
        let slots = SlotPool::new()?;
        let rtkit = Ranges::new(RTKIT)?;
        let mmio = Ranges::new(MMIO)?;
        let timestamps = Ranges::new(TIMESTAMP_BASE..TIMESTAMP_BASE + TIMESTAMP_SIZE)?;
        let dev = dev.into();

        Arc::pin_init(
            pin_init!(Self {
                dev,
                handoff <- new_spinlock!(handoff),
                upper,
                lower,
                slots,
                rtkit,
                mmio,
                timestamps,
                ttbs,
                _pagetables: pagetables,
                _handoff: handoff_region,
            }),
            GFP_KERNEL,
        )
    }

    /// Physical address of the contexts' roots.
    pub(crate) fn ttb_base(&self) -> u64 {
        self.ttbs.base()
    }

    /// Agrees with the firmware that both use the lock, then sets up the contexts.
    ///
    /// The coprocessor must be running, but need not have been told anything.
    pub(crate) fn handshake(&self) -> Result {
        self.handoff.lock().announce();

        let start = Instant::<Monotonic>::now();
        while !self.handoff.lock().answered().map_err(|e| self.stuck(e))? {
            if start.elapsed() > ANSWER_LIMIT {
                dev_err!(self.dev, "firmware does not answer the handoff\n");
                return Err(EIO);
            }
            block_on(time::sleep(ANSWER_PERIOD))?;
        }
        self.handoff.lock().clear_flush_slots();

        self.set_context(KERNEL_CONTEXT, self.lower.root(), self.upper.root())?;
        for context in 1..CONTEXTS as u64 {
            self.clear_context(context)?;
        }
        Ok(())
    }

    fn stuck(&self, Stuck: Stuck) -> Error {
        dev_err!(self.dev, "firmware does not give back the handoff lock\n");
        EIO
    }

    fn root(&self, context: u64, field: Field<TtbEntry, u64>) -> &AtomicU64 {
        let offset = context as usize * TtbEntry::SIZE + field.offset();
        // SAFETY: All contexts' entries are inside of the region, and aligned. The firmware reads them, and we
        // write them, as single words.
        unsafe { AtomicU64::from_ptr(self.ttbs.cpu_addr().add(offset).cast().as_ptr()) }
    }

    fn store_roots(&self, context: u64, lower: u64, upper: u64) -> Result {
        // What the roots lead to is there before them.
        tlb::publish();
        let handoff = self.handoff.lock();
        handoff
            .locked(|| {
                self.root(context, TtbEntry::TTB0)
                    .store(lower, Ordering::Relaxed);
                self.root(context, TtbEntry::TTB1)
                    .store(upper, Ordering::Relaxed);
            })
            .map_err(|e| self.stuck(e))?;
        tlb::invalidate_context(context);
        Ok(())
    }

    fn set_context(&self, context: u64, lower: u64, upper: u64) -> Result {
        self.store_roots(context, ttb(lower, context), ttb(upper, context))
    }

    fn clear_context(&self, context: u64) -> Result {
        self.store_roots(context, 0, 0)
    }

    /// Gives context `context` the lower half with root `lower`.
    pub(super) fn bind_context(&self, context: u64, lower: u64) -> Result {
        self.store_roots(context, ttb(lower, context), 0)
    }

    /// Takes the lower half with root `lower` out of context `context`, if it is there.
    pub(super) fn unbind_context(&self, context: u64, lower: u64) -> Result {
        if self.root(context, TtbEntry::TTB0).load(Ordering::Relaxed) == ttb(lower, context) {
            self.clear_context(context)?;
        }
        Ok(())
    }

    /// Maps pages in the kernel's half: those at physical addresses `pages`, from `va` on.
    ///
    /// On failure nothing is mapped.
    pub(crate) fn map_kernel(
        &self,
        va: u64,
        pages: impl Iterator<Item = u64>,
        protection: Protection,
    ) -> Result {
        map_pages(&self.upper, va, pages, protection)?;
        tlb::publish();
        Ok(())
    }

    /// Maps pages in the lower half of context 0.
    pub(crate) fn map_kernel_lower(
        &self,
        va: u64,
        pages: impl Iterator<Item = u64>,
        protection: Protection,
    ) -> Result {
        map_pages(&self.lower, va, pages, protection)?;
        tlb::publish();
        Ok(())
    }

    /// Ends the mappings of `range` in the kernel's half. They must not be cached by the firmware, unless
    /// that is asleep or dead.
    pub(crate) fn unmap_kernel(&self, range: Range<u64>) {
        debug_assert!(is_page_range(&range));
        self.upper.unmap_range(range.clone());
        tlb::invalidate_range(KERNEL_CONTEXT, range);
    }

    /// Ends the mappings of `range` in the lower half of context 0.
    pub(crate) fn unmap_kernel_lower(&self, range: Range<u64>) {
        debug_assert!(is_page_range(&range));
        self.lower.unmap_range(range.clone());
        tlb::invalidate_range(KERNEL_CONTEXT, range);
    }

    /// Takes all roots away from the firmware, which must be asleep or dead.
    pub(crate) fn shutdown(&self) {
        for context in 0..CONTEXTS as u64 {
            // Not under the lock: its other party is gone, perhaps with the lock in its hand.
            self.root(context, TtbEntry::TTB0)
                .store(0, Ordering::Relaxed);
            self.root(context, TtbEntry::TTB1)
                .store(0, Ordering::Relaxed);
            tlb::invalidate_context(context);
        }
    }
}

/// Maps all of `pages`, or none.
pub(super) fn map_pages(
    table: &PageTable<Pages>,
    va: u64,
    pages: impl Iterator<Item = u64>,
    protection: Protection,
) -> Result {
    let mut end = va;
    for phys in pages {
        if let Err(e) = table.map(end, phys, protection) {
            table.unmap_range(va..end);
            return Err(e.into());
        }
        end += PAGE_SIZE;
    }
    Ok(())
}
