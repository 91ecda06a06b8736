// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Rings that the firmware writes.

use super::{
    initdata::RingAddresses,
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
use agx_abi::{
    channel::ChannelState,
    Value, //
};
use core::marker::PhantomData;
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Release, //
    }, //
};

/// One or more rings of the same kind, with their state blocks and their entries one after the
/// other.
pub(super) struct RxMemory {
    state: Shared,
    entries: Shared,
    entry_size: usize,
    count: u32,
}

impl RxMemory {
    /// Returns memory for `rings` rings of `count` entries.
    pub(super) fn new(heap: &Heap, rings: usize, count: u32, entry_size: usize) -> Result<Self> {
        Ok(Self {
            state: Shared::new(heap, rings * ChannelState::SIZE)?,
            entries: Shared::new(heap, rings * count as usize * entry_size)?,
            entry_size,
            count,
        })
    }

    /// Returns the addresses of the first state block and the first entry, for the firmware.
    pub(super) fn addresses(&self) -> RingAddresses {
        RingAddresses {
            state: self.state.va(),
            entries: self.entries.va(),
        }
    }

    /// Returns the reading end of ring `index`, whose entries are `E`s.
    pub(super) fn reader<E: Value>(&self, index: usize) -> Result<RxRing<E>> {
        const { assert!(E::MAX_SIZE <= MAX_ENTRY) };
        if E::size_in(self.entries.abi()) != self.entry_size {
            return Err(EINVAL);
        }
        let state = index * ChannelState::SIZE;
        Ok(RxRing {
            entries: self.entries.clone(),
            first: index * self.count as usize * self.entry_size,
            read: self
                .state
                .word(state + const { ChannelState::READ_PTR.offset() })?,
            write: self
                .state
                .word(state + const { ChannelState::WRITE_PTR.offset() })?,
            consumer: Consumer::new(self.count),
            _entry: PhantomData,
        })
    }
}

/// Bytes of the longest entry of any ring.
const MAX_ENTRY: usize = 0x40;

/// The reading end of a ring.
pub(super) struct RxRing<E> {
    entries: Shared,
    first: usize,
    read: Word<u32>,
    write: Word<u32>,
    consumer: Consumer,
    _entry: PhantomData<fn() -> E>,
}

impl<E: Value> RxRing<E> {
    /// Takes the next entry.
    pub(super) fn next(&mut self) -> Result<Option<E>, BadIndex> {
        // Acquire: the entries before it are visible.
        let Some(index) = self.consumer.next(self.write.load(Acquire))? else {
            return Ok(None);
        };
        let mut entry = [0; MAX_ENTRY];
        let abi = self.entries.abi();
        let size = E::size_in(abi);
        let at = self.first + index as usize * size;
        // In bounds by construction; otherwise the entry stays zero.
        let _ = self.entries.read(at, &mut entry[..size]);
        // Release: the copy is complete before the firmware may write there again.
        self.read.store(self.consumer.advance(), Release);
        Ok(Some(E::read_in(abi, &entry)))
    }

    /// Discards all entries.
    pub(super) fn skip(&mut self) -> Result<(), BadIndex> {
        let write = self.write.load(Acquire);
        let mut any = false;
        while self.consumer.next(write)?.is_some() {
            self.consumer.advance();
            any = true;
        }
        if any {
            self.read.store(write, Release);
        }
        Ok(())
    }
}
