// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The objects that determine when the firmware sends the completion event of a user queue.
//!
//! The firmware counts the commands that finish, and sends the event when the count has reached the
//! threshold. Both are totals that never decrease. [`Notifier::expect`] raises the threshold when a
//! job is submitted to the firmware, not when it is queued. Otherwise the firmware would hold back
//! the event of an earlier job until a later one has finished, and the later job may wait for that
//! event.

use super::shared::{
    Shared,
    Word, //
};
use crate::alloc::Heaps;
use agx_abi::{
    event::{
        self,
        NotifierList,
        Threshold, //
    },
    Value, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Relaxed,
        Release, //
    }, //
};

/// The notifier that the firmware queues of a user queue share.
pub(crate) struct Notifier {
    notifier: Shared,
    list: Shared,
    expected: Word<u64>,
}

impl Notifier {
    /// Returns the notifier of the user queue with number `queue`.
    pub(crate) fn new(heaps: &Heaps, queue: u32) -> Result<Self> {
        let threshold = Shared::new(&heaps.shared, Threshold::SIZE)?;

        let mut notifier = event::Notifier::new(heaps.abi);
        notifier
            .set(event::Notifier::THRESHOLD, threshold.va())
            .set(event::Notifier::GENERATION, queue)
            .set(event::Notifier::UNK_10, event::Notifier::UNK_10_VALUE)
            .put(event::Notifier::UNK_BUF, event::Notifier::UNK_BUF_VALUE);

        // Shared: the firmware does not keep its cache of the list in order. It is empty: its end
        // refers to itself.
        let list = Shared::new(&heaps.shared, NotifierList::SIZE)?;
        list.put(NotifierList::LAST, list.va())?;

        Ok(Self {
            notifier: Shared::copy_of(&heaps.private, notifier.as_bytes())?,
            list,
            expected: threshold.field(Threshold::COUNT)?,
        })
    }

    /// Returns the address of the notifier.
    pub(crate) fn va(&self) -> u64 {
        self.notifier.va()
    }

    /// Returns the address of [`event::Notifier::UNK_BUF`] in it, which start operations name; 0 if
    /// the version lacks it.
    pub(crate) fn unk_buf_va(&self) -> u64 {
        match event::Notifier::UNK_BUF.offset_in(self.notifier.abi()) {
            Some(offset) => self.notifier.va() + offset as u64,
            None => 0,
        }
    }

    /// Returns the address of the list head.
    pub(crate) fn list_va(&self) -> u64 {
        self.list.va()
    }

    /// Raises the threshold by the `count` commands that are about to be handed over: one for each
    /// compute command, two for each render. Called before the message to the pipe.
    ///
    /// `&mut`: only the queue's own task does this. The firmware only reads.
    pub(crate) fn expect(&mut self, count: u64) {
        let total = self.expected.load(Relaxed).wrapping_add(count);
        self.expected.store(total, Release);
    }
}
