// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task that frees garbage that neither clients nor queues collect.
//!
//! Clients collect garbage when they allocate memory, and queues do when they end. The garbage of
//! the last of them would stay until the next client comes: the memory of a killed client would not
//! be returned. So this task collects garbage that is older than [`PAUSE`].
//!
//! ```text
//!             garbage, where none was          PAUSE is over, and some is left
//!     idle ───────────────────────────► waiting ─────────────────────────────► cleaning
//!      ▲                                  │ others have collected it              │ done
//!      └──────────────────────────────────┴───────────────────────────────────────┘
//! ```
//!
//! It ends when its scope is cancelled, or when the firmware is dead: then garbage stays garbage.

use crate::{
    alloc::Heaps,
    firmware::Firmware,
    slots::SlotPool, //
};
use core::future::Future;
use kasync::{
    cancelled,
    select,
    time,
    Either, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::Delta, //
};

/// Age at which garbage is collected. A flush of the cache takes the firmware time, so it is not
/// done for each object.
const PAUSE: Delta = Delta::from_millis(200);

/// The state of the task.
pub(crate) struct Collector {
    pub(crate) heaps: Heaps,
    pub(crate) firmware: Arc<Firmware>,
    pub(crate) slots: Arc<SlotPool>,
}

impl Collector {
    /// Collects garbage until the task's scope is cancelled or the firmware is dead.
    pub(crate) async fn run(self) {
        while self.collect_once().await.is_some() {}
    }

    /// Waits for garbage, and collects it. Returns `None` if there is nothing more to be done.
    async fn collect_once(&self) -> Option<()> {
        self.unless_over(self.heaps.has_garbage.notified()).await?;
        self.unless_over(time::sleep(PAUSE)).await?;
        if self.slots.is_closed() {
            // Nothing is sent while the system is suspended. Timers stand still then.
            self.heaps.has_garbage.notify_one();
            return Some(());
        }
        let garbage = self.heaps.take_garbage();
        if garbage.is_empty() {
            return Some(());
        }
        let alive = self.unless_over(self.firmware.control().is_alive()).await;
        if alive == Some(true) {
            drop(garbage);
            return Some(());
        }
        // It may still be written to.
        self.heaps.put_back(garbage);
        if alive == Some(false) {
            self.firmware.give_up(fmt!("cache was not cleaned"));
        }
        None
    }

    /// Returns what `future` gives, or `None` if the task has to end before.
    async fn unless_over<F: Future>(&self, future: F) -> Option<F::Output> {
        match select(self.firmware.crash().or(future), cancelled()).await {
            Either::Left(Ok(output)) => Some(output),
            Either::Left(Err(_)) | Either::Right(()) => None,
        }
    }
}
