// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Rings that the firmware writes.

use super::{
    ring::{
        BadIndex,
        Consumer, //
    },
    shared::{
        Shared,
        Word, //
    }, //
};
use crate::alloc::Heap;
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Release, //
    }, //
};

/// Bytes of a state block. The read index is at its beginning.
const STATE_SIZE: usize = 0x30;
/// Where in the state block the write index is.
const WRITE_INDEX: usize = 0x20;

/// One or more rings of the same kind, with their state blocks and their entries one after the other.
pub(super) struct RxMemory {
    state: Shared,
    entries: Shared,
    entry_size: usize,
    count: u32,
}

impl RxMemory {
    /// `rings` rings of `count` entries.
    pub(super) fn new(heap: &Heap, rings: usize, count: u32, entry_size: usize) -> Result<Self> {
        Ok(Self {
            state: Shared::new(heap, rings * STATE_SIZE)?,
            entries: Shared::new(heap, rings * count as usize * entry_size)?,
            entry_size,
            count,
        })
    }

    /// Addresses of the first state block and the first entry, for the firmware.
    pub(super) fn addresses(&self) -> (u64, u64) {
        (self.state.va(), self.entries.va())
    }

    /// The reading end of ring `index`.
    pub(super) fn reader<const SIZE: usize>(&self, index: usize) -> Result<RxRing<SIZE>> {
        if SIZE > self.entry_size {
            return Err(EINVAL);
        }
        Ok(RxRing {
            entries: self.entries.clone(),
            first: index * self.count as usize * self.entry_size,
            entry_size: self.entry_size,
            read: self.state.word(index * STATE_SIZE)?,
            write: self.state.word(index * STATE_SIZE + WRITE_INDEX)?,
            consumer: Consumer::new(self.count),
        })
    }
}

/// The reading end of a ring, of whose entries the first `SIZE` bytes matter.
pub(super) struct RxRing<const SIZE: usize> {
    entries: Shared,
    first: usize,
    entry_size: usize,
    read: Word<u32>,
    write: Word<u32>,
    consumer: Consumer,
}

impl<const SIZE: usize> RxRing<SIZE> {
    /// Takes the next entry: its index and a copy of it.
    pub(super) fn next(&mut self) -> Result<Option<(u32, [u8; SIZE])>, BadIndex> {
        // Acquire: the entries before it are visible.
        let Some(index) = self.consumer.next(self.write.load(Acquire))? else {
            return Ok(None);
        };
        let mut entry = [0; SIZE];
        let at = self.first + index as usize * self.entry_size;
        // In bounds by construction; otherwise the entry stays zero.
        let _ = self.entries.read(at, &mut entry);
        // Release: the copy is complete before the firmware may write there again.
        self.read.store(self.consumer.advance(), Release);
        Ok(Some((index, entry)))
    }

    /// Lets go of all entries without reading them; returns how many.
    pub(super) fn skip(&mut self) -> Result<u32, BadIndex> {
        let write = self.write.load(Acquire);
        let mut count = 0;
        while self.consumer.next(write)?.is_some() {
            self.consumer.advance();
            count += 1;
        }
        if count > 0 {
            self.read.store(write, Release);
        }
        Ok(count)
    }
}
