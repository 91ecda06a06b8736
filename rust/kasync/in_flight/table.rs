// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The slots of a device, and the notifications of its operations.

use super::slot::Slot;
use crate::{
    report::api_violation,
    sync::{
        Notify,
        Semaphore, //
    }, //
};
use kernel::{
    prelude::*,
    processor,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        SetOnce, //
    }, //
};

/// The state that all handles share.
///
/// # Invariants
///
/// A bit of `free` is set if its slot is free and has no [`Tag`](super::Tag). For each permit in
/// `credits` a bit is set.
pub(super) struct Table<T, R> {
    pub(super) slots: KVec<Slot<T, R>>,
    free: KVec<Atomic<u64>>,
    pub(super) credits: Semaphore,
    pub(super) closed: SetOnce<()>,
    /// Wakes all callers that wait for a tag, when no more are given.
    pub(super) closing: Notify,
    /// Wakes the task that awaits abandoned operations.
    pub(super) abandoned: Notify,
    /// Wakes all callers that wait for operations to be over.
    pub(super) over: Notify,
    /// The number of bits of a tag that hold the slot's number. The others count rounds.
    pub(super) index_bits: u32,
}

impl<T, R> Table<T, R> {
    /// Allocates a table of `depth` slots: 1 to [`MAX_DEPTH`](super::MAX_DEPTH).
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(depth: usize) -> Result<Self> {
        let mut slots = KVec::with_capacity(depth, GFP_KERNEL)?;
        for _ in 0..depth {
            slots.push(Slot::new(), GFP_KERNEL)?;
        }
        let mut free = KVec::with_capacity(depth.div_ceil(64), GFP_KERNEL)?;
        for first in (0..depth).step_by(64) {
            let bits = u64::MAX >> (64 - (depth - first).min(64));
            free.push(Atomic::new(bits), GFP_KERNEL)?;
        }
        // INVARIANT: All slots are free.
        Ok(Self {
            slots,
            free,
            credits: Semaphore::new(depth),
            closed: SetOnce::new(),
            closing: Notify::new(),
            abandoned: Notify::new(),
            over: Notify::new(),
            index_bits: usize::BITS - depth.leading_zeros(),
        })
    }

    /// Returns the tag of the slot at `index` in `round`. Never 0xffff: no index has all bits set.
    pub(super) fn id(&self, index: usize, round: u64) -> u16 {
        // CAST: Both are cut to 16 bits, of which the index has the lower ones.
        ((round << self.index_bits) | index as u64) as u16
    }

    /// Takes a free slot, and returns its index. The caller must have a permit for it.
    pub(super) fn take(&self) -> usize {
        loop {
            for (word, bits) in self.free.iter().enumerate() {
                let mut now = bits.load(Relaxed);
                while now != 0 {
                    let bit = now.trailing_zeros();
                    match bits.cmpxchg(now, now & !(1 << bit), Full) {
                        Ok(_) => return word * 64 + bit as usize,
                        Err(other) => now = other,
                    }
                }
            }
            // There is a bit for each permit. Another thread has taken the one looked at, and
            // leaves another one.
            processor::cpu_relax();
        }
    }

    /// Gives back a free slot.
    ///
    /// # Safety
    ///
    /// The slot must be free, have been taken, and be given back once.
    pub(super) unsafe fn give_back(&self, index: usize) {
        // INVARIANT: The bit was clear, by the safety requirements. The permit comes after it.
        self.free[index / 64].fetch_add(1 << (index % 64), Full);
        self.credits.add_permits(1);
    }
}

impl<T, R> Drop for Table<T, R> {
    fn drop(&mut self) {
        // The memory in a slot is not dropped with it. There are no futures left: each has a
        // reference to this.
        if self.slots.iter().any(Slot::is_in_flight) {
            api_violation(c"memory is leaked: the device was not reported to have stopped");
        }
    }
}
