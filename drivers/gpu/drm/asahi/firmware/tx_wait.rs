// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting until the firmware has dealt with an entry of a ring.
//!
//! The firmware says nothing when it has: it moves the read index. So what waits for that looks
//! again at each doorbell of the firmware, which is a sign of life and often comes for the very
//! reason, and after a pause, which grows from [`FIRST_PAUSE`] to [`LAST_PAUSE`]. An index that
//! does not move for ten seconds although there is something to read belongs to a firmware that
//! is dead, whatever its mailbox says.

use super::{
    ring::BadIndex,
    tx::{
        Ring,
        Still,
        Ticket,
        TxChannel,
        FIRST_PAUSE,
        LAST_PAUSE,
        TURNS, //
    }, //
};
use kasync::{
    select,
    time, //
};
use kernel::prelude::*;

impl TxChannel {
    /// Sends an entry, and returns when it is in the ring.
    ///
    /// # Errors
    ///
    /// As for [`TxChannel::run`].
    pub(super) async fn post(&self, entry: &[u8]) -> Result {
        while let Err(e) = self.push(entry).map(drop) {
            if e != EAGAIN {
                return Err(e);
            }
            self.wait_until(|ring| Ok(ring.room()? > 0)).await?;
        }
        self.link.ring(self.doorbell);
        Ok(())
    }

    /// Sends an entry, and returns when the firmware has dealt with it.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the firmware is dead, `ETIMEDOUT` if it has dealt with no entry for ten seconds,
    /// after the first.
    pub(super) async fn run(&self, entry: &[u8]) -> Result {
        let _turn = self.crash.or(self.turns.acquire(1)).await?;
        let ticket = loop {
            match self.push(entry) {
                // Only if tasks before this one were cancelled while their entries are in the ring.
                Err(e) if e == EAGAIN => self.wait_until(|ring| Ok(ring.room()? > 0)).await?,
                done => break done?,
            }
        };
        self.link.ring(self.doorbell);
        self.finished(ticket).await
    }

    /// Returns whether [`TxChannel::run`] would have to wait for its turn, or for as many entries
    /// of tasks that do not wait any more.
    pub(super) fn is_crowded(&self) -> bool {
        let is_long = |ring: &Ring| ring.unread().is_ok_and(|unread| unread >= TURNS as u64);
        self.turns.available() == 0 || is_long(&self.ring.lock())
    }

    /// Returns whether the firmware has dealt with any entry.
    pub(super) fn has_begun(&self) -> bool {
        self.ring.lock().done().is_ok_and(|done| done > 0)
    }

    /// Waits until the firmware has dealt with the entry of `ticket`.
    ///
    /// # Errors
    ///
    /// As for [`TxChannel::run`].
    pub(super) async fn finished(&self, ticket: Ticket) -> Result {
        self.wait_until(|ring| Ok(ring.done()? >= ticket.0)).await
    }

    /// Looks at the ring until `ready`, or until the read index has stood still for too long.
    async fn wait_until(&self, ready: impl Fn(&Ring) -> Result<bool, BadIndex>) -> Result {
        let mut still = Still::default();
        let mut pause = FIRST_PAUSE;
        loop {
            let progress = self.link.wakes.progress.notified();
            self.crash.check()?;
            let state = {
                let ring = self.ring.lock();
                ready(&ring).and_then(|ready| Ok((ready, ring.done()?)))
            };
            match state {
                Ok((true, _)) => return Ok(()),
                Ok((false, done)) if still.is_too_long(done) => return Err(ETIMEDOUT),
                Ok((false, _)) => (),
                Err(bad) => return Err(self.broken(bad)),
            }
            self.crash.or(select(progress, time::sleep(pause))).await?;
            pause = core::cmp::min(pause + pause, LAST_PAUSE);
        }
    }
}
