// SPDX-License-Identifier: MIT OR Apache-2.0

//! The memory that a vertex command names for the tiler.

use std::ops::Range;

use agx_abi::uat::Protection;

use crate::memory::{Memory, Record};
use crate::panic::{ensure, Fw};

/// Parts of memory of one command. Each is written by another part of the GPU, so none may overlap
/// with another.
pub(super) struct Places<'a> {
    mem: &'a Memory,
    r: &'a Record,
    slot: u8,
    taken: Vec<(&'static str, Range<u64>)>,
}

impl<'a> Places<'a> {
    /// Returns none yet, of the command `r` in the context of `slot`.
    pub(super) fn new(mem: &'a Memory, r: &'a Record, slot: u8) -> Self {
        Self {
            mem,
            r,
            slot,
            taken: Vec::new(),
        }
    }

    /// Adds the `len` bytes at `va`, which have to be mapped as one of `usual`.
    pub(super) fn take(
        &mut self,
        name: &'static str,
        va: u64,
        len: u64,
        usual: &[Protection],
    ) -> Fw<()> {
        self.mem.expect_in(self.slot, name, va, len, usual)?;
        let place = va..va.saturating_add(len);
        for (other, taken) in &self.taken {
            ensure!(
                place.end <= taken.start || taken.end <= place.start,
                "{}: {name} at {va:#x} of {len:#x} bytes overlaps with {other} at {:#x}",
                self.r,
                taken.start
            );
        }
        self.taken.push((name, place));
        Ok(())
    }
}
