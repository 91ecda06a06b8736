// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Clients' address spaces, and the slots that they get: the contexts 1 to 63, lent to them while
//! they have work.
//!
//! A slot is sticky: the address space keeps it after its work, until another address space needs
//! one. Then the one that has been idle for longest is taken.
//!
//! ```text
//!             bind(): a slot is free              last user drops its guard
//!   no slot ─────────────────────────► in use (n) ──────────────────────────► idle, sticky
//!      ▲                                  ▲  bind(): n + 1                        │
//!      │                                  └───────────────────────────────────────┤ bind()
//!      └──────────────────────────────────────────────────────────────────────────┘
//!                                                      another address space takes it
//! ```
//!
//! The [`SlotPool`] decides which address space gets a slot when there are not enough.

use super::{
    memory::Pages,
    table::{
        is_page_range,
        PageTable, //
    },
    tlb,
    uat::Uat, //
};
use crate::{
    quota::Share,
    slots::{
        SlotPool,
        Tables, //
    }, //
};
use agx_abi::uat::Protection;
use core::ops::Range;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// Returns the context behind a slot.
const fn context(slot: usize) -> u64 {
    slot as u64 + 1
}

/// The lower half of a client: page tables, and the slot that they have.
///
/// | call | context |
/// |---|---|
/// | [`AddressSpace::new`], [`AddressSpace::map`], [`AddressSpace::prepare`] | process, allocates |
/// | [`AddressSpace::bind`] | process, also in signalling sections, with preemption disabled |
/// | [`AddressSpace::unmap`], drop | the same |
#[pin_data(PinnedDrop)]
pub(crate) struct AddressSpace {
    uat: Arc<Uat>,
    table: PageTable<Pages>,
    #[pin]
    binding: SpinLock<Binding>,
}

/// Changed under the lock of the pool as well, which is taken first.
struct Binding {
    /// The slot that it has, or had last.
    slot: Option<usize>,
    /// Number of its guards.
    users: usize,
}

impl AddressSpace {
    /// Returns an empty address space, whose first tables are of `share`.
    pub(crate) fn new(uat: &Arc<Uat>, share: Share) -> Result<Arc<Self>> {
        let uat = uat.clone();
        let table = PageTable::new_lower(Pages::for_client(share))?;
        Arc::pin_init(
            pin_init!(Self {
                uat,
                table,
                binding <- new_spinlock!(Binding {
                    slot: None,
                    users: 0,
                }),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the pool that its slots come from.
    pub(crate) fn slots(&self) -> &SlotPool {
        &self.uat.slots
    }

    /// Maps the pages at physical addresses `pages` from `va` on. On failure nothing is mapped, and
    /// no TLB has any of the pages: they may be freed.
    pub(crate) fn map(
        &self,
        va: u64,
        pages: impl Iterator<Item = u64>,
        protection: Protection,
    ) -> Result {
        self.table
            .map_pages(va, pages, protection, |range| self.invalidate(range))?;
        tlb::publish();
        Ok(())
    }

    /// Allocates the page tables for `range`, so that mapping in it needs no memory. `share` says
    /// what needs them.
    pub(crate) fn prepare(&self, range: Range<u64>, share: Share) -> Result {
        self.table.prepare(&Pages::for_client(share), range)
    }

    /// Ends all mappings in `range`. When it returns, no TLB of GPU or firmware has them any more.
    pub(crate) fn unmap(&self, range: Range<u64>) {
        debug_assert!(is_page_range(&range));
        self.table.unmap_with(range, |range| self.invalidate(range));
    }

    /// Invalidates the TLB entries for `range`, whose mappings have ended.
    fn invalidate(&self, range: Range<u64>) {
        // Another address space may have the slot by now. To invalidate too much does no harm.
        let slot = self.binding.lock().slot;
        match slot {
            Some(slot) => tlb::invalidate_range(context(slot), range),
            None => tlb::publish(),
        }
    }

    /// Acquires a slot from `tables`, or another reference to the slot that is in use already. The
    /// context belongs to this address space while the guard lives. Returns `None` if no slot is
    /// free.
    ///
    /// # Errors
    ///
    /// The error of the translation unit if the firmware does not let the context be changed.
    pub(crate) fn bind(self: &Arc<Self>, tables: &mut Tables) -> Result<Option<SlotGuard>> {
        let mut binding = self.binding.lock();
        let slot = match binding.slot.filter(|_| binding.users > 0) {
            Some(slot) => slot,
            None => {
                let Some(slot) = tables.vms.take(binding.slot) else {
                    return Ok(None);
                };
                let root = self.table.root();
                if tables.roots[slot] != root {
                    if let Err(e) = self.uat.contexts.bind(context(slot), root) {
                        tables.vms.release(slot, false);
                        return Err(e);
                    }
                    tables.roots[slot] = root;
                }
                slot
            }
        };
        binding.slot = Some(slot);
        binding.users += 1;
        drop(binding);
        Ok(Some(SlotGuard {
            space: self.clone(),
            slot,
        }))
    }

    fn release(&self, slot: usize) {
        self.uat.slots.release(|tables| {
            let mut binding = self.binding.lock();
            binding.users -= 1;
            if binding.users == 0 {
                tables.vms.release(slot, false);
            }
        });
    }
}

#[pinned_drop]
impl PinnedDrop for AddressSpace {
    fn drop(self: Pin<&mut Self>) {
        let Some(slot) = self.binding.lock().slot else {
            return;
        };
        self.uat.slots.release(|tables| {
            // No guard is left, so if the slot is still ours it is idle.
            let root = self.table.root();
            if tables.roots[slot] == root {
                tables.roots[slot] = 0;
                if self.uat.contexts.unbind(context(slot), root).is_err() {
                    // The firmware may walk from the root for ever.
                    self.table.cut_off();
                }
            }
        });
    }
}

/// The right to use a slot: while it lives, the address space is bound to [`SlotGuard::context`].
pub(crate) struct SlotGuard {
    space: Arc<AddressSpace>,
    slot: usize,
}

impl SlotGuard {
    /// Returns the number that firmware and GPU know the address space by.
    pub(crate) fn context(&self) -> u32 {
        context(self.slot) as u32
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.space.release(self.slot);
    }
}
