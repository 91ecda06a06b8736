// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Slots: the contexts 1 to 63, lent to clients' address spaces while these have work.
//!
//! A slot is sticky: the address space keeps it after its work, until somebody else needs one, and then
//! the one that has been idle for longest goes.
//!
//! ```text
//!                 bind(): permit, table.take()                 last user drops its guard
//!   no slot ────────────────────────────────────► in use (n) ───────────────────────────► idle, sticky
//!      ▲                                             ▲  bind(): n + 1, no waiting             │
//!      │                                             └────────────────────────────────────────┤ bind()
//!      └──────────────────────────────────────────────────────────────────────────────────────┘
//!                                                                  another address space takes it
//! ```

use super::{
    memory::Pages,
    table::{
        is_page_range,
        PageTable, //
    },
    tlb,
    uat::{
        map_pages,
        Uat, //
    }, //
};
use crate::firmware::slots::SlotTable;
use agx_abi::uat::{
    Protection,
    CONTEXTS, //
};
use core::ops::Range;
use kasync::sync::{
    OwnedPermit,
    Semaphore, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// Slots that there are: all contexts but the kernel's.
const SLOTS: usize = CONTEXTS - 1;

/// The context behind a slot.
const fn context(slot: usize) -> u64 {
    slot as u64 + 1
}

/// Which slots are in use, and whose root each has.
#[pin_data]
pub(super) struct Slots {
    /// One permit for each slot that is not in use.
    free: Arc<Semaphore>,
    #[pin]
    table: SpinLock<Table>,
}

struct Table {
    slots: SlotTable<SLOTS>,
    /// The root of the address space that is bound to each slot; 0 if none is.
    bound: [u64; SLOTS],
}

impl Slots {
    pub(super) fn new() -> Result<Arc<Self>> {
        let free = Arc::new(Semaphore::new(SLOTS), GFP_KERNEL_ACCOUNT)?;
        Arc::pin_init(
            pin_init!(Self {
                free,
                table <- new_spinlock!(Table {
                    slots: SlotTable::new(),
                    bound: [0; SLOTS],
                }),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }
}

/// The lower half of a client: page tables, and the slot that they have.
///
/// | call | context |
/// |---|---|
/// | [`AddressSpace::new`], [`AddressSpace::map`], [`AddressSpace::prepare`] | process, allocates |
/// | [`AddressSpace::bind`] | task |
/// | [`AddressSpace::unmap`], drop | process, signalling sections included |
#[pin_data(PinnedDrop)]
pub(crate) struct AddressSpace {
    uat: Arc<Uat>,
    table: PageTable<Pages>,
    #[pin]
    binding: SpinLock<Binding>,
}

struct Binding {
    /// The slot that it has, or had last.
    slot: Option<usize>,
    users: usize,
    permit: Option<OwnedPermit>,
}

impl AddressSpace {
    /// An empty address space.
    pub(crate) fn new(uat: &Arc<Uat>) -> Result<Arc<Self>> {
        let uat = uat.clone();
        let table = PageTable::new_lower(Pages::new())?;
        Arc::pin_init(
            pin_init!(Self {
                uat,
                table,
                binding <- new_spinlock!(Binding {
                    slot: None,
                    users: 0,
                    permit: None,
                }),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Maps the pages at physical addresses `pages` from `va` on. On failure nothing is mapped.
    pub(crate) fn map(
        &self,
        va: u64,
        pages: impl Iterator<Item = u64>,
        protection: Protection,
    ) -> Result {
        map_pages(&self.table, va, pages, protection)?;
        tlb::publish();
        Ok(())
    }

    /// Makes sure that mapping in `range` needs no memory any more.
    pub(crate) fn prepare(&self, range: Range<u64>) -> Result {
        self.table.prepare(range)
    }

    /// Ends all mappings in `range`. When it returns nobody uses them any more.
    pub(crate) fn unmap(&self, range: Range<u64>) {
        debug_assert!(is_page_range(&range));
        if self.table.unmap_range(range.clone()) == 0 {
            return;
        }
        // The slot may be somebody else's by now; to invalidate too much does no harm.
        let slot = self.binding.lock().slot;
        match slot {
            Some(slot) => tlb::invalidate_range(context(slot), range),
            None => tlb::publish(),
        }
    }

    /// Waits for a slot. While the guard lives the context is this address space's.
    ///
    /// Cancel safe: dropping the future before it is ready changes nothing.
    pub(crate) async fn bind(self: Arc<Self>) -> Result<SlotGuard> {
        if let Some(guard) = self.join_binding() {
            return Ok(guard);
        }
        let permit = self.uat.slots.free.acquire_owned(1).await;
        self.bind_with(permit)
    }

    /// Becomes one more user of the slot that is in use already.
    fn join_binding(self: &Arc<Self>) -> Option<SlotGuard> {
        let mut binding = self.binding.lock();
        let slot = binding.slot.filter(|_| binding.users > 0)?;
        binding.users += 1;
        drop(binding);
        Some(SlotGuard {
            space: self.clone(),
            slot,
        })
    }

    fn bind_with(self: Arc<Self>, permit: OwnedPermit) -> Result<SlotGuard> {
        let slots = &self.uat.slots;
        let mut binding = self.binding.lock();
        if binding.users == 0 {
            let mut table = slots.table.lock();
            // The permit says that there is one.
            let slot = table.slots.take(binding.slot).ok_or(EBUSY)?;
            if table.bound[slot] != self.table.root() {
                if let Err(e) = self.uat.bind_context(context(slot), self.table.root()) {
                    table.slots.release(slot, false);
                    return Err(e);
                }
                table.bound[slot] = self.table.root();
            }
            binding.slot = Some(slot);
            binding.permit = Some(permit);
        }
        // Else another task of ours was faster: its slot will do, and the permit goes back.
        let slot = binding.slot.ok_or(EBUSY)?;
        binding.users += 1;
        drop(binding);
        Ok(SlotGuard { space: self, slot })
    }

    fn release(&self, slot: usize) {
        let mut binding = self.binding.lock();
        binding.users -= 1;
        let permit = if binding.users == 0 {
            self.uat.slots.table.lock().slots.release(slot, false);
            binding.permit.take()
        } else {
            None
        };
        drop(binding);
        // Behind the lock: it may wake somebody.
        drop(permit);
    }
}

#[pinned_drop]
impl PinnedDrop for AddressSpace {
    fn drop(self: Pin<&mut Self>) {
        let Some(slot) = self.binding.lock().slot else {
            return;
        };
        let mut table = self.uat.slots.table.lock();
        // No guard is left, so if the slot is still ours it is idle.
        if table.bound[slot] == self.table.root() {
            table.bound[slot] = 0;
            // On failure the firmware is dead, and walks no table any more.
            let _ = self.uat.unbind_context(context(slot), self.table.root());
        }
    }
}

/// The right to use a slot: while it lives, the address space is bound to [`SlotGuard::context`].
pub(crate) struct SlotGuard {
    space: Arc<AddressSpace>,
    slot: usize,
}

impl SlotGuard {
    /// The number that firmware and GPU know the address space by.
    pub(crate) fn context(&self) -> u32 {
        context(self.slot) as u32
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.space.release(self.slot);
    }
}
