// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Methods: the commands of a channel, as words in memory.

use kernel::dma::DmaAddress;

/// Words of a job at most.
pub(crate) const COUNT: usize = 64;

/// The copy engine's class, and the subchannel that it is bound to.
pub(crate) const CLASS_COPY: u32 = 0xc5b5;
const COPY: u32 = 4;

const SET_OBJECT: u32 = 0x0;
const NON_STALL_INTERRUPT: u32 = 0x20;
const SEM_ADDR_LO: u32 = 0x5c;
const ACQUIRE_CIRCULAR: u32 = 3;
const RELEASE: u32 = 1;
/// Releases once the engine is idle.
const WAIT_IDLE: u32 = 1 << 20;
const LAUNCH: u32 = 0x300;
const OFFSET_IN: u32 = 0x400;
const LENGTH: u32 = 0x418;
/// Not pipelined, flushed, both sides in lines.
const LAUNCH_COPY: u32 = 2 | 1 << 2 | 3 << 7;

/// The words of a job.
pub(crate) struct Methods {
    words: [u32; COUNT],
    count: usize,
}

fn halves(address: DmaAddress) -> (u32, u32) {
    // CAST: Both halves are wanted.
    ((address >> 32) as u32, address as u32)
}

impl Methods {
    /// Returns none but that which binds the copy engine.
    pub(crate) fn new() -> Self {
        let mut this = Self {
            words: [0; COUNT],
            count: 0,
        };
        this.push(COPY, SET_OBJECT, &[CLASS_COPY]);
        this
    }

    /// Adds words for a method and those that follow it.
    fn push(&mut self, subchannel: u32, method: u32, words: &[u32]) {
        let header = 1 << 29 | (words.len() as u32) << 16 | subchannel << 13 | method >> 2;
        let room = self.words.iter_mut().skip(self.count);
        // All that a job can have fits: an acquire, two copies, two releases, and an interrupt.
        let all = Iterator::chain(core::iter::once(&header), words);
        for (to, from) in room.zip(all) {
            *to = *from;
            self.count += 1;
        }
    }

    fn semaphore(&mut self, at: DmaAddress, value: u32, operation: u32) {
        let (high, low) = halves(at);
        self.push(0, SEM_ADDR_LO, &[low, high, value, 0, operation]);
    }

    /// Has the channel wait until the word at `at` is `value` or a later one.
    pub(crate) fn acquire(&mut self, at: DmaAddress, value: u32) {
        self.semaphore(at, value, ACQUIRE_CIRCULAR);
    }

    /// Has the channel write `value` when all before is done.
    pub(crate) fn release(&mut self, at: DmaAddress, value: u32) {
        self.semaphore(at, value, RELEASE | WAIT_IDLE);
    }

    /// Has bytes copied.
    pub(crate) fn copy(&mut self, from: DmaAddress, to: DmaAddress, length: u32) {
        let ((from_high, from_low), (to_high, to_low)) = (halves(from), halves(to));
        self.push(COPY, OFFSET_IN, &[from_high, from_low, to_high, to_low]);
        self.push(COPY, LENGTH, &[length, 1]);
        self.push(COPY, LAUNCH, &[LAUNCH_COPY]);
    }

    /// Adds a method that the copy engine does not have.
    pub(crate) fn unknown(&mut self) {
        self.push(COPY, 0xffc, &[0]);
    }

    /// Has the channel interrupt, when it gets here.
    pub(crate) fn interrupt(&mut self) {
        self.push(0, NON_STALL_INTERRUPT, &[0]);
    }

    /// Returns the words that were added.
    pub(crate) fn words(&self) -> &[u32] {
        &self.words[..self.count]
    }

    /// Returns the entry of a ring that leads to the words, which are at `at`.
    pub(crate) fn entry(&self, at: DmaAddress) -> u64 {
        let (high, low) = halves(at);
        u64::from(high & 0xff | (self.count as u32) << 10) << 32 | u64::from(low)
    }
}
