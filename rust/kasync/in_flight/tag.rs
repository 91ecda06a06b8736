// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Reserved slots for operations.

use super::{
    table::Table,
    Operation, //
};
use kernel::sync::Arc;

/// A reserved slot for an operation. Dropping it gives the slot back.
///
/// # Context
///
/// See the table of [`InFlight`](super::InFlight).
///
/// # Invariants
///
/// The slot at `index` is free, and this tag owns it: its bit in the table is clear.
#[must_use = "dropping it gives the slot back"]
pub struct Tag<T: Send + 'static, R: Send + 'static> {
    table: Arc<Table<T, R>>,
    index: usize,
}

impl<T: Send + 'static, R: Send + 'static> Tag<T, R> {
    /// Returns the tag of a slot.
    ///
    /// # Safety
    ///
    /// [`Table::take`] must have returned the slot to the caller, who passes it on.
    pub(super) unsafe fn new(table: Arc<Table<T, R>>, index: usize) -> Self {
        // INVARIANT: By the safety requirements; `Table::take()` has cleared the slot's bit.
        Self { table, index }
    }

    /// Returns the number of the operation, by which the device identifies it. It is reused only
    /// after many other operations have used the same slot, and is never `0xffff`.
    pub fn id(&self) -> u16 {
        self.table
            .id(self.index, self.table.slots[self.index].round())
    }

    /// Returns the index of the slot, which is less than the depth. Drivers may use it as an index
    /// of data of their own.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Starts the operation, which owns `memory` from now on. Must be called before the operation
    /// is submitted to the device. The caller has to know the address of the memory by then; moving
    /// `T` must not change it.
    ///
    /// If the operation is not submitted, the caller has to complete it.
    #[track_caller]
    pub fn start(self, memory: T) -> Operation<T, R> {
        // SAFETY: By the type invariants the slot is free, and this tag owns it.
        unsafe { self.table.slots[self.index].start(memory) };
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: Read once, as `this` is not dropped.
        let table = unsafe { core::ptr::read(&this.table) };
        // SAFETY: Started just now.
        unsafe { Operation::new(table, this.index) }
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for Tag<T, R> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the slot is free, and this tag owns it.
        unsafe { self.table.give_back(self.index) };
    }
}
