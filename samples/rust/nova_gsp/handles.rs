// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Handles of clients in the firmware, and what becomes of a client whose owner has gone.
//!
//! ```text
//!         take()             the owner has had it freed
//!  free ──────────► owned ──────────────────────────────► free
//!    ▲                │
//!    │                │ dropped: its opening was given up, or it was not closed
//!    │                ▼
//!    └─────────── orphaned ───────────────────────────► kept ────────► free
//!       freed by `reap`, or        the firmware refuses       a reset
//!       with the processor
//! ```
//!
//! A future that is dropped cannot wait for the firmware. So its handle is orphaned, and a task has
//! the firmware free the client with all that is below it. The firmware does calls in their order:
//! what was still in the queue of the opening comes before. No handle is used again until then.

use crate::{
    rpc::Rpc,
    subdevice::free_client, //
};
use kasync::{
    cancelled,
    select,
    sync::Notify,
    Either, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// Clients that there can be.
const COUNT: usize = 128;

const FREE: u32 = 0;
const OWNED: u32 = 1;
const ORPHANED: u32 = 2;
const KEPT: u32 = 3;

/// The table of handles.
pub(crate) struct Handles {
    at: [Atomic<u32>; COUNT],
    orphaned: Notify,
    /// One that was orphaned is not any more.
    reaped: Notify,
}

impl Handles {
    pub(crate) fn new() -> Self {
        Self {
            at: core::array::from_fn(|_| Atomic::new(FREE)),
            orphaned: Notify::new(),
            reaped: Notify::new(),
        }
    }

    /// Takes a handle.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there are as many clients as there can be.
    pub(crate) fn take(&self) -> Result<usize> {
        let is_free = |at: &Atomic<u32>| at.cmpxchg(FREE, OWNED, Full).is_ok();
        self.at.iter().position(is_free).ok_or(EBUSY)
    }

    /// Gives a handle back whose client the firmware does not have, or not any more.
    pub(crate) fn give_back(&self, index: usize) {
        self.at[index].xchg(FREE, Full);
    }

    /// Takes note that a client has no owner any more. Any context.
    pub(crate) fn orphan(&self, index: usize) {
        self.at[index].xchg(ORPHANED, Full);
        self.orphaned.notify_one();
    }

    fn next_orphan(&self) -> Option<usize> {
        let is_orphaned = |at: &Atomic<u32>| at.load(Relaxed) == ORPHANED;
        self.at.iter().position(is_orphaned)
    }

    /// Takes note that the processor was reset: it has no clients.
    pub(crate) fn reset(&self) {
        for at in &self.at {
            let _was_kept = at.cmpxchg(KEPT, FREE, Full);
        }
    }

    /// Waits until no client is orphaned.
    pub(crate) async fn settled(&self) {
        loop {
            let reaped = self.reaped.notified();
            if self.next_orphan().is_none() {
                return;
            }
            reaped.await;
        }
    }
}

/// Has the firmware free orphaned clients, until cancelled. None is left then.
pub(crate) async fn reap(rpc: Arc<Rpc>) {
    loop {
        reap_all(&rpc).await;
        match select(cancelled(), rpc.handles.orphaned.notified()).await {
            Either::Left(()) => return reap_all(&rpc).await,
            Either::Right(()) => {}
        }
    }
}

async fn reap_all(rpc: &Rpc) {
    let handles = &rpc.handles;
    while let Some(index) = handles.next_orphan() {
        let at = match free_client(rpc, index).await {
            Err(e @ (EBUSY | EINVAL | EMSGSIZE | ENOMEM | EPROTO)) => {
                pr_warn!("the firmware does not free a client: {e:?}\n");
                KEPT
            }
            // It has freed it, or has none; or the processor is reset, and the client goes with it.
            _ => FREE,
        };
        handles.at[index].xchg(at, Full);
        handles.reaped.notify_waiters();
    }
}
