// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The objects by which the firmware decides when a user queue is told of completed commands.
//!
//! The firmware counts the commands that finish, and sends the event when the count has reached the
//! threshold. Both are totals that never go back. The threshold is raised by [`Notifier::expect`] when
//! a job is really handed over, and not when it is queued: else the firmware would hold back the news
//! of an earlier job until the later one, which may be waiting for just that news, has finished.

use super::{
    layout::Layout,
    shared::{
        Shared,
        Word, //
    }, //
};
use crate::{
    alloc::Heaps,
    hw::{
        FirmwareAbi,
        Generation, //
    }, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Release, //
    }, //
};

/// What a user queue's firmware queues share for notification.
pub(crate) struct Notifier {
    notifier: Shared,
    list: Shared,
    threshold: Shared,
    expected: Word<u64>,
    tail: usize,
}

/// Where in the notifier the queue's number and a constant are.
const GENERATION: usize = 0x08;
const UNK_10: usize = 0x10;
/// Bytes of the list head.
const LIST_SIZE: usize = 0x18;

impl Notifier {
    /// Objects for the user queue with number `queue`.
    pub(super) fn new(
        heaps: &Heaps,
        layout: &Layout,
        generation: Generation,
        queue: u32,
    ) -> Result<Self> {
        let size = match (layout.abi, generation) {
            (FirmwareAbi::V12, Generation::G14) => 0xc0,
            (FirmwareAbi::V12, _) => 0xa8,
            (FirmwareAbi::V13, _) => 0xb0,
        };
        let notifier = Shared::new(&heaps.private, size)?;
        let threshold = Shared::new(&heaps.shared, 8)?;
        // Shared: the firmware does not keep its cache of the list in order.
        let list = Shared::new(&heaps.shared, LIST_SIZE)?;

        notifier.write(0, &threshold.va().to_le_bytes())?;
        notifier.write(GENERATION, &queue.to_le_bytes())?;
        notifier.write(UNK_10, &0x50u32.to_le_bytes())?;
        let tail = size - 8;
        if layout.abi == FirmwareAbi::V13 {
            notifier.write(tail, &[0xff; 8])?;
        }
        // An empty list: the second pointer refers to the list itself.
        list.write(8, &list.va().to_le_bytes())?;

        Ok(Self {
            expected: threshold.word(0)?,
            notifier,
            list,
            threshold,
            tail,
        })
    }

    /// Address of the notifier.
    pub(crate) fn va(&self) -> u64 {
        self.notifier.va()
    }

    /// Address of its last eight bytes, which firmware 13.5 wants to know.
    pub(crate) fn tail_va(&self) -> u64 {
        self.notifier.va() + self.tail as u64
    }

    /// Address of the list head.
    pub(crate) fn list_va(&self) -> u64 {
        self.list.va()
    }

    /// Address of the threshold.
    pub(crate) fn threshold_va(&self) -> u64 {
        self.threshold.va()
    }

    /// `count` more commands are handed over: one for each compute command, two for each render. Before
    /// the message to the pipe.
    ///
    /// `&mut`: only the queue's own task does this. The firmware only reads.
    pub(crate) fn expect(&mut self, count: u64) {
        let total = self.expected.load(Acquire).wrapping_add(count);
        self.expected.store(total, Release);
    }
}
