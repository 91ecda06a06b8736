// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A device without hardware, for tests of `in_flight`.

use super::{
    Count,
    OnDrop, //
};
use kasync::in_flight::{
    InFlight,
    Operation,
    Tag, //
};
use kernel::error::Result;
use std::ops::Deref;

/// Memory that counts when it is freed.
pub type Memory = OnDrop;

/// A device: its operations, and the count of the freed memory of all of them.
#[derive(Clone)]
pub struct Device {
    operations: InFlight<Memory, u32>,
    freed: Count,
}

impl Device {
    /// Returns a device with room for `depth` operations.
    pub fn new(depth: usize) -> Self {
        Self {
            operations: InFlight::new(depth).unwrap(),
            freed: Count::default(),
        }
    }

    /// Starts an operation, for which there is room, and returns its tag and its future.
    pub fn start(&self) -> (u16, Operation<Memory, u32>) {
        self.start_with(self.try_reserve().unwrap())
    }

    /// Starts an operation in the room of `tag`, and returns its tag and its future.
    pub fn start_with(&self, tag: Tag<Memory, u32>) -> (u16, Operation<Memory, u32>) {
        (tag.id(), tag.start(OnDrop(self.freed.clone())))
    }

    /// Completes operation `id`. Returns whether its future has been dropped.
    pub fn done(&self, id: u16, result: u32) -> Result<bool> {
        // SAFETY: There is no hardware.
        unsafe { self.complete(id, result) }.map(|unclaimed| unclaimed.is_some())
    }

    /// Returns the number of operations whose memory was freed, and the free room.
    pub fn state(&self) -> (usize, usize) {
        (self.freed(), self.available())
    }

    /// Returns the number of operations whose memory was freed.
    pub fn freed(&self) -> usize {
        self.freed.get()
    }

    /// Drops the device, and returns the count of freed memory.
    pub fn leave(self) -> Count {
        self.freed
    }
}

impl Deref for Device {
    type Target = InFlight<Memory, u32>;

    fn deref(&self) -> &Self::Target {
        &self.operations
    }
}
