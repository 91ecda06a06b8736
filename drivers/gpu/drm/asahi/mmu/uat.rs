// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The translation unit: its contexts, and the kernel's half of the address space.

use super::{
    contexts::{
        ClientsCutOff,
        Contexts,
        KERNEL_CONTEXT, //
    },
    memory::Pages,
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
        clients_have_kernel_half,
        Protection,
        KERNEL_END,
        KERNEL_ROOT_INDEX,
        PAGE_SIZE,
        TIMESTAMP_BASE,
        TIMESTAMP_SIZE, //
    },
    Abi, //
};
use core::{
    mem::ManuallyDrop,
    ops::Range, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// Parts of the kernel's half. But for the timestamps the division is the driver's choice.
const RTKIT: Range<u64> = 0xffff_ffae_0000_0000..TIMESTAMP_BASE;
const MMIO: Range<u64> = 0xffff_ffaf_0000_0000..KERNEL_END;

/// The translation unit.
///
/// | call | context |
/// |---|---|
/// | [`Uat::new`], [`Uat::handshake`], [`Uat::map_kernel`] | process, allocates or sleeps |
/// | [`Uat::unmap_kernel`] | any |
///
/// # Roots
///
/// | root | who | after [`Uat::shutdown`] |
/// |---|---|---|
/// | upper half | the boot loader's; the firmware's own image is in it | stays for ever |
/// | entry 2 of it | ours: the kernel's half | none, or that of the next object (see below) |
/// | lower half of context 0 | ours | a table without entries |
/// | contexts 1 to 63, lower half | clients | none |
/// | contexts 1 to 63, upper half | none, or that of context 0 | none |
///
/// The table without entries is in the boot loader's region `ttbs`, so a kernel that is started by
/// kexec does not use it for anything else.
///
/// After [`Uat::abandon`] entry 2 is the seal.
#[pin_data(PinnedDrop)]
pub(crate) struct Uat {
    #[pin]
    pub(super) contexts: Contexts,
    /// True if the firmware has been given memory of the driver, and has not gone to sleep since.
    lent: Atomic<bool>,
    /// True if the GPU may still run a job that was given up, and for ever.
    busy: Atomic<bool>,
    /// True if the firmware may go on using that memory for ever.
    abandoned: Atomic<bool>,
    upper: ManuallyDrop<PageTable<Pages>>,
    lower: ManuallyDrop<PageTable<Pages>>,
    /// The slots for clients' address spaces, events and buffer managers.
    pub(crate) slots: Arc<SlotPool>,
    /// Addresses in the kernel's half for buffers of RTKit.
    pub(crate) rtkit: Arc<Ranges>,
    /// Addresses in the kernel's half for device registers.
    pub(crate) mmio: Arc<Ranges>,
    /// Addresses in the kernel's half for timestamp objects.
    pub(crate) timestamps: Arc<Ranges>,
    // Behind the table that points into it: fields are dropped in order.
    _pagetables: Region,
}

impl Uat {
    /// Takes over the boot loader's regions, for firmware with interface `abi`. `is_running`: the
    /// coprocessor's CPU runs already.
    ///
    /// # Errors
    ///
    /// `EBUSY` if firmware that an earlier driver or kernel left running may still use memory.
    pub(crate) fn new(dev: &Device<Bound>, abi: Abi, is_running: bool) -> Result<Arc<Self>> {
        let pagetables = Region::find(dev, c"pagetables", PAGE_SIZE as usize)?;
        let clients_upper = clients_have_kernel_half(abi).then(|| pagetables.base());
        let contexts = Contexts::new(dev, clients_upper)?;
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

        Arc::pin_init(
            pin_init!(Self {
                contexts <- contexts,
                lent: Atomic::new(false),
                busy: Atomic::new(false),
                abandoned: Atomic::new(false),
                upper: ManuallyDrop::new(upper),
                lower: ManuallyDrop::new(lower),
                slots,
                rtkit,
                mmio,
                timestamps,
                _pagetables: pagetables,
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the physical address of the contexts' roots.
    pub(crate) fn ttb_base(&self) -> u64 {
        self.contexts.base()
    }

    /// Does the handshake that enables the shared lock, then sets up the contexts.
    ///
    /// The coprocessor must be running, but need not have booted RTKit. Allocates nothing.
    pub(crate) async fn handshake(&self) -> Result {
        self.contexts
            .handshake(self.lower.root(), self.upper.root())
            .await
    }

    /// Maps pages in the kernel's half: those at physical addresses `pages`, from `va` on.
    ///
    /// On failure nothing is mapped, and no TLB has any of the pages.
    pub(crate) fn map_kernel(
        &self,
        va: u64,
        pages: impl Iterator<Item = u64>,
        protection: Protection,
    ) -> Result {
        self.upper
            .map_pages(va, pages, protection, tlb::invalidate_global_range)?;
        tlb::publish();
        Ok(())
    }

    /// Maps pages in the lower half of context 0. On failure nothing is mapped.
    pub(crate) fn map_kernel_lower(
        &self,
        va: u64,
        pages: impl Iterator<Item = u64>,
        protection: Protection,
    ) -> Result {
        self.lower.map_pages(va, pages, protection, |range| {
            tlb::invalidate_range(KERNEL_CONTEXT, range)
        })?;
        tlb::publish();
        Ok(())
    }

    /// Ends the mappings of `range` in the kernel's half. The firmware must not have any of it in
    /// its cache, as it has flushed that since the last use, unless it is asleep or dead.
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
    /// memory of theirs any more, although the firmware is dead and may go on with the roots that
    /// it has read: these stay allocated.
    ///
    /// Any context but interrupts. May be repeated.
    pub(crate) fn cut_off_clients(&self) -> ClientsCutOff {
        self.contexts.cut_off_clients(true)
    }

    /// Waits until the firmware has kept the lock that it shares with the driver. Nothing can be
    /// bound after that.
    pub(crate) async fn stuck(&self) {
        self.contexts.stuck().await;
    }

    /// Makes the lower halves of all contexts unreachable for firmware and GPU. Their tables may be
    /// freed then.
    ///
    /// The upper half stays, as it has the firmware's own image, which the firmware needs even to
    /// sleep. Only the kernel's part of it is detached. Clients may keep mappings in that part as
    /// long as their files are open, while the device is bound again.
    pub(crate) fn shutdown(&self) {
        self.upper.detach();
        self.contexts
            .shutdown(self.lower.root(), self.is_abandoned());
    }

    /// Notes whether the firmware knows addresses in the kernel's half.
    pub(crate) fn set_lent(&self, lent: bool) {
        self.lent.store(lent, Relaxed);
    }

    /// Returns whether the firmware may use memory of ours.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.load(Relaxed)
    }

    /// Notes that the GPU may run a job for ever, whether or not the firmware sleeps.
    pub(crate) fn set_busy(&self) {
        self.busy.store(true, Relaxed);
    }

    /// Returns whether it may.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Relaxed)
    }

    /// Keeps the firmware's memory allocated and mapped until the machine is reset, as the firmware
    /// may go on using it.
    ///
    /// The driver's part of the upper half is made unreachable for the firmware, since a kernel
    /// that is started by kexec does not know of that memory. A firmware that goes on using it
    /// crashes. The firmware cannot be used again in any case: [`Uat::new`] refuses later drivers
    /// before they map anything at addresses that the firmware knows.
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
        // SAFETY: It is not used any more.
        unsafe { ManuallyDrop::drop(&mut this.lower) };
    }
}
