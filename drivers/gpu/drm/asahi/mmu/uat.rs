// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The translation unit: contexts, and the kernel's half.

use super::{
    handoff::{
        Handoff,
        Stuck, //
    },
    memory::{
        empty_table,
        Pages, //
    },
    range::Ranges,
    region::Region,
    table::{
        is_page_range,
        MapError,
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
    mem::ManuallyDrop,
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
        atomic::{
            Atomic,
            Relaxed, //
        },
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

/// How long the firmware may take to answer the handshake, and how often it is looked at: nothing
/// tells that the answer is there.
const ANSWER_LIMIT: Delta = Delta::from_millis(10_000);
const ANSWER_PERIOD: Delta = Delta::from_millis(10);

/// The translation unit.
///
/// | call | context |
/// |---|---|
/// | [`Uat::new`], [`Uat::handshake`], [`Uat::map_kernel`] | process, allocates or sleeps |
/// | [`Uat::unmap_kernel`] | any |
/// | [`Uat::bind_context`], [`Uat::unbind_context`] | process, signalling sections included |
///
/// # Roots
///
/// | root | who | after [`Uat::shutdown`] |
/// |---|---|---|
/// | upper half | the boot loader's; the firmware's own image is in it | stays for ever |
/// | entry 2 of it | ours: the kernel's half | none, the next object's, or the seal |
/// | lower half of context 0 | ours | a table without entries |
/// | contexts 1 to 63 | clients | none |
///
/// [`Uat::abandon`] puts the seal into entry 2.
#[pin_data(PinnedDrop)]
pub(crate) struct Uat {
    dev: ARef<Device>,
    /// The lock that we share with the firmware, for one of us at a time.
    #[pin]
    handoff: SpinLock<Handoff>,
    /// Whether the clients' contexts are cut off, for good. Changes with `handoff` locked.
    cut_off: Atomic<bool>,
    /// Whether the firmware was told of memory of ours, and has not gone to sleep since.
    lent: Atomic<bool>,
    /// Whether the firmware may go on using what it was given, for ever.
    abandoned: Atomic<bool>,
    upper: ManuallyDrop<PageTable<Pages>>,
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
    /// Takes over the boot loader's regions. `is_running`: the coprocessor's CPU runs already.
    ///
    /// # Errors
    ///
    /// `EBUSY` if firmware may be there that somebody before us has left behind with memory in its
    /// hands.
    pub(crate) fn new(dev: &Device<Bound>, is_running: bool) -> Result<Arc<Self>> {
        let ttbs = Region::find(dev, c"ttbs", CONTEXTS * TtbEntry::SIZE)?;
        let pagetables = Region::find(dev, c"pagetables", PAGE_SIZE as usize)?;
        let handoff_region = Region::find(dev, c"handoff", HandoffLayout::SIZE)?;

        // SAFETY: `Region::find()` has made sure of the size; mappings of regions are aligned to
        // more than 8, and live as long as the object.
        let handoff = unsafe { Handoff::new(handoff_region.cpu_addr()) };
        // SAFETY: The object keeps the region until after the table.
        let memory = unsafe { Pages::with_root(&pagetables) };
        // SAFETY: The region's first page is the root of the upper half, and entry
        // `KERNEL_ROOT_INDEX` of it is what the firmware leaves to the driver.
        let upper = unsafe {
            PageTable::new_upper(memory, pagetables.base(), KERNEL_ROOT_INDEX, is_running)
        };
        let upper = upper.map_err(|e| match e {
            MapError::Busy => {
                dev_err!(
                    dev,
                    "firmware still has what an earlier driver gave it: reboot to use the GPU\n"
                );
                EBUSY
            }
            MapError::Memory(e) => e,
        })?;
        let lower = PageTable::new_lower(Pages::new())?;
        let slots = SlotPool::new()?;
        let rtkit = Ranges::new(RTKIT)?;
        let mmio = Ranges::new(MMIO)?;
        let timestamps = Ranges::new(TIMESTAMP_BASE..TIMESTAMP_BASE + TIMESTAMP_SIZE)?;
        let dev = dev.into();

        Arc::pin_init(
            pin_init!(Self {
                dev,
                handoff <- new_spinlock!(handoff),
                cut_off: Atomic::new(false),
                lent: Atomic::new(false),
                abandoned: Atomic::new(false),
                upper: ManuallyDrop::new(upper),
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

    /// Returns the physical address of the contexts' roots.
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

        tlb::publish();
        let handoff = self.handoff.lock();
        handoff
            .locked(|| {
                self.put_root(KERNEL_CONTEXT, TtbEntry::TTB0, self.lower.root());
                self.put_root(KERNEL_CONTEXT, TtbEntry::TTB1, self.upper.root());
                self.clear_clients();
            })
            .map_err(|e| self.stuck(e))?;
        // The root of the kernel's half is another one, perhaps.
        tlb::invalidate_all();
        Ok(())
    }

    /// Stores a root of a context. The caller holds the lock, or knows that nobody else does.
    fn put_root(&self, context: u64, field: Field<TtbEntry, u64>, root: u64) {
        self.root(context, field)
            .store(ttb(root, context), Ordering::Relaxed);
    }

    /// Takes all roots out of the clients' contexts. The caller holds the lock, or knows that
    /// nobody else does, and invalidates.
    fn clear_clients(&self) {
        for context in 1..CONTEXTS as u64 {
            for field in [TtbEntry::TTB0, TtbEntry::TTB1] {
                self.root(context, field).store(0, Ordering::Relaxed);
            }
        }
    }

    fn stuck(&self, Stuck: Stuck) -> Error {
        dev_err!(self.dev, "firmware does not give back the handoff lock\n");
        EIO
    }

    fn root(&self, context: u64, field: Field<TtbEntry, u64>) -> &AtomicU64 {
        let offset = context as usize * TtbEntry::SIZE + field.offset();
        // SAFETY: All contexts' entries are inside of the region, and aligned. The firmware reads
        // them, and we write them, as single words.
        unsafe { AtomicU64::from_ptr(self.ttbs.cpu_addr().add(offset).cast().as_ptr()) }
    }

    /// Gives a client's context another root for its lower half; it has no upper one.
    fn store_lower(&self, context: u64, lower: u64) -> Result {
        // What the root leads to is there before it.
        tlb::publish();
        let handoff = self.handoff.lock();
        if self.cut_off.load(Relaxed) {
            return Err(ENODEV);
        }
        handoff
            .locked(|| {
                self.root(context, TtbEntry::TTB0)
                    .store(lower, Ordering::Relaxed);
                self.root(context, TtbEntry::TTB1)
                    .store(0, Ordering::Relaxed);
            })
            .map_err(|e| self.stuck(e))?;
        tlb::invalidate_context(context);
        Ok(())
    }

    /// Gives context `context` the lower half with root `lower`.
    ///
    /// # Errors
    ///
    /// `ENODEV` after [`Uat::cut_off_clients`]; `EIO` if the firmware does not give the lock back.
    pub(super) fn bind_context(&self, context: u64, lower: u64) -> Result {
        self.store_lower(context, ttb(lower, context))
    }

    /// Takes the lower half with root `lower` out of context `context`, if it is there.
    pub(super) fn unbind_context(&self, context: u64, lower: u64) -> Result {
        if self.root(context, TtbEntry::TTB0).load(Ordering::Relaxed) == ttb(lower, context) {
            self.store_lower(context, 0)?;
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

    /// Ends the mappings of `range` in the kernel's half. They must not be cached by the firmware,
    /// unless that is asleep or dead.
    pub(crate) fn unmap_kernel(&self, range: Range<u64>) {
        debug_assert!(is_page_range(&range));
        self.upper.unmap_range(range.clone());
        tlb::invalidate_global_range(range);
    }

    /// Ends the mappings of `range` in the lower half of context 0.
    pub(crate) fn unmap_kernel_lower(&self, range: Range<u64>) {
        debug_assert!(is_page_range(&range));
        self.lower.unmap_range(range.clone());
        tlb::invalidate_range(KERNEL_CONTEXT, range);
    }

    /// Cuts all clients' contexts off from memory, for good. When it returns the GPU reaches no
    /// memory of theirs any more, whether or not the firmware is alive.
    ///
    /// Any context but interrupts. May be repeated.
    pub(crate) fn cut_off_clients(&self) {
        // Not under the lock that we share with the firmware, which may be dead with that in its
        // hand. What it may read meanwhile is a root, or none.
        let _handoff = self.handoff.lock();
        if !self.cut_off.load(Relaxed) {
            self.cut_off.store(true, Relaxed);
            self.clear_clients();
        }
        tlb::invalidate_all();
    }

    /// Ends what firmware and GPU have of our lower halves: the clients', and the one of context 0.
    /// Their tables may be freed then.
    ///
    /// The upper half stays: the firmware's own image is in it, which it needs even to sleep. Only
    /// the kernel's part of it goes. Clients may have something in that for as long as they have
    /// their files open, while the device is bound again.
    pub(crate) fn shutdown(&self) {
        self.upper.detach();
        let ours = ttb(self.lower.root(), KERNEL_CONTEXT);
        // If it is not there the handshake has not come so far.
        if self
            .root(KERNEL_CONTEXT, TtbEntry::TTB0)
            .load(Ordering::Relaxed)
            == ours
        {
            self.put_root(KERNEL_CONTEXT, TtbEntry::TTB0, empty_table());
            self.cut_off_clients();
        }
    }

    /// Notes whether the firmware knows an address in the kernel's half.
    pub(crate) fn set_lent(&self, lent: bool) {
        self.lent.store(lent, Relaxed);
    }

    /// Returns whether the firmware may use memory of ours.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.load(Relaxed)
    }

    /// The firmware may go on using what it was given: from now on nothing in the kernel's half is
    /// unmapped or freed that it was given by us. It stays until the machine is reset.
    ///
    /// Our part of the upper half is taken out of the firmware's reach, as a kernel that starts
    /// after this one, by kexec, knows nothing of that memory. A firmware that goes on using it
    /// crashes. It cannot be used again in any case: whoever comes next is refused before anything
    /// of theirs is at addresses that it knows.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Relaxed);
        self.upper.seal();
    }

    /// Returns whether what the firmware was given has to stay.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Relaxed)
    }
}

#[pinned_drop]
impl PinnedDrop for Uat {
    fn drop(self: Pin<&mut Self>) {
        if self.is_abandoned() {
            return;
        }
        // SAFETY: The field is not pinned, and neither moved nor replaced.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: It is not used any more.
        unsafe { ManuallyDrop::drop(&mut this.upper) };
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
